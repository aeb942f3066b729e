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
from mxdeploy.stages.s6_emit.head_planes import Bounds, HeadPlan, Plane, plan_head
from tests.onnx_text import random
from tests.ops.test_head import heads

SCALE = 0.03


def plan(found: list[HeadOp], shape: tuple[int, ...]) -> HeadPlan:
    chip = (*shape_after(found, shape), 1)[:3]
    return plan_head(found, shape, chip, SCALE, pixels(Scale.CHIP))


def gathered(plane: Plane, x: np.ndarray):
    """The elements of one channel that come from the input, and where they go."""
    for row in range(*plane.rows):
        for column in range(*plane.columns):
            place = plane.first + row * plane.row_step + column * plane.column_step
            assert 0 <= place < x.size
            yield row, column, x.reshape(-1)[place]


def prepared(plan: HeadPlan, number: np.float32, group: int) -> np.float32:
    for function in plan.functions:
        if isinstance(function, Bounds):
            number = np.clip(number, np.float32(function.low), np.float32(function.high))
        else:
            scale, offset = (np.float32(v[group]) for v in (function.scales, function.offsets))
            number = np.float32(number * scale) + offset
    return number


@given(heads(), st.integers(0, 99))
def test_planes_and_functions_give_the_references_integers(case, seed: int) -> None:
    shape, found = case
    rank = len(shape_after(found, shape))
    assume(rank in (2, 3))
    try:
        made = plan(found, shape)
    except ValueError as error:
        assert "no regular order" in str(error)  # noqa: PT017 - mixed up by reshapes
        assert any(isinstance(op, head.Reshape) for op in found)
        return
    x = random(*shape, seed=seed)
    bright = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    after = (*shape_after(found, shape), 1)[:3]
    real, integers = np.zeros(after, np.float32), np.zeros(after, np.int8)
    for channel, plane in enumerate(made.planes):
        for row, column, number in gathered(plane, x):
            real[channel, row, column] = prepared(made, number, plane.group)
        for row, column, pixel in gathered(plane, bright):
            integers[channel, row, column] = made.pixels[plane.group, pixel]
    expected = apply_head(found, x[np.newaxis]).reshape(after)
    if not zeros_change(found):
        assert np.array_equal(real, expected)
        shown = apply_head(found, pixels(Scale.CHIP)[bright][np.newaxis])
        assert np.array_equal(integers, quantized_input(shown, SCALE).reshape(after))


def zeros_change(found: list[HeadOp]) -> bool:
    """Whether zeros that a step has put in are given an offset later, which no rule does."""
    zeros = False
    for op in found:
        if isinstance(op, head.Affine) and zeros:
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
    assert made.groups == groups
    assert made.pixels.shape == (groups, 256)
    assert len({row.tobytes() for row in made.pixels}) == groups
