"""Poolings with gaps between their elements."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts

CONV = {"w": random(4, 3, 1, 1, seed=1)}


@pytest.mark.parametrize(
    ("attributes", "second"),
    [
        ("kernel_shape=[2,2], dilations=[2,2], strides=[2,2]", "max 2x2/1"),
        ("kernel_shape=[3,3], dilations=[2,2], strides=[4,4]", "max 3x3/2"),
        ("kernel_shape=[2,3], dilations=[3,3], strides=[3,3]", "max 2x3/1"),
        ("kernel_shape=[4,4], dilations=[3,3]", "max 4x4/1"),  # a single window
    ],
)
def test_every_nth_pixel_is_taken_first(check: Check, attributes: str, second: str) -> None:
    proto = model(f"h = Conv(x, w) y = MaxPool <{attributes}> (h)",
                  inputs="float[1,3,10,10] x", weights=CONV)  # fmt: skip
    network = check(proto)
    step = attributes.split("dilations=[")[1][0]
    assert texts(network)[1:] == [f"max 1x1/{step}", second]
    assert "pool-every-nth" in rules(network)


@pytest.mark.parametrize("more", ["dilations=[2,2]", "dilations=[2,1], strides=[2,2]"])
def test_other_gaps_are_refused(refuse: Refuse, more: str) -> None:
    proto = model(f"h = Conv(x, w) y = MaxPool <kernel_shape=[2,2], {more}> (h)", weights=CONV)
    assert [(w, c) for w, c, _ in refuse(proto)] == [("MaxPool(y)", "MX2023")]
