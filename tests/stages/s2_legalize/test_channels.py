"""Channels that are split off, sliced or shuffled: selections, and where they vanish."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ir.network import LayerOp
from mxdeploy.ops.graph import Concat
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

CONV = "conv2d 1x1 pad 0"
LAST = f"{CONV}, 32-bit output"


def integers(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


SPLIT = "a, b = Split <axis=1> (h, sizes) "
WEIGHTS = {
    "w": random(8, 3, 1, 1, seed=1), "sizes": integers(3, 5), "u": random(4, 3, 3, 3, seed=2),
    "v": random(4, 5, 1, 1, seed=3), "k": random(4, 8, 1, 1, seed=4), "m": random(3 * 64, 5),
    "scale": random(8, 1, 1, seed=5), "bias": random(8, seed=6), "e3": random(2, 3, 1, 1, seed=7),
    "e5": random(2, 5, 1, 1, seed=8),
    "begin": integers(2), "end": integers(7), "axis": integers(1), "two": integers(2),
    "groups": integers(1, 2, 4, 8, 8), "back": integers(1, 8, 8, 8), "eight": integers(8, 8),
}  # fmt: skip
SHUFFLE = (
    "s1 = Reshape({0}, groups) s2 = Transpose <perm=[0,2,1,3,4]> (s1) {1} = Reshape(s2, back) "
)


@pytest.mark.parametrize(
    "function",
    ["h = Conv(x, w, bias)", "c = Conv(x, w, bias) h = Relu(c)", "c = Conv(x, w) h = Abs(c)"],
)
def test_layers_that_read_parts_have_zeros_for_the_rest(check: Check, function: str) -> None:
    nodes = f"{function} {SPLIT} y = Conv(a, u) z = Conv(b, v)"
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert len(texts(network)) == 3
    assert "select-in-reader" in rules(network)
    last = network.nodes[-1].op
    assert isinstance(last, LayerOp)
    assert last.weight is not None
    assert not last.weight.array[:, :3].any()


def test_a_pooled_and_a_flattened_part(check: Check) -> None:
    nodes = (
        f"h = Conv(x, w) {SPLIT} p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (b) "
        "y = Conv(p, v) f = Flatten(a) z = MatMul(f, m)"
    )
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert texts(network) == [CONV, f"max 2x2/2, {LAST}", "flatten, linear, 32-bit output"]


def test_parts_that_are_not_convolved_are_computed_apart(check: Check) -> None:
    nodes = (
        "c = Conv(x, w, bias) h = Mul(c, scale) "
        f"{SPLIT} r = Relu(a) o = Abs(b) y = Conv(r, e3) z = Conv(o, v)"
    )
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert texts(network) == [f"{CONV}, relu", f"{CONV}, abs", LAST, LAST]
    assert [n.op.spec.out_channels for n in network.nodes[:2]] == [3, 5]


def test_functions_in_between_are_done_to_each_part(check: Check) -> None:
    nodes = (
        "c = Conv(x, w, bias) r = Relu(c) h = AveragePool <kernel_shape=[2,2], strides=[2,2]> (r) "
        f"{SPLIT} d = Abs(a) y = Conv(d, e3) n = Neg(b) z = Conv(n, e5)"
    )
    network = check(model(nodes, outputs="y, z", weights=WEIGHTS))
    assert sum(t == f"{CONV}, relu" for t in texts(network)) == 2
    assert "select-outputs" in rules(network)


def test_transposed_convolutions_and_products_are_split(check: Check) -> None:
    up = "<strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]>"
    weights = {**WEIGHTS, "t": random(3, 8, 3, 3, seed=7), "p": random(8, 192, seed=8, scale=0.1)}
    network = check(model(f"h = ConvTranspose {up} (x, t, bias) {SPLIT} r = Relu(a) "
                          "s = Abs(b) y = Conv(r, e3) z = Conv(s, e5)",
                          outputs="y, z", weights=weights))  # fmt: skip
    assert [t.split()[0] for t in texts(network)[:2]] == ["conv_transpose2d"] * 2
    nodes = f"f = Flatten(x) h = Gemm <transB=1> (f, p, bias) {SPLIT} r = Relu(a) s = Abs(b) "
    nodes += "y = MatMul(r, l3) z = MatMul(s, l5)"
    weights |= {"l3": random(3, 2, seed=9), "l5": random(5, 2, seed=10)}
    network = check(model(nodes, outputs="y, z", weights=weights))
    assert texts(network)[:2] == ["linear, relu", "linear, abs"]


def test_a_slice_of_the_input(check: Check) -> None:
    weights = {**WEIGHTS, "w2": random(4, 2, 3, 3, seed=9), "one": integers(1),
               "three": integers(3)}  # fmt: skip
    network = check(model("a = Slice(x, one, three, axis) y = Conv(a, w2)", weights=weights))
    assert texts(network) == ["conv2d 3x3 pad 0, 32-bit output"]
    every = check(
        model("a = Slice(x, zero, three, axis, two) y = Conv(a, w2)",
              weights={**weights, "zero": integers(0)})
    )  # fmt: skip
    assert texts(every) == ["conv2d 3x3 pad 0, 32-bit output"]


def test_a_slice_that_only_a_layer_of_its_own_can_take(check: Check) -> None:
    """The value is an output, too, so it is computed whole; the slice is activated."""
    nodes = (
        "c = Conv(x, w) h = Relu(c) a = Slice(h, begin, end, axis) d = Neg(a) r = Relu(d) "
        "y = Conv(r, v)"
    )
    network = check(model(nodes, outputs="y, h", weights=WEIGHTS))
    assert texts(network) == [f"{CONV}, relu", f"{CONV}, relu", LAST]


def test_a_slice_that_is_added(check: Check) -> None:
    weights = {**WEIGHTS, "v5": random(5, 3, 1, 1, seed=9)}
    nodes = (
        "c = Conv(x, w) h = Relu(c) a = Slice(h, begin, end, axis) d0 = Conv(x, v5) d = Relu(d0) "
        "y = Add(a, d)"
    )
    network = check(model(nodes, outputs="y, h", weights=weights))
    assert texts(network) == [f"{CONV}, relu", f"{CONV}, relu", LAST]


def test_slices_of_a_concatenation(check: Check) -> None:
    """The second part is all that is read."""
    weights = {**WEIGHTS, "w3": random(4, 3, 1, 1, seed=10), "at": integers(8), "to": integers(12)}
    nodes = (
        "c = Conv(x, w) h = Relu(c) d = Conv(x, w3) e = Relu(d) j = Concat <axis=1> (h, e) "
        "a = Slice(j, at, to, axis) z = Conv(j, k12) "
        "g = Abs(a) y = Conv(g, k)"
    )
    weights |= {"k12": random(4, 12, 1, 1, seed=11), "k": random(2, 4, 1, 1, seed=12)}
    network = check(model(nodes, outputs="y, z", weights=weights))
    abs_layer = next(n for n in network.nodes if n.output == "g")
    assert abs_layer.inputs == ("e",)


def test_slices_of_slices(check: Check) -> None:
    weights = {
        **WEIGHTS,
        "w2": random(4, 2, 1, 1, seed=9),
        "one": integers(1),
        "three": integers(3),
    }
    nodes = (
        "h = Conv(x, w) a = Slice(h, begin, end, axis) b2 = Slice(a, one, three, axis) "
        "r = Relu(b2) y = Conv(r, w2)"
    )
    assert texts(check(model(nodes, weights=weights))) == [f"{CONV}, relu", LAST]


def test_wide_values_are_computed_apart(check: Check) -> None:
    """Two passes of 64: each half is read in a single one."""
    weights = {"w": random(128, 3, 1, 1, seed=1), "sizes": integers(64, 64),
               "u": random(2, 64, 1, 1, seed=2), "v": random(2, 64, 1, 1, seed=3)}  # fmt: skip
    nodes = f"c = Conv(x, w) h = Relu(c) {SPLIT} y = Conv(a, u) z = Conv(b, v)"
    network = check(model(nodes, outputs="y, z", weights=weights))
    assert [n.op.spec.in_channels for n in network.nodes] == [3, 3, 64, 64]


def test_shuffled_channels_vanish_in_weights(check: Check) -> None:
    forward = check(model(f"h = Conv(x, w, bias) a = Abs(h) {SHUFFLE.format('a', 'q')} "
                          "y = Conv(q, k)", weights=WEIGHTS))  # fmt: skip
    assert texts(forward) == [f"{CONV}, abs", LAST]
    backward = check(model(f"h = Conv(x, w, bias) {SHUFFLE.format('h', 'q')} r = Relu(q) "
                           "y = Conv(r, k)", weights=WEIGHTS))  # fmt: skip
    assert texts(backward) == [f"{CONV}, relu", LAST]


def test_shuffle_units(check: Check) -> None:
    """Split, convolve one half, concatenate, shuffle; twice. No layer moves data."""
    weights = {
        "w": random(8, 3, 1, 1, seed=1), "half": integers(4, 4), "groups": WEIGHTS["groups"],
        "back": WEIGHTS["back"], "y1": random(4, 4, 3, 3, seed=2), "y2": random(4, 4, 3, 3, seed=3),
        "k": random(4, 8, 1, 1, seed=4),
    }  # fmt: skip
    nodes = (
        "c0 = Conv(x, w) h = Relu(c0) a, b = Split <axis=1> (h, half) "
        "d0 = Conv <pads=[1,1,1,1]> (b, y1) d = Relu(d0) j = Concat <axis=1> (a, d) "
        f"{SHUFFLE.format('j', 'q')} e, f = Split <axis=1> (q, half) "
        "g0 = Conv <pads=[1,1,1,1]> (f, y2) g = Relu(g0) l = Concat <axis=1> (e, g) y = Conv(l, k)"
    )
    network = check(model(nodes, weights=weights))
    assert texts(network) == [f"{CONV}, relu", *["conv2d 3x3 pad 1, relu"] * 2, LAST]
    parts = [n.inputs for n in network.nodes if isinstance(n.op, Concat)]
    assert all(set(p) <= {"h", "d", "g"} for p in parts)


def test_reversed_channels(check: Check) -> None:
    """RGB as BGR belongs to the weights of the first convolution."""
    weights = {**WEIGHTS, "order": integers(2, 1, 0)}
    network = check(model("a = Gather <axis=1> (x, order) y = Conv(a, w)", weights=weights))
    assert texts(network) == [LAST]


def test_sequences_and_vectors(check: Check) -> None:
    weights = {"w": random(8, 3, 3, seed=1), "sizes": integers(3, 5), "u": random(4, 3, 1, seed=2),
               "v": random(4, 5, 3, seed=3)}  # fmt: skip
    nodes = f"h = Conv(x, w) {SPLIT} y = Conv(a, u) z = Conv(b, v)"
    network = check(model(nodes, inputs="float[1,3,20] x", outputs="y, z", weights=weights))
    assert len(texts(network)) == 3
    weights = {"w": random(192, 8, seed=1, scale=0.1), "sizes": integers(3, 5),
               "u": random(3, 4, seed=2), "v": random(5, 2, seed=3)}  # fmt: skip
    nodes = f"f = Flatten(x) h = MatMul(f, w) {SPLIT} y = MatMul(a, u) r = Relu(b) z = MatMul(r, v)"
    network = check(model(nodes, outputs="y, z", weights=weights))
    assert [t.split(",")[0] for t in texts(network)] == ["linear"] * 4
