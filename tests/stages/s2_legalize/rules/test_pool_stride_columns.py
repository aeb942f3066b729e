"""Poolings whose stride along columns is larger than along rows."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs

WEIGHTS = {"w": random(4, 3, 3, 3, seed=1), "u": random(2, 4, 3, 3, seed=2)}


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    ("size", "strides", "columns", "wide"),
    [
        ((1, 3), (1, 2), 13, 12),  # 11 columns of windows, one more of zeros makes 12
        ((3, 3), (1, 2), 12, 10),  # as many as there are
        ((2, 2), (2, 4), 21, 10),
        ((2, 1), (1, 3), 12, 12),
    ],
)
def test_columns_are_taken_from_all_pixels_in_a_row(
    check: Check,
    kind: str,
    size: tuple[int, int],
    strides: tuple[int, int],
    columns: int,
    wide: int,
) -> None:
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) "
        f"p = {kind} <kernel_shape={list(size)}, strides={list(strides)}> (h) y = Conv(p, u)",
        inputs=f"float[1,3,12,{columns}] x", weights=WEIGHTS,
    )  # fmt: skip
    network = check(proto)
    assert "pool-stride-of-columns" in rules(network)
    rows = (12 - size[0]) // strides[0] + 1
    assert (rows * wide, 1) in [s.in_size for s in specs(network)]


def test_padding_is_put_in_front(check: Check) -> None:
    """Behind ReLU a maximum does not see zeros."""
    attributes = "kernel_shape=[3,3], strides=[1,2], pads=[1,1,1,1]"
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) r = Relu(h) p = MaxPool <{attributes}> (r) "
        "y = Conv(p, u)",
        inputs="float[1,3,12,12] x", weights=WEIGHTS,
    )  # fmt: skip
    network = check(proto)
    assert {"pad-before-pooling", "pool-stride-of-columns"} <= set(rules(network))


def test_too_many_pixels(refuse: Refuse) -> None:
    proto = model(
        "h = Conv <pads=[1,1,1,1]> (x, w) p = MaxPool <kernel_shape=[3,3], strides=[1,2]> (h) "
        "y = Conv(p, u)",
        inputs="float[1,3,34,34] x", weights=WEIGHTS,  # 32 rows of 32 columns are 1024
    )  # fmt: skip
    assert [(w, c) for w, c, _ in refuse(proto)] == [("MaxPool(p)", "MX2021")]
