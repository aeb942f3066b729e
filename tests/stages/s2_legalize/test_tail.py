"""What stands at the end of the network is left to the CPU, compared with onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.ops.layer import Kind
from mxdeploy.ops.tail import Result
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, run
from tests.stages.s2_legalize.conftest import Check, Refuse, specs, texts
from tests.stages.s2_legalize.float_evaluator import evaluate

CONV = {
    "w": random(6, 3, 3, 3, seed=1, scale=0.2),
    "u": random(4, 6, 1, 1, seed=2),
    "m": np.array([2, -3, 0.5, 1, 4, 5], np.float32).reshape(6, 1, 1),
    "lo": np.float32(-0.4), "hi": np.float32(0.7),
    "half": np.float32(0.5), "k": np.array([3]), "flat": np.array([0, -1]),
    "place": random(6, 6, 6, seed=3), "row": random(1, 6, 6, seed=4),
    "s0": np.array([0, 1]), "s1": np.array([5, 6]), "ax": np.array([1, 2]),
}  # fmt: skip
WIDE = "conv2d 3x3 pad 0, 32-bit output"


def steps(network) -> list[str]:
    return [type(step.op).__name__ for step in network.tail]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("y = Softmax <axis=1> (h)", "Softmax"),
        ("y = Softmax(h)", "Softmax"),
        ("y = LogSoftmax <axis=2> (h)", "LogSoftmax"),
        ("y = Tanh(h)", "Tanh"),
        ("y = HardSigmoid(h)", "HardSigmoid"),
        ("y = Exp(h)", "Exp"),
        ("s = Sigmoid(h) y = Mul(s, half)", "Sigmoid Affine"),
        ("s = Sigmoid(h) y = Mul(s, m)", "Sigmoid Affine"),
        ("s = Sigmoid(h) y = Relu(s)", "Sigmoid Relu"),
        ("y = Clip(h, lo, hi)", "Clip"),
        ("a = Abs(h) y = Clip(a, half, hi)", "Clip"),
        ("r = Relu(h) y = Mul(r, m)", "Affine"),
        ("t = Transpose <perm=[0,2,3,1]> (h) y = Reshape(t, flat)", "Transpose Reshape"),
        ("t = Transpose <perm=[0,2,1,3]> (h) y = Sigmoid(t)", "Sigmoid Transpose"),
        ("y = Slice(h, s0, s1, ax)", "Slice Slice"),
        ("a, b = Split <axis=1> (h) t = Tanh(b) y = Concat <axis=2> (a, t)",
         "Slice Slice Tanh Concat"),
        ("a = Sigmoid(h) b = Tanh(h) y = Mul(a, b)", "Sigmoid Tanh Multiply"),
        ("y = Mul(h, h)", "Multiply"),
        ("y = Add(h, place)", "PerElement"),
        ("y = Sub(place, h)", "PerElement"),
        ("y = Mul(h, row)", "PerElement"),
        ("s = Sigmoid(h) p = GlobalAveragePool(s) y = GlobalAveragePool(p)",
         "Sigmoid Reduce Reduce Reshape"),
        ("y = ReduceMean <axes=[1], keepdims=0> (h)", "Reduce Reshape"),
        ("y = ReduceMin <axes=[2]> (h)", "Reduce"),
        ("y = ReduceMax <axes=[1,2,3]> (h)", "Reduce Reduce Reduce"),
        ("s = Sigmoid(h) y = GlobalAveragePool(s)", "Sigmoid Reduce Reduce"),
        ("y = ArgMax <axis=1> (h)", "ArgMax"),
        ("y = ArgMax <axis=3, keepdims=0> (h)", "ArgMax"),
        ("y = ArgMin <axis=2> (h)", "ArgMax"),
    ],
)  # fmt: skip
def test_one_output(check: Check, end: str, expected: str) -> None:
    proto = model(f"h = Conv(x, w) {end}", weights=CONV)
    if "Arg" in end:
        proto.graph.output[0].type.tensor_type.elem_type = 7
    network = check(proto)
    assert steps(network) == expected.split()
    assert len(network.nodes) == 1
    assert specs(network)[0].output_bits == (8 if "Abs" in end or "r = Relu" in end else 32)


@pytest.mark.parametrize("largest", [0, 1])
def test_top_k(check: Check, largest: int) -> None:
    nodes = f"h = Conv(x, w) y, z = TopK <axis=1, largest={largest}> (h, k)"
    proto = model(nodes, outputs="y, z", weights=CONV)
    proto.graph.output[1].type.tensor_type.elem_type = 7
    network = check(proto)
    assert steps(network) == ["TopK", "TopK"]
    assert len(network.outputs) == 1


def test_the_last_of_equal_elements(check: Check) -> None:
    nodes = (
        "h = Conv(x, w) r = Relu(h) n = Sub(r, r) "
        "y = ArgMax <axis=1, select_last_index=1> (n) z = ArgMax <axis=1> (n)"
    )
    proto = model(nodes, outputs="y, z", weights=CONV)
    for output in proto.graph.output:
        output.type.tensor_type.elem_type = 7
    check(proto)


def test_one_value_for_several_outputs(check: Check) -> None:
    """The scores and the probabilities: one output of the chip, two of the model."""
    network = check(model("y = Conv(x, w) z = Softmax <axis=1> (y)", outputs="y, z", weights=CONV))
    assert network.outputs == ("y",)
    assert network.results == (Result(name="y", value="y"), Result(name="z", value="z"))
    assert texts(network) == [WIDE]


def test_a_layers_value_in_the_middle_is_an_output_as_well(check: Check) -> None:
    nodes = "h = Conv(x, w) r = Relu(h) z = Sigmoid(r) y = Conv(r, u)"
    network = check(model(nodes, outputs="y, z", weights=CONV))
    assert texts(network) == ["conv2d 3x3 pad 0, relu", "conv2d 1x1 pad 0, 32-bit output"]
    assert set(network.outputs) == {"r", "y"}


def test_what_layers_read_stays_on_the_chip(check: Check) -> None:
    """The reshape in the middle is none of the CPU's business."""
    nodes = "h = Conv(x, w) f = Flatten(h) d = MatMul(f, d0) y = Softmax(d)"
    network = check(model(nodes, weights={**CONV, "d0": random(216, 5)}))
    assert steps(network) == ["Softmax"]


