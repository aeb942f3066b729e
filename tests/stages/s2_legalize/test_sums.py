"""Values that are added or subtracted: in flight, in a layer of their own, with copies."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ir.network import LayerOp
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts

POOL = "<kernel_shape=[2,2], strides=[2,2]>"
TWO = "a = Conv(x, w) b = Conv(x, v) "
WEIGHTS = {
    "w": random(4, 3, 1, 1, seed=1), "v": random(4, 3, 1, 1, seed=2),
    "u": random(5, 4, 3, 3, seed=3), "t": random(4, 4, 1, 1, seed=4),
    "t2": random(4, 4, 1, 1, seed=5), "m": random(4 * 64, 6, seed=6, scale=0.1),
    "one": np.float32(1).reshape(()), "minus": np.float32(-1).reshape(()),
    "scale": random(4, 1, 1, seed=7), "tenth": np.float32(0.1).reshape(()),
}  # fmt: skip
OPERANDS = ["conv2d 1x1 pad 0, relu"] * 2
RELU_TWO = "a0 = Conv(x, w) a = Relu(a0) b0 = Conv(x, v) b = Relu(b0) "


@pytest.mark.parametrize(
    ("nodes", "layers"),
    [
        ("s = Add(a, b) y = Conv(s, u)", ["add 2, conv2d 3x3 pad 0, 32-bit output"]),
        ("s = Sub(a, b) y = Conv(s, u)", ["sub 2, conv2d 3x3 pad 0, 32-bit output"]),
        ("s = Sub(b, a) y = Conv(s, t)", ["sub 2, conv2d 1x1 pad 0, 32-bit output"]),
        ("s = Add(a, b) y = Relu(s)", ["add 2, conv2d 1x1 pad 0, relu"]),
        ("s = Sub(a, b) y = Abs(s)", ["sub 2, conv2d 1x1 pad 0, abs"]),
        ("s = Add(a, b) y = Mul(s, scale)", ["add 2, conv2d 1x1 pad 0, 32-bit output"]),
        ("y = Add(a, b)", ["add 2"]),
        (
            f"s = Add(a, b) p = MaxPool {POOL} (s) y = Conv(p, u)",
            ["add 2, max 2x2/2, conv2d 3x3 pad 0, 32-bit output"],
        ),
        (f"s = Add(a, b) y = AveragePool {POOL} (s)", ["add 2, average 2x2/2"]),
        (
            f"p = MaxPool {POOL} (a) q = MaxPool {POOL} (b) s = Add(p, q) y = Conv(s, u)",
            ["max 2x2/2, add 2, conv2d 3x3 pad 0, 32-bit output"],
        ),
        (
            f"p = MaxPool {POOL} (a) q = MaxPool {POOL} (b) y = Sub(p, q)",
            ["max 2x2/2, sub 2"],
        ),
        (
            f"p = MaxPool {POOL} (a) q = AveragePool {POOL} (b) y = Add(p, q)",
            ["max 2x2/2", "average 2x2/2", "add 2"],
        ),
        (
            (
                "s = GlobalAveragePool(a) r = GlobalAveragePool(b) q = Add(s, r) f = Flatten(q) "
                "y = MatMul(f, t3)"
            ),
            ["average 8x8/1, add 2, conv2d 1x1 pad 0, 32-bit output"],
        ),
        ("s = Add(a, b) f = Flatten(s) y = MatMul(f, m)",
         ["add 2", "flatten, linear, 32-bit output"]),
    ],
)  # fmt: skip
def test_two_operands(check: Check, nodes: str, layers: list[str]) -> None:
    weights = {**WEIGHTS, "t3": random(4, 3, seed=8)}
    network = check(model(RELU_TWO + nodes, weights=weights))
    assert texts(network) == OPERANDS + layers


@pytest.mark.parametrize(
    ("nodes", "layers", "clips"),
    [
        ("y = Conv(c, u)", ["add 2, conv2d 3x3 pad 0, 32-bit output"], [(-1.0, 1.0)]),
        (
            f"p = MaxPool {POOL} (c) y = Conv(p, u)",
            ["add 2, max 2x2/2, conv2d 3x3 pad 0, 32-bit output"],
            [(-1.0, 1.0)],
        ),
        ("r = Relu(c) y = Conv(r, u)", None, [None]),
        ("d = Clip(c, mhalf, half) y = Conv(d, u)", None, [(-0.5, 0.5)]),
        ("f = Flatten(c) y = MatMul(f, m)", ["add 2", "flatten, linear, 32-bit output"], []),
        ("e = Add(c, a) y = Conv(e, u)", None, []),
    ],
)
def test_a_clip_of_a_sum_is_its_saturation(
    check: Check, nodes: str, layers: list[str] | None, clips: list[tuple[float, float] | None]
) -> None:
    weights = {**WEIGHTS, "half": np.float32(0.5), "mhalf": np.float32(-0.5)}
    before = RELU_TWO + "s = Add(a, b) c = Clip(s, minus, one) "
    network = check(model(before + nodes, weights=weights))
    if layers is not None:
        assert texts(network) == OPERANDS + layers
    assert [
        n.op.combined_clip
        for n in network.nodes
        if isinstance(n.op, LayerOp) and n.op.spec.eltwise and n.op.weight is not None
    ] == clips


def test_sums_of_sums_are_one_layer(check: Check) -> None:
    nodes = RELU_TWO + "c0 = Conv(x, w) c = Abs(c0) s = Add(a, b) q = Add(c, s) y = Conv(q, u)"
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network)[-1] == "add 3, conv2d 3x3 pad 0, 32-bit output"
    assert len(network.nodes) == 4


@pytest.mark.parametrize(
    ("nodes", "function"),
    [("s = Sub(a, b) q = Sub(s, c)", "sub 3"), ("s = Add(b, c) q = Sub(a, s)", "sub 3"),
     ("s = Sub(b, c) q = Sub(a, s)", "sub 2"), ("s = Sub(b, c) q = Add(a, s)", "add 2"),
     ("q = Sum(a, b, c)", "add 3")],
)  # fmt: skip
def test_the_order_of_differences(check: Check, nodes: str, function: str) -> None:
    before = RELU_TWO + "c0 = Conv(x, w) c = Abs(c0) "
    network = check(model(f"{before} {nodes} y = Relu(q)", weights=WEIGHTS))
    assert texts(network)[-1] == f"{function}, conv2d 1x1 pad 0, relu"


def test_three_operands_are_pooled_after_they_are_added(check: Check) -> None:
    before = RELU_TWO + "c0 = Conv(x, w) c = Abs(c0) s = Sum(a, b, c) "
    network = check(model(f"{before} p = MaxPool {POOL} (s) y = Conv(p, u)", weights=WEIGHTS))
    assert texts(network)[-2:] == ["add 3", "max 2x2/2, conv2d 3x3 pad 0, 32-bit output"]
    network = check(model(f"{before} p = AveragePool {POOL} (s) y = Conv(p, u)", weights=WEIGHTS))
    assert texts(network)[-1] == "average 2x2/2, add 3, conv2d 3x3 pad 0, 32-bit output"


def test_more_than_16_operands(check: Check) -> None:
    names = [f"r{i}" for i in range(18)]
    convs = " ".join(f"c{i} = Conv(x, k{i}) r{i} = Relu(c{i})" for i in range(18))
    weights = {f"k{i}": random(2, 3, 1, 1, seed=i) for i in range(18)}
    network = check(model(f"{convs} y = Sum({', '.join(names)})", weights=weights))
    assert texts(network)[-2:] == ["add 16", "add 3"]


def test_a_chain_of_additions_is_merged_up_to_16(check: Check) -> None:
    convs = " ".join(f"c{i} = Conv(x, k{i}) r{i} = Relu(c{i})" for i in range(18))
    adds = " ".join(f"s{i} = Add({f's{i - 1}' if i > 1 else 'r0'}, r{i})" for i in range(1, 18))
    weights = {f"k{i}": random(2, 3, 1, 1, seed=i) for i in range(18)}
    network = check(model(f"{convs} {adds}", outputs="s17", weights=weights))
    assert sum(t.startswith("add") for t in texts(network)) == 2


@pytest.mark.parametrize(
    ("nodes", "layers"),
    [
        ("a = Conv(x, w) y = Add(a, a)", ["conv2d 1x1 pad 0, 32-bit output"]),
        ("a = Conv(x, w) d = Relu(a) s = Sub(d, d) y = Conv(s, u)",
         ["conv2d 1x1 pad 0, relu", "conv2d 3x3 pad 0, 32-bit output"]),
        ("a = Conv(x, w) d = Relu(a) e0 = Conv(x, v) e = Relu(e0) s = Sum(d, e, d) y = Conv(s, u)",
         ["conv2d 1x1 pad 0, relu", "conv2d 1x1 pad 0, relu",
          "add 2, conv2d 3x3 pad 0, 32-bit output"]),
        (("a = Conv(x, w) d = Relu(a) e0 = Conv(x, v) e = Relu(e0) s = Sub(d, e) q = Sub(s, e) "
          "r = Relu(q) y = Conv(r, u)"),
         ["conv2d 1x1 pad 0, relu", "conv2d 1x1 pad 0, relu",
          "sub 2, conv2d 1x1 pad 0, relu", "conv2d 3x3 pad 0, 32-bit output"]),
    ],
)  # fmt: skip
def test_a_value_added_to_itself(check: Check, nodes: str, layers: list[str]) -> None:
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == layers


WIDE = {
    "w": random(40, 3, 1, 1, seed=1), "v": random(40, 3, 1, 1, seed=2),
    "u": random(5, 40, 3, 3, seed=3), "t": random(40, 40, 1, 1, seed=4, scale=0.2),
    "t2": random(40, 40, 1, 1, seed=5, scale=0.2), "scale": random(40, 1, 1, seed=7),
}  # fmt: skip
"""Two values of 40 channels do not lie side by side on 64 processors."""


def test_an_operand_with_other_readers_is_copied(check: Check) -> None:
    nodes = "a0 = Conv(x, w) a = Relu(a0) b0 = Conv(a, t) b = Relu(b0) s = Add(a, b) y = Conv(s, u)"
    network = check(model(nodes, weights=WIDE))
    assert texts(network) == [
        "conv2d 1x1 pad 0, relu",
        "conv2d 1x1 pad 0, relu",
        "copy",
        "add 2, conv2d 3x3 pad 0, 32-bit output",
    ]
    copy, both = network.nodes[2:]
    assert copy.inputs == ("a",)
    assert both.inputs == (copy.output, "b")


def test_the_input_and_outputs_are_copied(check: Check) -> None:
    weights = {**WEIGHTS, "w3": random(3, 3, 1, 1, seed=9)}
    network = check(model("a = Conv(x, w3) b = Relu(a) y = Add(x, b)", weights=weights))
    assert texts(network) == ["conv2d 1x1 pad 0, relu", "copy", "add 2"]
    network = check(model(RELU_TWO + "y = Add(a, b)", outputs="y, a", weights=WEIGHTS))
    assert texts(network) == [*OPERANDS, "copy", "add 2"]


def test_each_of_two_sums_has_its_copy(check: Check) -> None:
    nodes = RELU_TWO + "s = Add(a, b) d = Sub(a, b) y = Conv(s, u) z = Conv(d, u)"
    network = check(model(nodes, outputs="y, z", weights=WIDE))
    assert texts(network).count("copy") == 4


@pytest.mark.parametrize(
    ("channels", "operands", "layers"),
    [
        (64, 2, ["add 2, conv2d 1x1 pad 0, relu"]),
        (64, 3, ["add 3, conv2d 1x1 pad 0, relu"]),
        (65, 2, ["add 2, conv2d 1x1 pad 0, relu"]),
        (128, 2, ["add 2, conv2d 1x1 pad 0, relu"]),
        (128, 3, ["add 3", "conv2d 1x1 pad 0, relu"]),
        (129, 2, ["add 2", "conv2d 1x1 pad 0, relu"]),
    ],
)
def test_many_channels(check: Check, channels: int, operands: int, layers: list[str]) -> None:
    convs = " ".join(f"c{i} = Conv(x, k{i}) r{i} = Relu(c{i})" for i in range(operands))
    weights = {f"k{i}": random(channels, 3, 1, 1, seed=i) for i in range(operands)}
    names = ", ".join(f"r{i}" for i in range(operands))
    network = check(model(f"{convs} s = Sum({names}) y = Relu(s)", weights=weights))
    assert texts(network)[operands:] == layers


@pytest.mark.parametrize(
    ("channels", "layers"),
    [(64, ["add 2, max 2x2/2"]), (100, ["add 2, max 2x2/2, conv2d 1x1 pad 0, 32-bit output"]),
     (130, ["add 2", "max 2x2/2, conv2d 1x1 pad 0, 32-bit output"])],
)  # fmt: skip
def test_a_pooled_sum_of_many_channels(check: Check, channels: int, layers: list[str]) -> None:
    weights = {f"k{i}": random(channels, 3, 1, 1, seed=i) for i in range(2)}
    convs = " ".join(f"c{i} = Conv(x, k{i}) r{i} = Relu(c{i})" for i in range(2))
    nodes = f"{convs} s = Add(r0, r1) y = MaxPool {POOL} (s)"
    assert texts(check(model(nodes, weights=weights)))[2:] == layers


def test_one_dimension(check: Check) -> None:
    """A 1-D convolution with several taps does not combine; one with a single tap is 1x1."""
    weights = {
        "w": random(40, 3, 3, seed=1), "v": random(40, 3, 3, seed=2), "u": random(4, 40, 1, seed=3),
        "t": random(4, 40, 3, seed=4),
    }  # fmt: skip
    nodes = "a0 = Conv(x, w) a = Relu(a0) b0 = Conv(x, v) b = Relu(b0) s = Add(a, b) "
    inputs = "float[1,3,20] x"
    residual = check(model(f"{nodes} y = Relu(s)", inputs=inputs, weights=weights))
    assert texts(residual)[-1] == "add 2, conv2d 1x1 pad 0, relu"
    taps = check(model(f"{nodes} y = Conv(s, t)", inputs=inputs, weights=weights))
    assert texts(taps)[-2:] == ["add 2", "conv1d 3x1 pad 0, 32-bit output"]
    one = check(model(f"{nodes} y = Conv(s, u)", inputs=inputs, weights=weights))
    assert texts(one)[-1] == "add 2, conv2d 1x1 pad 0, 32-bit output"


def test_sums_of_views(check: Check) -> None:
    """Channels last: every operand is transposed there and back."""
    nodes = (
        RELU_TWO + "ta = Transpose <perm=[0,2,3,1]> (a) tb = Transpose <perm=[0,2,3,1]> (b) "
        "s = Add(ta, tb) r = Relu(s) n = Transpose <perm=[0,3,1,2]> (r) y = Conv(n, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert texts(network) == [*OPERANDS, "add 2, conv2d 1x1 pad 0, relu",
                              "conv2d 3x3 pad 0, 32-bit output"]  # fmt: skip
    flat = RELU_TWO + "fa = Flatten(a) fb = Flatten(b) s = Add(fa, fb) y = MatMul(s, m)"
    network = check(model(flat, weights=WEIGHTS))
    assert texts(network) == [*OPERANDS, "add 2", "flatten, linear, 32-bit output"]


def test_a_pre_activation_block(check: Check) -> None:
    """The sum is an operand of the next sum and, activated, the next block's input."""
    nodes = (
        "h = Conv(x, w) r1 = Relu(h) c1 = Conv(r1, t) r2 = Relu(c1) s1 = Add(h, r2) "
        "m1 = Mul(s1, scale) r3 = Relu(m1) c2 = Conv(r3, t2) r4 = Relu(c2) s2 = Add(s1, r4) "
        "y = Conv(s2, u)"
    )
    network = check(model(nodes, weights=WIDE))
    assert texts(network) == [
        "conv2d 1x1 pad 0",
        "conv2d 1x1 pad 0, relu",  # of h
        "conv2d 1x1 pad 0, relu",
        "copy",
        "add 2",
        "conv2d 1x1 pad 0, relu",  # scaled and activated
        "conv2d 1x1 pad 0, relu",
        "copy",
        "add 2, conv2d 3x3 pad 0, 32-bit output",
    ]


