"""Convolutions with nothing in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.ir.objective import Objective
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, save
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts


def separable(between: str = "") -> str:
    """A depthwise and a pointwise convolution between two others."""
    middle = f"n = {between}(d) " if between else ""
    return (
        f"h = Conv(x, v) r = Relu(h) d = Conv <group=8, pads=[1,1,1,1]> (r, w, b) {middle}"
        f"p = Conv({'n' if between else 'd'}, u, c) q = Relu(p) y = Conv(q, z)"
    )


def weights(outputs: int) -> dict[str, object]:
    return {
        "v": random(8, 3, 1, 1, seed=1), "w": random(8, 1, 3, 3, seed=2), "b": random(8, seed=3),
        "u": random(outputs, 8, 1, 1, seed=4), "c": random(outputs, seed=5),
        "z": random(2, outputs, 1, 1, seed=6),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outputs", "rule"), [(8, "merge-convolutions"), (16, "merge-convolutions-wide")]
)
def test_depthwise_and_pointwise(check: Check, outputs: int, rule: str) -> None:
    network = check(model(separable(), weights=weights(outputs)))
    assert rule in rules(network)
    assert texts(network)[1] == "conv2d 3x3 pad 1, relu"
    assert len(network.nodes) == 3


def test_an_activation_keeps_them_apart(check: Check) -> None:
    network = check(model(separable("Relu"), weights=weights(8)))
    assert len(network.nodes) == 4


def test_weights_are_not_spent_where_memory_counts(tmp_path: Path) -> None:
    path = save(model(separable(), weights=weights(16)), tmp_path)
    network = legalize(import_onnx(path), Objective.MEMORY)
    assert len(network.nodes) == 4


def test_a_bottleneck_stays_one(check: Check) -> None:
    """64 channels to 4 and back are fewer cycles and weights than 64 to 64."""
    network = check(
        model(
            "h = Conv(x, v) r = Relu(h) a = Conv(r, w) y = Conv(a, u)",
            weights={
                "v": random(64, 3, 1, 1, seed=1), "w": random(4, 64, 1, 1, seed=2),
                "u": random(40, 4, 1, 1, seed=3),
            },
        )
    )  # fmt: skip
    assert [s.out_channels for s in specs(network)][1:] in ([4, 40], [40])


@pytest.mark.parametrize(("bias", "pads", "layers"), [(False, 1, 2), (True, 0, 2), (True, 1, 3)])
def test_a_single_tap_in_front(check: Check, *, bias: bool, pads: int, layers: int) -> None:
    """A bias in front of padding would be missing in the padding."""
    network = check(
        model(
            f"h = Conv(x, v) r = Relu(h) a = Conv(r, w{', b' if bias else ''}) "
            f"y = Conv <pads={[pads] * 4}> (a, u, c)",
            weights={
                "v": random(4, 3, 1, 1, seed=1), "w": random(9, 4, 1, 1, seed=2),
                "b": random(9, seed=3), "u": random(5, 9, 3, 3, seed=4), "c": random(5, seed=5),
            },
        )
    )  # fmt: skip
    assert len(network.nodes) == layers


def test_strides_multiply(check: Check) -> None:
    network = check(
        model(
            "h = Conv(x, v) r = Relu(h) a = Conv <pads=[1,1,1,1], strides=[2,2]> (r, w) "
            "y = Conv <strides=[2,2]> (a, u)",
            weights={
                "v": random(4, 3, 1, 1, seed=1), "w": random(9, 4, 3, 3, seed=2),
                "u": random(5, 9, 1, 1, seed=3),
            },
        )
    )  # fmt: skip
    assert network.value("y").shape == (5, 2, 2)
    assert rules(network) & {"merge-convolutions", "merge-convolutions-wide"}


def test_sequences(check: Check) -> None:
    network = check(
        model(
            "h = Conv(x, v) r = Relu(h) a = Conv <pads=[2,2]> (r, w) y = Conv(a, u)",
            inputs="float[1,3,20] x",
            weights={
                "v": random(4, 3, 1, seed=1), "w": random(9, 4, 5, seed=2),
                "u": random(5, 9, 1, seed=3),
            },
        )
    )  # fmt: skip
    assert len(network.nodes) == 2
