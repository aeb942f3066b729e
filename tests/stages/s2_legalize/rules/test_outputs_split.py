"""Layers with more outputs than there is room for biases."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs


@pytest.mark.parametrize("outputs", [513, 700, 1024])
def test_biases_of_two_quadrants(check: Check, outputs: int) -> None:
    proto = model(
        "f = Flatten(x) h = Gemm(f, m, b) r = Relu(h) y = MatMul(r, n)",
        weights={"m": random(192, outputs), "b": random(outputs), "n": random(outputs, 5)},
    )
    network = check(proto)
    parts = [s.out_channels for s in specs(network)[:-1]]
    assert len(parts) == 2
    assert sum(parts) == outputs
    assert parts[0] % 64 == 0
    assert "split-outputs" in rules(network)


def test_without_bias_one_layer_has_room(check: Check) -> None:
    proto = model("f = Flatten(x) h = MatMul(f, m) y = MatMul(h, n)",
                  weights={"m": random(192, 700), "n": random(700, 5)})  # fmt: skip
    assert [s.out_channels for s in specs(check(proto))] == [700, 5]


def test_convolutions(check: Check) -> None:
    proto = model("h = Conv(x, w, b) y = Conv(h, u)", weights={
        "w": random(600, 3, 3, 3), "b": random(600), "u": random(2, 600, 1, 1),
    })  # fmt: skip
    assert [s.out_channels for s in specs(check(proto))] == [320, 280, 2]


def test_more_channels_than_a_layer_reads(refuse: Refuse) -> None:
    proto = model("f = Flatten(x) h = MatMul(f, m) y = MatMul(h, n)",
                  weights={"m": random(192, 1025), "n": random(1025, 5)})  # fmt: skip
    assert {c for _, c, _ in refuse(proto)} == {"MX2040"}
