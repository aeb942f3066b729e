"""Poolings along rows of a map only."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs

WEIGHTS = {"w": random(4, 3, 3, 3, seed=1), "u": random(2, 4, 3, 3, seed=2)}


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("width", [2, 3])
def test_columns_alone(check: Check, kind: str, width: int) -> None:
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) r = Relu(h) "
        f"p = {kind} <kernel_shape=[1,{width}], strides=[1,{width}]> (r) y = Conv(p, u)",
        inputs="float[1,3,9,12] x", weights=WEIGHTS,
    )  # fmt: skip
    network = check(proto)
    assert "pool-columns" in rules(network)
    assert [s.in_size for s in specs(network)] == [
        (9, 12), (9 * 12 // width, width), (9, 12 // width),
    ]  # fmt: skip


def test_columns_behind_the_last_window_are_cut_off(check: Check) -> None:
    proto = model(
        "h = Conv <pads=[1,1,1,1]> (x, w) r = Relu(h) "
        "p = MaxPool <kernel_shape=[1,3], strides=[1,3]> (r) y = Conv(p, u)",
        inputs="float[1,3,9,14] x", weights=WEIGHTS,
    )  # fmt: skip
    network = check(proto)
    assert "pool-columns" in rules(network)
    assert specs(network)[-2].in_size == (9 * 4, 3)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ("kernel_shape=[2,1], strides=[2,1]", (64, 64)),
        ("kernel_shape=[2,2], strides=[2,3]", (9, 12)),
        ("kernel_shape=[1,2], strides=[1,2]", (64, 64)),  # 2048 rows
    ],
)
def test_others_are_refused(refuse: Refuse, attributes: str, size: tuple[int, int]) -> None:
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) p = MaxPool <{attributes}> (h) y = Conv(p, u)",
        inputs=f"float[1,3,{size[0]},{size[1]}] x", weights=WEIGHTS,
    )  # fmt: skip
    assert [(w, c) for w, c, _ in refuse(proto)] == [("MaxPool(p)", "MX2021")]
