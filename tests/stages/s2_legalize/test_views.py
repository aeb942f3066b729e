"""Reshapes, transpositions, flattening, matrix products, and the tail on the CPU."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs, texts

CONV = {"w": random(4, 3, 3, 3, seed=1)}
I64 = np.int64


def shape(*dims: int) -> np.ndarray:
    return np.array(dims, I64)


@pytest.mark.parametrize(
    "flatten",
    [
        "f = Flatten(h)",
        "f = Reshape(h, s)",
        "a = Reshape(h, t) f = Reshape(a, s)",
        "a = Unsqueeze(h, one) c = Squeeze(a, one) f = Flatten(c)",
    ],
)
def test_flattening_costs_nothing(check: Check, flatten: str) -> None:
    proto = model(
        f"h = Conv(x, w) {flatten} y = Gemm <transB=1> (f, m, b)",
        weights={
            **CONV, "m": random(5, 144, seed=3), "b": random(5, seed=4), "s": shape(1, -1),
            "t": shape(1, 4, 36), "one": shape(1),
        },
    )  # fmt: skip
    network = check(proto)
    assert texts(network)[1] == "flatten, linear, 32-bit output"
    assert specs(network)[1].weight_shape == (5, 4, 6, 6)


def test_activation_behind_a_flattening_belongs_to_the_convolution(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) f = Flatten(h) r = Relu(f) y = MatMul(r, m)",
        weights={**CONV, "m": random(144, 5, seed=3)},
    )
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 0, relu", "flatten, linear, 32-bit output"]
    assert "move-before-view" in rules(network)


def test_channels_last_flattening_reorders_the_matrix(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) t = Transpose <perm=[0,2,3,1]> (h) f = Flatten(t) y = MatMul(f, m)",
        weights={**CONV, "m": random(144, 5, seed=3)},
    )
    network = check(proto)
    assert "reorder-linear" in rules(network)
    assert len(network.nodes) == 2


def test_channels_last_model_from_end_to_end(check: Check) -> None:
    proto = model(
        "a = Transpose <perm=[0,3,1,2]> (x) h = Conv(a, w) b = Transpose <perm=[0,2,3,1]> (h) "
        "r = Relu(b) c = Transpose <perm=[0,3,1,2]> (r) y = Conv(c, u)",
        inputs="float[1,8,8,3] x",
        weights={**CONV, "u": random(2, 4, 3, 3, seed=2)},
    )
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 0, relu", "conv2d 3x3 pad 0, 32-bit output"]
    assert "input-channels-first" in rules(network)


def test_a_sequence_becomes_a_map_and_back(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) r = Relu(h) a = Reshape(r, s) c = Conv(a, u) "
        "b = Reshape(c, t) y = Conv(b, v)",
        inputs="float[1,3,34] x",
        weights={
            "w": random(4, 3, 3, seed=1), "u": random(6, 4, 3, 3, seed=2),
            "v": random(2, 6, 3, seed=3), "s": shape(1, 4, 4, 8), "t": shape(1, 6, -1),
        },
    )  # fmt: skip
    network = check(proto)
    assert [s.in_size for s in specs(network)] == [(34, 1), (4, 8), (12, 1)]


def test_linear_layers_in_a_row(check: Check) -> None:
    proto = model(
        "f = Flatten(x) a = MatMul(f, m) b = Add(a, c) r = Relu(b) d = Gemm <alpha=0.5, beta=2.0> "
        "(r, n, e) y = MatMul(d, o)",
        weights={
            "m": random(192, 6, seed=1), "c": random(6, seed=2), "n": random(6, 7, seed=3),
            "e": random(1, 7, seed=4), "o": random(7, 3, seed=5),
        },
    )  # fmt: skip
    network = check(proto)
    assert texts(network) == ["linear, relu", "linear", "linear, 32-bit output"]
    assert network.nodes[2].op.bias is None


def test_matrix_product_with_axes_of_length_1(check: Check) -> None:
    proto = model(
        "h = MatMul(x, m) y = Relu(h)", inputs="float[1,1,1,20] x",
        weights={"m": random(20, 6, seed=1)},
    )  # fmt: skip
    network = check(proto)
    assert texts(network) == ["linear, relu"]
    assert network.tail[0].shape == (1, 1, 6)


def test_matrix_product_per_step_of_a_sequence(check: Check) -> None:
    proto = model(
        "t = Transpose <perm=[0,2,1]> (x) h = MatMul(t, m) b = Transpose <perm=[0,2,1]> (h) "
        "r = Relu(b) y = Conv(r, w)",
        inputs="float[1,3,20] x",
        weights={"m": random(3, 6, seed=1), "w": random(2, 6, 3, seed=2)},
    )
    assert texts(check(proto)) == ["conv1d 1x1 pad 0, relu", "conv1d 3x1 pad 0, 32-bit output"]


@pytest.mark.parametrize(
    ("end", "steps"),
    [
        ("y = Softmax(h)", ["Softmax"]),
        ("y = Sigmoid(h)", ["Sigmoid"]),
        ("y = ArgMax <axis=1, keepdims=0> (h)", ["ArgMax"]),
        ("a = Reshape(h, s) y = Sigmoid(a)", ["Sigmoid", "Reshape"]),
        ("y = Reshape(h, s)", ["Reshape"]),
    ],
)
@pytest.mark.parametrize("opset", [11, 17])
def test_the_end_of_the_network_runs_on_the_cpu(
    check: Check, end: str, steps: list[str], opset: int
) -> None:
    proto = model(
        f"f = Flatten(x) h = MatMul(f, m) {end}", opset=opset,
        outputs="y", weights={"m": random(192, 6, seed=1), "s": shape(1, 2, 3)},
    )  # fmt: skip
    if "ArgMax" in steps:
        proto.graph.output[0].type.tensor_type.elem_type = 7
    network = check(proto)
    assert [type(t.op).__name__ for t in network.tail] == steps
    assert texts(network) == ["linear, 32-bit output"]


@pytest.mark.parametrize(("size", "bits"), [(45, 32), (46, 8)])
def test_outputs_too_large_for_32_bits_have_8(check: Check, size: int, bits: int) -> None:
    """A data memory of 32768 bytes holds 2048 pixels of four 32-bit words: 45x45, not 46x46."""
    proto = model("y = Conv(x, w)", inputs=f"float[1,3,{size},{size}] x",
                  weights={"w": random(4, 3, 1, 1)})  # fmt: skip
    assert specs(check(proto))[0].output_bits == bits


@pytest.mark.parametrize(
    ("nodes", "where", "code"),
    [
        (
            "f = Flatten(x) h = MatMul(f, m) r = Reshape(h, s) y = Conv(r, w)",
            "Reshape(r)",
            "MX2004",
        ),
        ("a = Abs(x) t = Transpose <perm=[0,1,3,2]> (a) y = Conv(t, w)", "Transpose(t)", "MX2004"),
        ("s1 = Softmax <axis=1> (x) y = Conv(s1, w)", "Softmax(s1)", "MX2005"),
        ("y = Tanh(x)", "net", "MX2007"),
        ("a = Conv(x, w) q = Mul(a, a) y = Conv(q, v)", "Mul(q)", "MX2001"),
        ("h = Conv(x, w) y = Pad(h, p)", "Pad(y)", "MX2031"),
        ("y = Identity(x)", "net", "MX2007"),
    ],
)
def test_refusals(refuse: Refuse, nodes: str, where: str, code: str) -> None:
    proto = model(
        nodes,
        weights={
            "m": random(192, 192, seed=1), "w": random(2, 3, 1, 1), "s": shape(1, 3, 8, 8),
            "k": random(8, 5), "v": random(2, 2, 1, 1),
            "p": shape(0, 0, 20, 20, 0, 0, 20, 20),
        },
    )  # fmt: skip
    assert [(w, c) for w, c, _ in refuse(proto)] == [(where, code)]


def test_values_with_three_spatial_axes_have_no_place(refuse: Refuse) -> None:
    """The CPU could do it, but then there is nothing left for the chip."""
    ((where, code, _),) = refuse(model("y = Relu(x)", inputs="float[1,2,3,4,5] x"))
    assert (where, code) == ("net", "MX2007")


def test_limits_of_whole_layers(refuse: Refuse) -> None:
    big = model("y = Conv(x, w)", inputs="float[1,3,1100,4] x", weights={"w": random(2, 3, 1, 1)})
    assert [c for _, c, _ in refuse(big)] == ["MX2041"]
    wide = model("y = Conv(x, w)", weights={"w": random(1025, 3, 1, 1)})
    assert [c for _, c, _ in refuse(wide)] == ["MX2040"]
    flat = model("h = Conv(x, w) f = Flatten(h) y = MatMul(f, m)", inputs="float[1,3,70,70] x",
                 weights={"w": random(64, 3, 1, 1), "m": random(313600, 1)})  # fmt: skip
    assert [c for _, c, _ in refuse(flat)] == ["MX2042"]


def test_more_than_32_layers(refuse: Refuse) -> None:
    names = ["x", *(f"h{i}" for i in range(32)), "y"]
    nodes = " ".join(f"c{b} = Conv({a}, w) {b} = Relu(c{b})" for a, b in itertools.pairwise(names))
    ((_, code, what),) = refuse(model(nodes, weights={"w": random(3, 3, 1, 1)}))
    assert code == "MX2008"
    assert "33 hardware layers" in what
