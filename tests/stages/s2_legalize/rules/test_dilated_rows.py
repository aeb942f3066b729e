"""Dilated 1-D convolutions as 2-D ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

SEARCH = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def dilated(check: Check, taps: int, dilation: int, pads: tuple[int, int], length: int = 48):
    weights = {
        "v": random(4, 3, 1, seed=1), "w": random(5, 4, taps, seed=2), "b": random(5, seed=3),
        "u": random(2, 5, 3, seed=4),
    }  # fmt: skip
    return check(
        model(
            f"h = Conv(x, v) r = Relu(h) c = Conv <dilations=[{dilation}], pads={list(pads)}> "
            "(r, w, b) k = Relu(c) y = Conv <pads=[1,1]> (k, u)",
            inputs=f"float[1,3,{length}] x", weights=weights,
        )
    )  # fmt: skip


@pytest.mark.parametrize("dilation", [6, 8, 12, 16])
def test_one_layer(check: Check, dilation: int) -> None:
    network = dilated(check, 3, dilation, (dilation, dilation))
    assert "dilation-as-rows" in rules(network)
    assert texts(network)[1] == "conv2d 3x3 pad 1, relu"
    assert len(network.nodes) == 3


def test_causal_padding_takes_a_layer_more(check: Check) -> None:
    assert len(dilated(check, 3, 16, (32, 0)).nodes) == 4


def test_nine_taps_are_enough_for_small_dilations(check: Check) -> None:
    assert "dilation-as-rows" not in rules(dilated(check, 3, 2, (2, 2)))


@SEARCH
@given(
    taps=st.integers(2, 5), dilation=st.sampled_from([3, 4, 6, 8]),
    begin=st.integers(0, 3), end=st.integers(0, 3),
)  # fmt: skip
def test_any(check: Check, taps: int, dilation: int, begin: int, end: int) -> None:
    dilated(check, taps, dilation, (begin * dilation, end * dilation))
