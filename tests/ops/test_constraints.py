"""Constraints say their rule with the chip's numbers, and find exactly what violates it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import constraints, constraints_convolution
from mxdeploy.ops.constraint import Constraint
from mxdeploy.ops.constraints import ALL
from mxdeploy.ops.graph import Conv, Pooling
from mxdeploy.ops.layer import Kind, LayerSpec, Pool, PoolKind


@pytest.mark.parametrize("constraint", ALL, ids=lambda c: c.name)
def test_the_docstring_is_a_sentence_with_numbers(constraint: Constraint) -> None:
    assert constraint.__doc__ == constraint.text
    assert constraint.text.endswith(".")
    assert constraint.text[0].isupper()
    assert "{" not in constraint.text + constraint.fix
    assert constraint.fix
    assert re.fullmatch(r"MX20\d\d", constraint.code)


def test_codes_and_names_are_unique() -> None:
    assert len({c.code for c in ALL}) == len({c.name for c in ALL}) == len(ALL)


def test_the_numbers_are_the_chips() -> None:
    assert f"{limits.MAX_POOL_SIZE.value} rows" in constraints.pool_size.text
    assert str(limits.MAX_FLATTEN_INPUTS.value) in constraints.layer_flatten.text
    assert str(limits.MAX_CONV1D_KERNEL.value) in constraints_convolution.conv1d_kernel.text


@pytest.mark.parametrize(
    ("rows", "pad", "pool", "fits"),
    [
        (1020, 2, None, True), (1021, 2, None, False), (1022, 1, None, True), (1023, 0, None, True),
        (1023, 1, 2, False), (1022, 1, 2, True), (1024, 0, 2, False), (1024, 0, None, False),
    ],
)  # fmt: skip
def test_padding_counts_with_the_stored_map(
    rows: int, pad: int, pool: int | None, fits: bool
) -> None:
    """RCNT holds rows - 1 + 2 * pad in ten bits, with the rows before pooling."""
    spec = LayerSpec(
        kind=Kind.CONV2D, in_channels=1, in_size=(rows, 4), out_channels=1, kernel=(3, 3),
        pad=(pad, 1), pool=pool and Pool(kind=PoolKind.MAX, size=(pool, 1), stride=pool),
    )  # fmt: skip
    assert (constraints.layer_size(spec, ()) is None) is fits
    assert (rows - 1 + 2 * pad <= reg.RowCount.bit_fields()["last_row"].maximum
            and rows <= limits.MAX_DIMENSION) is fits  # fmt: skip


def conv2d(kernel: tuple[int, int] = (3, 3), **changes: object) -> Conv:
    weight = Tensor(np.zeros((4, 3, *kernel), np.float32))
    values = {
        "weight": weight, "bias": None, "pads": (0, 0, 0, 0), "strides": (1, 1),
        "dilations": (1, 1), "groups": 1, **changes,
    }  # fmt: skip
    return Conv(**values)


def broken(op: Conv) -> set[str]:
    checks = (*constraints_convolution.CONV, *constraints_convolution.CONV_ALONE)
    return {c.name for c in checks if c(op, (3, 8, 8)) is not None}


@pytest.mark.parametrize(
    ("op", "names"),
    [
        (conv2d(), set()),
        (conv2d((1, 1)), set()),
        (conv2d(groups=3), set()),
        (conv2d(groups=400), {"conv_channels"}),
        (conv2d(strides=(2, 2)), set()),
        (conv2d(strides=(1, 2)), {"conv_stride"}),
        (conv2d(strides=(17, 17)), {"conv_stride"}),
        (conv2d(dilations=(2, 1)), {"conv2d_kernel"}),
        (conv2d((1, 1), dilations=(2, 2)), set()),
        (conv2d((5, 5)), {"conv2d_kernel"}),
        (conv2d((7, 3), strides=(2, 1)), {"conv2d_kernel", "conv_stride"}),
        (conv2d(pads=(2, 2, 2, 2)), set()),
        (conv2d(pads=(3, 3, 3, 3)), {"conv_padding"}),
        (conv2d(pads=(0, 1, 0, 0)), {"conv_padding"}),
    ],
)
def test_convolutions(op: Conv, names: set[str]) -> None:
    assert broken(op) == names


@given(
    rows=st.integers(1, 40), window=st.integers(1, 16), first=st.integers(1, 20),
    second=st.integers(1, 20), columns=st.integers(1, 40),
)  # fmt: skip
def test_the_common_stride_visits_the_same_windows(
    rows: int, columns: int, window: int, first: int, second: int
) -> None:
    """Windows of both directions start where the two strides of the model say."""
    window_columns = min(window, columns)
    window_rows = min(window, rows)
    op = Pooling(
        average=False, size=(window_rows, window_columns), strides=(first, second),
        pads=(0, 0, 0, 0), dilations=(1, 1),
    )  # fmt: skip
    stride = constraints.common_stride(op, (rows, columns))
    last = (rows - window_rows, columns - window_columns)
    wanted = [list(range(0, n + 1, s)) for n, s in zip(last, (first, second), strict=True)]
    possible = [
        s
        for s in range(1, limits.MAX_POOL_STRIDE.value + 1)
        if wanted == [list(range(0, n + 1, s)) for n in last]
    ]
    assert (stride is None) == (not possible)
    assert stride is None or stride in possible


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 6.0, True), (-1.0, 1.0, True), (-1.0, 127 / 128, True), (-128 / 127, 1.0, True),
        (-1.0, 0.99, False), (-1.0, 6.0, False), (0.5, 1.0, False), (-1.0, 0.0, False),
        (-np.inf, 6.0, False), (0.0, np.inf, False), (-1.0, np.inf, False),
    ],
)  # fmt: skip
def test_bounds_that_saturation_can_be(low: float, high: float, expected: bool) -> None:
    assert constraints.is_saturation(low, high) is expected


@pytest.mark.parametrize(
    ("channels", "size", "legal"),
    [
        (64, (16, 16), True), (64, (257, 1), False), (65, (16, 8), True), (65, (16, 9), False),
        (1024, (4, 4), True), (1024, (17, 1), False),
    ],
)  # fmt: skip
def test_flattening(channels: int, size: tuple[int, int], legal: bool) -> None:
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=size, out_channels=2, flatten=True
    )
    assert (constraints.layer_flatten(spec, spec.in_shape) is None) is legal
