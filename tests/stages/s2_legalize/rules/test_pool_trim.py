"""Padding that windows do not reach, ceil_mode, and single windows."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

CONV = {"w": random(4, 3, 3, 3, seed=1)}


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ("kernel_shape=[2,2], strides=[2,2], pads=[0,0,1,1]", "max 2x2/2"),  # 6 rows: 3 windows
        ("kernel_shape=[3,3], strides=[3,3], pads=[0,0,1,1]", "max 3x3/3"),
        ("kernel_shape=[6,6], strides=[4,4], pads=[2,2,1,1]", "max 4x4/4"),  # one window
        ("kernel_shape=[2,2], strides=[2,2], ceil_mode=1", "max 2x2/2"),
        ("kernel_shape=[6,6], pads=[0,0,0,0], ceil_mode=1", "max 6x6/1"),
    ],
)
def test_padding_without_effect_is_dropped(check: Check, attributes: str, text: str) -> None:
    network = check(model(f"h = Conv(x, w) y = MaxPool <{attributes}> (h)", weights=CONV))
    assert texts(network)[1] == text
    assert "trim-pooling" in rules(network)
    assert "pad-signed-pooling" not in rules(network)


def test_an_average_over_one_window_does_not_need_its_padding(check: Check) -> None:
    pool = "AveragePool <kernel_shape=[7,7], pads=[1,1,0,0]> (h)"
    network = check(model(f"h = Conv(x, w) y = {pool}", weights=CONV))
    assert texts(network)[1] == "average 6x6/1"
