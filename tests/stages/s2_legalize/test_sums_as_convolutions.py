"""Sums that convolutions compute over values lying side by side."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ops.graph import Concat
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

RELU = "conv2d 1x1 pad 0, relu"
LAST = "conv2d 1x1 pad 0, 32-bit output"
WEIGHTS = {
    "w": random(8, 3, 1, 1, seed=1), "v": random(8, 3, 1, 1, seed=2),
    "k": random(8, 8, 3, 3, seed=3, scale=0.3), "k1": random(8, 8, 1, 1, seed=4),
    "k2": random(8, 8, 3, 3, seed=5, scale=0.3), "u": random(4, 8, 1, 1, seed=6),
    "bias": random(8, seed=7), "bias2": random(8, seed=8), "scale": random(8, 1, 1, seed=9),
    "tenth": np.float32(0.1).reshape(()),
}  # fmt: skip
BEFORE = "a0 = Conv(x, w) a = Relu(a0) "
SAME = "<pads=[1,1,1,1]>"


def joins(network: Network) -> list[tuple[str, ...]]:
    return [n.inputs for n in network.nodes if isinstance(n.op, Concat)]


def test_a_residual_block_has_two_layers(check: Check) -> None:
    nodes = BEFORE + (
        f"b0 = Conv {SAME} (a, k, bias) b = Relu(b0) c = Conv {SAME} (b, k2, bias2) "
        "s = Add(c, a) r = Relu(s) y = Conv(r, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [RELU, "conv2d 3x3 pad 1, relu", "conv2d 3x3 pad 1, relu", LAST]
    assert joins(network) == [("b", "a")]
    layer = network.nodes[-2].op
    assert isinstance(layer, LayerOp)
    assert layer.weight is not None
    middle = layer.weight.array[:, 8:]
    np.testing.assert_array_equal(middle[:, :, 1, 1], np.eye(8))
    assert np.count_nonzero(middle) == 8


@pytest.mark.parametrize(
    ("sum_", "joined"),
    [
        (f"c = Conv {SAME} (b, k) d = Conv(a, k1) s = Add(c, d)", [("b", "a")]),
        (f"c = Conv {SAME} (b, k, bias) d = Conv(a, k1, bias2) s = Sub(d, c)", [("a", "b")]),
        (f"c = Conv {SAME} (b, k, bias) d = Conv(b, k1, bias2) s = Sub(c, d)", []),
        (f"c = Conv {SAME} (b, k) d = Conv(b, k1) s = Sum(c, b, d)", []),
        (f"c = Conv {SAME} (b, k) d = Conv(b, k1) s = Sum(c, b, a)", [("b", "a")]),
        (f"c = Conv {SAME} (b, k) s = Sub(c, a)", [("b", "a")]),
        (f"c = Conv {SAME} (b, k) s = Sub(a, c)", [("a", "b")]),
    ],
)
def test_what_is_added(check: Check, sum_: str, joined: list[tuple[str, ...]]) -> None:
    before = BEFORE + "b0 = Conv(x, v) b = Relu(b0) "
    network = check(model(f"{before} {sum_} y = Relu(s)", weights=WEIGHTS))
    assert texts(network)[-1] == "conv2d 3x3 pad 1, relu"
    assert joins(network) == joined
    assert "add-in-convolution" in rules(network)


def test_a_scaled_residual(check: Check) -> None:
    """The factor belongs to the weights of the branch."""
    nodes = BEFORE + (
        f"b0 = Conv {SAME} (a, k) b = Relu(b0) c0 = Conv {SAME} (b, k2) c = Mul(c0, three) "
        "s = Add(a, c) y = Conv(s, u)"
    )
    weights = {**WEIGHTS, "three": np.float32(3).reshape(())}
    assert len(texts(check(model(nodes, weights=weights)))) == 4


@pytest.mark.parametrize(
    "branch",
    [
        "c1 = Relu(c0) c = Mul(c1, tenth)",
        "c1 = Abs(c0) c2 = Relu(c1) c = Mul(tenth, c2)",
        "c1 = Clip(c0, minus, one) c = Mul(c1, tenth)",
        "c1 = Relu(c0) c = Mul(c1, positive)",
    ],
)
def test_a_scaled_activation_costs_nothing(check: Check, branch: str) -> None:
    """``x + 0.1 * relu(conv(x))``: the factor is in the weights, the bounds are scaled."""
    nodes = BEFORE + f"c0 = Conv {SAME} (a, k) {branch} s = Add(a, c) y = Conv(s, u)"
    weights = {**WEIGHTS, "positive": np.abs(WEIGHTS["scale"]) + 0.1, "minus": np.float32(-1),
               "one": np.float32(1)}  # fmt: skip
    network = check(model(nodes, weights=weights))
    assert len(texts(network)) == 3
    assert "scale-before-activation" in rules(network)


def test_a_negative_factor_stays_behind_its_activation(check: Check) -> None:
    nodes = BEFORE + f"c0 = Conv {SAME} (a, k) r = Relu(c0) c = Neg(r) s = Add(a, c) y = Conv(s, u)"
    network = check(model(nodes, weights=WEIGHTS))
    assert len(texts(network)) == 4
    assert "scale-before-activation" not in rules(network)


def test_a_unit_matrix_does_not_spoil_small_weights(check: Check) -> None:
    """Beside weights below 1/4, a 1 would cost more than two bits of their precision."""
    nodes = BEFORE + (
        f"b0 = Conv {SAME} (a, k) b = Relu(b0) c = Conv {SAME} (b, small) s = Add(a, c) y = Relu(s)"
    )
    weights = {**WEIGHTS, "small": np.clip(WEIGHTS["k2"], -0.2, 0.2)}
    network = check(model(nodes, weights=weights))
    assert "add-in-convolution" not in rules(network)
    assert texts(network)[-2:] == ["copy", "add 2, conv2d 1x1 pad 0, relu"]


def test_activated_values_are_added_by_the_layer_that_activates_the_sum(check: Check) -> None:
    nodes = (
        BEFORE + f"b0 = Conv {SAME} (a, k) b = Relu(b0) s = Add(a, b) r = Relu(s) y = Conv(r, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [RELU, "conv2d 3x3 pad 1, relu", RELU, LAST]
    assert joins(network) == [("a", "b")]


def test_sums_that_convolutions_read(check: Check) -> None:
    nodes = BEFORE + (
        f"b0 = Conv {SAME} (a, k) b = Relu(b0) s = Sub(a, b) y = Conv(s, u) z = Conv {SAME} (s, k2)"
    )
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert texts(network)[2:] == [LAST, "conv2d 3x3 pad 1, 32-bit output"]
    assert joins(network) == [("a", "b")]
    assert "add-in-weights" in rules(network)


def test_two_sums_of_the_same_values_share_a_join(check: Check) -> None:
    nodes = BEFORE + (
        "b0 = Conv(x, v) b = Relu(b0) s = Add(a, b) d = Sub(a, b) y = Conv(s, u) z = Conv(d, u)"
    )
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert texts(network) == [RELU, RELU, LAST, LAST]
    assert joins(network) == [("a", "b")]


def test_a_pre_activation_block(check: Check) -> None:
    nodes = (
        f"h = Conv(x, w) m1 = Mul(h, scale) r1 = Relu(m1) c1 = Conv {SAME} (r1, k) "
        f"s1 = Add(h, c1) m2 = Mul(s1, scale) r2 = Relu(m2) c2 = Conv {SAME} (r2, k2) "
        "s2 = Add(s1, c2) y = Conv(s2, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [
        "conv2d 1x1 pad 0", RELU, "conv2d 3x3 pad 1", RELU, "conv2d 3x3 pad 1", LAST,
    ]  # fmt: skip


def test_a_residual_block_of_a_sequence(check: Check) -> None:
    weights = {"w": random(8, 3, 3, seed=1), "k": random(8, 8, 5, seed=2, scale=0.3),
               "u": random(4, 8, 3, seed=3)}  # fmt: skip
    nodes = (
        "a0 = Conv(x, w) a = Relu(a0) b = Conv <pads=[2,2]> (a, k) s = Add(b, a) r = Relu(s) "
        "y = Conv(r, u)"
    )
    network = check(model(nodes, inputs="float[1,3,20] x", weights=weights))
    assert texts(network) == ["conv1d 3x1 pad 0, relu", "conv1d 5x1 pad 2, relu",
                              "conv1d 3x1 pad 0, 32-bit output"]  # fmt: skip
    assert joins(network) == []


def test_a_part_of_another_join_is_added_otherwise(check: Check) -> None:
    """It cannot lie beside two partners."""
    nodes = BEFORE + (
        f"b0 = Conv(x, v) b = Relu(b0) j = Concat <axis=1> (a, b) z = Conv(j, u2) "
        f"c0 = Conv {SAME} (b, k) c = Relu(c0) d = Conv {SAME} (c, k2) s = Add(d, a) r = Relu(s) "
        "y = Conv(r, u)"
    )
    weights = {**WEIGHTS, "u2": random(4, 16, 1, 1, seed=10)}
    network = check(model(nodes, outputs="y, z", weights=weights))
    assert joins(network) == [("a", "b")]
    assert "add 2, conv2d 1x1 pad 0, relu" in texts(network)