def test_declared_ranges_of_a_sum_belong_to_its_operands(check: Check) -> None:
    weights = {**WEIGHTS, "s": np.float32(0.25).reshape(()), "z": np.array(0, np.int8)}
    nodes = (
        RELU_TWO + "c = Add(a, b) q = QuantizeLinear(c, s, z) d = DequantizeLinear(q, s, z) "
        "y = Conv(d, zero)"
    )
    weights["zero"] = np.zeros((2, 4, 1, 1), np.float32)
    network = check(model(nodes, weights=weights))
    assert texts(network)[-1] == "add 2, conv2d 1x1 pad 0, 32-bit output"
    assert network.value("a").declared == network.value("b").declared
    assert network.value("a").declared is not None


def test_what_was_done_is_recorded(check: Check) -> None:
    network = check(model(TWO + "r = Relu(a) q = Abs(b) s = Add(r, q) y = Relu(s)",
                          weights=WEIGHTS))  # fmt: skip
    assert {"add-in-flight", "identity-layer"} <= rules(network)
    assert network.nodes[-1].origin == ("Add(s)", "Relu(y)")


def test_values_of_different_shapes(refuse: Refuse) -> None:
    """A gate of one pixel is not spread over a map."""
    nodes = RELU_TWO + "g = GlobalAveragePool(b) y = Add(a, g)"
    ((where, code, what),) = refuse(model(nodes, weights=WEIGHTS))
    assert where == "Add(y)"
    assert code in ("MX2001", "MX2002")
    assert "8, 8]" in what
    assert "1, 1]" in what