def test_a_pooling_at_the_end_stays_on_the_chip(check: Check) -> None:
    network = check(model("h = Conv(x, w) r = Relu(h) y = GlobalAveragePool(r)", weights=CONV))
    assert steps(network) == []
    assert len(network.nodes) == 2


def test_the_input_itself_is_read_by_the_cpu_where_no_layer_can(check: Check) -> None:
    """The model hands on a part of its input beside the result."""
    nodes = "y = Conv(x, w) z = Sigmoid(x)"
    network = check(model(nodes, outputs="y, z", weights=CONV))
    assert steps(network) == ["Sigmoid"]
    assert set(network.outputs) == {"x", "y"}


def test_several_heads(check: Check) -> None:
    """Like a detector: maps turned, reshaped and joined, with the outputs in the model's order."""
    heads = [
        f"c{i} = Conv(r{i}, u) t{i} = Transpose <perm=[0,2,3,1]> (c{i}) q{i} = Reshape(t{i}, rows)"
        for i in range(2)
    ]
    nodes = (
        "h = Conv(x, w) r0 = Relu(h) r1 = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r0) "
        f"{' '.join(heads)} z = Concat <axis=1> (q0, q1) p = Sigmoid(z) y = Identity(r0)"
    )
    network = check(model(nodes, outputs="p, z, y", weights={**CONV, "rows": np.array([0, -1, 2])}))
    assert [r.name for r in network.results] == ["p", "z", "y"]
    assert set(network.outputs) == {"c0", "c1", network.results[2].value}


