"""Models that keep their channels last, with a transposition around every convolution."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ops.graph import Transpose
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, specs, texts

FIRST, LAST = "Transpose <perm=[0,3,1,2]>", "Transpose <perm=[0,2,3,1]>"
PAD = "<pads=[1,1,1,1]>"


def conv(source: str, result: str, weight: str, attributes: str = PAD) -> str:
    """A convolution as tf2onnx writes it."""
    return pool(source, result, f"Conv {attributes}", f", {weight}")


def pool(source: str, result: str, call: str, more: str = "") -> str:
    """An operator on channels that come first, in a model where they come last."""
    before, after = f"{result}_in", f"{result}_out"
    return (
        f"{before} = {FIRST} ({source}) {after} = {call} ({before}{more}) "
        f"{result} = {LAST} ({after}) "
    )


STEM = conv("x", "a", "w") + "r = Relu(a) "
END = conv("s", "b", "u") + "m = ReduceMean <axes=[1,2], keepdims=0> (b) y = MatMul(m, d)"
WEIGHTS = {
    "w": random(4, 3, 3, 3, seed=1), "u": random(4, 4, 3, 3, seed=2), "d": random(4, 5, seed=3),
    "v": random(4, 4, 3, 3, seed=4), "k": random(4, seed=5), "k6": random(6, seed=6),
    "u6": random(4, 6, 3, 3, seed=7), "m6": random(4, 6, seed=8), "w3": random(3, 3, 3, 3, seed=9),
    "u2": random(4, 2, 3, 3, seed=11), "u8": random(4, 8, 1, 1, seed=12),
}  # fmt: skip
INTEGERS = {
    "pads": [0, 1, 1, 0, 0, 1, 1, 0], "starts": [1, 1], "ends": [7, 7], "axes": [1, 2],
    "halves": [2, 2],
}  # fmt: skip
MIDDLES = {
    "bias": "t = Add(r, k) s = Relu(t)",
    "factor": "s = Mul(r, k)",
    "residual": conv("r", "c", "v") + "t = Add(c, r) s = Relu(t)",
    "concat": conv("r", "c", "v") + "t = Concat <axis=3> (r, c) " + conv("t", "s", "u8", ""),
    "pad": "s = Pad(r, pads)",
    "crop": "s = Slice(r, starts, ends, axes)",
    "split": "p, q = Split <axis=3> (r, halves) t = Add(p, q) " + conv("t", "s", "u2"),
    "max": pool("r", "s", "MaxPool <kernel_shape=[2,2], strides=[2,2]>"),
    "average": pool(
        "r", "s", 'AveragePool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">'
    ),
    "matrix": "t = MatMul(r, m6) h = Add(t, k6) g = Relu(h) " + conv("g", "s", "u6"),
    "abs": "t = Abs(r) s = Neg(t)",
}


@pytest.mark.parametrize("middle", MIDDLES)
def test_no_transposition_is_left(check: Check, middle: str) -> None:
    nodes = STEM + MIDDLES[middle] + " " + END
    constants = {k: np.array(v, np.int64) for k, v in INTEGERS.items()}
    network = check(model(nodes, inputs="float[1,8,8,3] x", weights={**WEIGHTS, **constants}))
    assert network.tail == ()
    assert [type(step).__name__ for step in network.head] == ["Transpose"]
    assert specs(network)[-1].pool is not None  # the average is taken on the way in


def test_an_input_that_is_added_again(check: Check) -> None:
    nodes = conv("x", "a", "w3") + "r = Add(a, x) s = Relu(r) " + conv("s", "y", "w")
    network = check(model(nodes, inputs="float[1,8,8,3] x", weights=WEIGHTS))
    assert network.value(network.inputs[0]).shape == (3, 8, 8)
    assert [type(step.op) for step in network.tail] == [Transpose]


@pytest.mark.parametrize("end", ["q = Transpose <perm=[0,2,1]> (s) y = Conv(q, g)",
                                 "y = MatMul(s, d)"])  # fmt: skip
def test_rows_become_a_sequence(check: Check, end: str) -> None:
    nodes = f"{STEM} s = Reshape(r, shape) {end}"
    weights = {**WEIGHTS, "shape": np.array([1, 64, 4]), "g": random(2, 4, 3, seed=10)}
    network = check(model(nodes, inputs="float[1,8,8,3] x", weights=weights))
    assert specs(network)[1].in_size == (64, 1)


def test_sequences_as_maps_of_one_row(check: Check) -> None:
    """Keras computes 1-D convolutions as 2-D ones on a single row."""
    nodes = (
        f"e = Unsqueeze(x, one) a = {FIRST} (e) b = Conv <pads=[0,1,0,1]> (a, p) c = {LAST} (b) "
        "r = Relu(c) s = Squeeze(r, one) t = Transpose <perm=[0,2,1]> (s) y = Conv(t, q)"
    )
    weights = {"one": np.array([1]), "p": random(4, 3, 1, 3, seed=1), "q": random(2, 4, 3, seed=2)}
    network = check(model(nodes, inputs="float[1,20,3] x", weights=weights))
    assert texts(network)[-1] == "conv1d 3x1 pad 0, 32-bit output"
    assert len(network.nodes) == 2
