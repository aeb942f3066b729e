"""Plans of the C code for the model's input, carried out in Python: the reference's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mxdeploy.arith.head import apply_head, quantized_input
from mxdeploy.data import Scale, pixels
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import head
from mxdeploy.ops.head import HeadOp, shape_after
from mxdeploy.stages.s6_emit.head_planes import Bounds, HeadPlan, Spread, plan_head
from tests.onnx_text import random
from tests.ops.test_head import heads

SCALE = 0.03


def plan(found: list[HeadOp], shape: tuple[int, ...]) -> HeadPlan:
    chip = (*shape_after(found, shape), 1)[:3]
    return plan_head(found, shape, chip, SCALE, pixels(Scale.CHIP))


def elements(made: HeadPlan, chip: tuple[int, int, int]) -> np.ndarray:
    """The element behind each of the chip's, or -1."""
    if made.order is not None:
        assert made.planes == ()
        return made.order.reshape(chip)
    result = np.full(chip, -1)
    for channel, plane in enumerate(made.planes):
        for row in range(*plane.rows):
            for column in range(*plane.columns):
                place = plane.first + row * plane.row_step + column * plane.column_step
                result[channel, row, column] = place
    return result


def prepared(made: HeadPlan, number: np.float32, group: int, element: int) -> np.float32:
    for function in made.functions:
        if isinstance(function, Bounds):
            number = np.clip(number, np.float32(function.low), np.float32(function.high))
            continue
        at = element if isinstance(function, Spread) else group
        if function.scales is not None:
            number = np.float32(number * np.float32(function.scales[at]))
        if function.offsets is not None:
            number = np.float32(number + np.float32(function.offsets[at]))
    return number


@given(heads(), st.integers(0, 99))
def test_planes_and_functions_give_the_references_integers(case, seed: int) -> None:
    shape, found = case
    assume(not zeros_change(found))
    made = plan(found, shape)
    x = random(*shape, seed=seed)
    bright = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    chip = (*shape_after(found, shape), 1)[:3]
    real, integers = np.zeros(chip, np.float32), np.zeros(chip, np.int8)
    for place, element in np.ndenumerate(elements(made, chip)):
        if element >= 0:
            group = made.groups[place[0]]
            real[place] = prepared(made, x.reshape(-1)[element], group, element)
            if made.pixels is not None:
                integers[place] = made.pixels[group, bright.reshape(-1)[element]]
    assert np.array_equal(real, apply_head(found, x[np.newaxis]).reshape(chip))
    if made.pixels is not None:
        shown = apply_head(found, pixels(Scale.CHIP)[bright][np.newaxis])
        assert np.array_equal(integers, quantized_input(shown, SCALE).reshape(chip))


def zeros_change(found: list[HeadOp]) -> bool:
    """Whether zeros that a step has put in are given an offset later, which no rule does."""
    zeros = False
    for op in found:
        if isinstance(op, head.Affine | head.PerElement) and zeros:
            return True
        zeros = zeros or isinstance(op, head.Pad | head.ShiftedCopies)
    return False


@pytest.mark.parametrize(
    ("found", "shape", "groups"),
    [
        ([], (3, 4, 5), 1),
        ([head.Transpose(origin="", axes=(2, 0, 1))], (4, 5, 3), 1),
        ([head.Affine(origin="", scale=Tensor(random(3)), offset=Tensor(random(3)))], (3, 4, 5), 3),
        ([head.Affine(origin="", scale=Tensor(random(3)), offset=Tensor(random(3))),
          head.SpaceToDepth(origin="", block=(2, 2))], (3, 4, 6), 3),
    ],
)  # fmt: skip
def test_tables_are_shared_by_channels_alike(
    found: list[HeadOp], shape: tuple[int, ...], groups: int
) -> None:
    made = plan(found, shape)
    assert len(set(made.groups)) == groups
    assert made.pixels is not None
    assert made.pixels.shape == (groups, 256)
    assert len({row.tobytes() for row in made.pixels}) == groups


def test_channels_that_are_mixed_have_their_factors_element_by_element() -> None:
    """A channel of the chip with the end of one channel and the beginning of the next."""
    found: list[HeadOp] = [
        head.Affine(origin="", scale=Tensor(random(3)), offset=Tensor(random(3, seed=1))),
        head.Transpose(origin="", axes=(0, 2, 1)),
        head.Reshape(origin="", before=(3, 6, 4), after=(2, 6, 6)),
    ]
    made = plan(found, (3, 4, 6))
    assert made.order is not None
    assert made.pixels is None
    assert isinstance(made.functions[0], Spread)
    assert set(made.groups) == {0}