@pytest.mark.parametrize(
    ("nodes", "where", "code"),
    [
        ("h = Conv(x, w) s = Tanh(h) y = Conv(s, u)", "Tanh(s)", "MX2005"),
        ("h = Conv(x, w) s = LogSoftmax(h) y = Conv(s, u)", "LogSoftmax(s)", "MX2005"),
        ("h = Conv(x, w) s = ReduceMean <axes=[1]> (h) y = Conv(s, v)", "ReduceMean(s)", "MX2005"),
        ("h = Conv(x, w) s = Add(h, place) y = Conv(s, u)", "Add(s)", "MX2001"),
    ],
)
def test_refusals(refuse: Refuse, nodes: str, where: str, code: str) -> None:
    weights = {**CONV, "v": random(2, 1, 1, 1)}
    assert [(w, c) for w, c, _ in refuse(model(nodes, weights=weights))] == [(where, code)]


@pytest.mark.parametrize(
    "end",
    [
        "a = Relu(l) y = Sub(a, l)",
        "a = Tanh(l) y = Concat <axis=1> (a, l)",
        "a = Relu(l) b = Sub(a, l) y = Concat <axis=1> (b, l)",
        "a = Abs(l) b = Conv <pads=[1,1,1,1]> (a, d) y = Concat <axis=1> (l, b)",
    ],
)
def test_a_value_that_is_shown_in_two_shapes(check: Check, end: str) -> None:
    """The convolution of a single pixel is one of a line; what reads it on the CPU sees a map."""
    nodes = "h = Conv(x, w) g = GlobalAveragePool(h) l = Conv <pads=[2,2,2,2]> (g, c) " + end
    weights = {**CONV, "c": random(2, 6, 5, 5, seed=8), "d": random(2, 2, 3, 3, seed=9)}
    network = check(model(nodes, weights=weights))
    assert network.tail
    assert all(s.pool is None for s in specs(network) if s.kind is Kind.CONV1D)


@pytest.mark.shared
@pytest.mark.parametrize("export", ["", "_dynamo", "_noclip"])
def test_a_real_detector(shared: Path, export: str) -> None:
    """Four scales, two convolutions on each: eight outputs of the chip, two of the model."""
    path = shared / "models" / f"svhn-tinierssd{export}.onnx"
    network = legalize(import_onnx(path))
    x = np.load(shared / "models" / "svhn-tinierssd_io.npz")["input"]
    assert len(network.outputs) == 8
    assert len(network.nodes) == 20
    assert [r.name for r in network.results] == ["out0", "out1"]
    assert [network.tail[-1].shape, network.tail[-2].shape].count((1700, 11)) == 1
    for found, wanted in zip(evaluate(network, x[0]), run(path, x), strict=True):
        assert found.shape == wanted[0].shape
        np.testing.assert_allclose(found, wanted[0], atol=1e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(("heads", "wide"), [(1, 1), (3, 3), (6, 4)])
def test_outputs_are_wide_as_long_as_there_is_room(check: Check, heads: int, wide: int) -> None:
    """A map of 16 x 38 x 38 takes 5,776 words as bytes, 23,104 wide; 98,304 may be in use."""
    nodes = "h = Conv(x, w) r = Relu(h) " + " ".join(f"y{i} = Conv(r, v{i})" for i in range(heads))
    weights = {"w": random(6, 3, 3, 3, seed=1)}
    weights |= {f"v{i}": random(16, 6, 1, 1, seed=i) for i in range(heads)}
    outputs = ", ".join(f"y{i}" for i in range(heads))
    network = check(model(nodes, inputs="float[1,3,40,40] x", outputs=outputs, weights=weights))
    assert sum(s.output_bits == 32 for s in specs(network)) == wide
