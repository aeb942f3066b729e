"""What ONNX nodes become: attributes resolved, names kept, unknown ones kept for later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ops.graph import (
    Affine,
    Conv,
    FakeQuantize,
    Linear,
    Pooling,
    Relu,
    Reshape,
    Transpose,
    Unsupported,
)
from mxdeploy.stages.s1_import import import_onnx
from tests.onnx_text import model, random, save

W = random(4, 3, 3, 3)


def load(folder: Path, proto: onnx.ModelProto) -> Network:
    network = import_onnx(save(proto, folder))
    network.verify()
    return network


def scalar(value: float, kind: type = np.float32) -> np.ndarray:
    return np.array(value, kind)


# --- names --------------------------------------------------------------------------------------


def test_names_are_kept_made_up_unique_and_printable(tmp_path: Path) -> None:
    proto = model("a = Relu(x) b = Relu(a) c = Relu(b) y = Relu(c)")
    names = ["same", "same", "", "tab\tand\x1b[31mcolour"]
    for node, name in zip(proto.graph.node, names, strict=True):
        node.name = name
    network = load(tmp_path, proto)
    assert [n.name for n in network.nodes] == ["same", "same_2", "Relu(c)", "tab?and?[31mcolour"]
    assert [n.origin for n in network.nodes] == [(n.name,) for n in network.nodes]
    assert [network.value(n.output).origin for n in network.nodes] == [
        n.name for n in network.nodes
    ]


def test_the_network_is_named_after_the_graph_or_the_file(tmp_path: Path) -> None:
    proto = model("y = Relu(x)")
    assert load(tmp_path, proto).name == "net"
    proto.graph.name = "main_graph"
    assert import_onnx(save(proto, tmp_path, "lights.onnx")).name == "lights"


def test_metadata_are_data(tmp_path: Path) -> None:
    proto = model("y = Relu(x)")
    proto.metadata_props.add(key="classes", value="__import__('os').abort()")
    assert len(load(tmp_path, proto).nodes) == 1


# --- what vanishes ------------------------------------------------------------------------------


def test_identity_dropout_and_cast_vanish(tmp_path: Path) -> None:
    proto = model(
        "a = Identity(x) b = Dropout(a) c = Cast <to=10> (b) d = Cast <to=1> (c) e = Relu(d) "
        "y = Identity(e)"
    )
    network = load(tmp_path, proto)
    assert [n.name for n in network.nodes] == ["Relu(e)"]
    assert network.nodes[0].inputs == ("x",)
    assert len(network.outputs) == 1


def test_constant_nodes_and_constant_arithmetic_vanish(tmp_path: Path) -> None:
    proto = model(
        "k = Constant <value_float = 2.0> () s = Mul(w, k) t = Transpose <perm=[0,1,3,2]> (s) "
        "y = Conv(x, t)",
        weights={"w": W},
    )
    (node,) = load(tmp_path, proto).nodes
    assert np.array_equal(node.op.weight.array, 2 * W.transpose(0, 1, 3, 2))


def test_a_function_of_the_model_is_expanded(tmp_path: Path) -> None:
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "local": 1]>
        net (float[N,4] x) => (float[N,4] y) { y = local.twice(x) }
        <domain: "local", opset_import: ["": 17]>
        twice (a) => (c) { b = Relu(a) c = Abs(b) }"""
    )
    assert [type(n.op).__name__ for n in load(tmp_path, proto).nodes] == ["Relu", "Abs"]


def test_functions_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    """Each of 30 functions calls the next one twice: a thousand million nodes when expanded."""
    functions = [
        f"""<domain: "local", opset_import: ["": 17, "local": 1]>
        f{i} (a) => (c) {{ b = local.f{i + 1}(a) c = local.f{i + 1}(b) }}"""
        for i in range(30)
    ]
    last = '<domain: "local", opset_import: ["": 17]> f30 (a) => (c) { c = Relu(a) }'
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "local": 1]>
        net (float[N,4] x) => (float[N,4] y) { y = local.f0(x) }"""
        + "\n".join([*functions, last])
    )
    with pytest.raises(ModelError) as caught:
        load(tmp_path, proto)
    assert [d.code for d in caught.value.diagnostics] == ["MX1042"]


@pytest.mark.parametrize("length", [1, 2, 60])
def test_functions_that_call_one_another_for_ever(tmp_path: Path, length: int) -> None:
    """In a ring, and through the branches of an If; also a chain that is merely too long."""
    bodies = [
        f"""<domain: "local", opset_import: ["": 17, "local": 1]>
        f{i} (a) => (c) {{ t = Constant <value = bool {{1}}> ()
        c = If(t) <then_branch = g () => (float b) {{ b = local.f{(i + 1) % length}(a) }},
        else_branch = h () => (float e) {{ e = Relu(a) }}> }}"""
        for i in range(length)
    ]
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "local": 1]>
        net (float[N,4] x) => (float[N,4] y) { y = local.f0(x) }"""
        + "\n".join(bodies)
    )
    with pytest.raises(ModelError) as caught:
        load(tmp_path, proto)
    assert [d.code for d in caught.value.diagnostics] == ["MX1046"]


def test_constants_are_not_made_without_end(tmp_path: Path) -> None:
    """Each is small enough to be made; a hundred of them are not."""
    nodes = " ".join(
        f"c{i} = ConstantOfShape(s) d{i} = ReduceMax <keepdims=0> (c{i})" for i in range(100)
    )
    total = " ".join(f"e{i + 1} = Add(e{i}, d{i})" for i in range(100)).replace("(e0", "(x")
    proto = model(
        f"{nodes} {total} y = Relu(e100)", weights={"s": np.array([1 << 10, 1 << 12], np.int64)}
    )
    with pytest.raises(ModelError) as caught:
        load(tmp_path, proto)
    assert {d.code for d in caught.value.diagnostics} == {"MX1043"}


def test_large_constants_are_not_made(tmp_path: Path) -> None:
    """A file of a few bytes must not fill the memory."""
    proto = model(
        "c = ConstantOfShape(s) d = ReduceMax <keepdims=0> (c) y = Add(x, d)",
        weights={"s": np.array([1 << 20, 1 << 20], np.int64)},
    )
    with pytest.raises(ModelError) as caught:
        load(tmp_path, proto)
    assert [d.code for d in caught.value.diagnostics] == ["MX1043", "MX1043"]


# --- quantization -------------------------------------------------------------------------------


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("source", ["integers", "floats"])
def test_quantized_weights_become_float(tmp_path: Path, per_channel: bool, source: str) -> None:
    scale = np.array([0.5, 0.25, 0.125, 1.0] if per_channel else 0.5, np.float32)
    zero = np.zeros(scale.shape, np.int8)
    rng = np.random.default_rng(1)
    integers = rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    factor = scale.reshape((-1, 1, 1, 1)) if per_channel else scale
    floats = integers.astype(np.float32) * factor
    weights = {"s": scale, "z": zero, "v": integers if source == "integers" else floats}
    quantize = "" if source == "integers" else "q = QuantizeLinear <axis=0> (v, s, z) "
    name = "v" if source == "integers" else "q"
    proto = model(
        f"{quantize} w = DequantizeLinear <axis=0> ({name}, s, z) y = Conv(x, w)", weights=weights
    )
    (node,) = load(tmp_path, proto).nodes
    assert np.array_equal(node.op.weight.array, floats)


@pytest.mark.parametrize(
    ("kind", "zero", "low", "high"), [(np.int8, 3, -128, 127), (np.uint8, 100, 0, 255)]
)
def test_a_quantized_activation(tmp_path: Path, kind: type, zero: int, low: int, high: int) -> None:
    proto = model(
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)",
        weights={"s": scalar(0.25), "z": scalar(zero, kind)},
    )
    (node,) = load(tmp_path, proto).nodes
    assert node.op == FakeQuantize(scale=0.25, zero_point=zero, low=low, high=high)


def test_quantizations_that_do_not_match(tmp_path: Path) -> None:
    proto = model(
        "q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, t, z)",
        weights={"s": scalar(0.25), "t": scalar(0.5), "z": scalar(0, np.int8)},
    )
    assert isinstance(load(tmp_path, proto).nodes[-1].op, Unsupported)


# --- attributes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "pads"),
    [
        ("pads=[1,2,3,4]", (1, 2, 3, 4)),
        ("", (0, 0, 0, 0)),
        ('auto_pad="VALID"', (0, 0, 0, 0)),
        ('auto_pad="SAME_UPPER", strides=[2,2]', (0, 0, 1, 1)),
        ('auto_pad="SAME_LOWER", strides=[2,2]', (1, 1, 0, 0)),
        ('auto_pad="SAME_UPPER", dilations=[2,2]', (2, 2, 2, 2)),
    ],
)
def test_padding_of_convolutions(tmp_path: Path, attributes: str, pads: tuple[int, ...]) -> None:
    proto = model(f"y = Conv <{attributes or 'group=1'}> (x, w)", weights={"w": W})
    op = load(tmp_path, proto).nodes[0].op
    assert isinstance(op, Conv)
    assert op.pads == pads


def test_the_largest_number_is_no_bound(tmp_path: Path) -> None:
    """What TensorFlow writes for a ReLU with only a lower bound."""
    largest = float(np.finfo(np.float32).max)
    weights = {"l": scalar(-largest), "h": scalar(largest), "zero": scalar(0.0)}
    proto = model("a = Clip(x, l, h) b = Clip(a, zero, h) y = Min(b, h)", weights=weights)
    bounds = [(n.op.low, n.op.high) for n in load(tmp_path, proto).nodes]
    assert bounds == [(0.0, np.inf)]


def test_gemm_attributes(tmp_path: Path) -> None:
    matrix = random(4, 6)
    proto = model(
        "y = Gemm <alpha=2.0, beta=3.0> (x, m, c)", inputs="float[1,4] x",
        weights={"m": matrix, "c": np.array(0.5, np.float32)},
    )  # fmt: skip
    op = load(tmp_path, proto).nodes[0].op
    assert isinstance(op, Linear)
    assert np.array_equal(op.weight.array, 2 * matrix.T)
    assert op.bias is not None
    assert op.bias.array.tolist() == [1.5] * 6


def test_global_pools_have_the_size_of_the_map(tmp_path: Path) -> None:
    op = load(tmp_path, model("y = GlobalAveragePool(x)", inputs="float[N,3,5,7] x")).nodes[0].op
    assert isinstance(op, Pooling)
    assert (op.average, op.size, op.strides) == (True, (5, 7), (1, 1))


def test_a_reduction_with_channels_last_is_a_chain(tmp_path: Path) -> None:
    proto = model("y = ReduceMean <axes=[1,2], keepdims=0> (x)", inputs="float[N,5,7,3] x")
    network = load(tmp_path, proto)
    assert [type(n.op) for n in network.nodes] == [Transpose, Pooling, Reshape]
    assert {n.origin for n in network.nodes} == {("ReduceMean(y)",)}
    assert network.value(network.outputs[0]).shape == (3,)


def test_batch_normalization_is_affine(tmp_path: Path) -> None:
    proto = model(
        "y = BatchNormalization <epsilon=0.0> (x, g, b, m, v)",
        weights={"g": [2.0, 4, 8], "b": [1.0, 1, 1], "m": [3.0, 0, 1], "v": [4.0, 16, 1]},
    )
    op = load(tmp_path, proto).nodes[0].op
    assert isinstance(op, Affine)
    assert op.scale.array.tolist() == [1.0, 1.0, 8.0]
    assert op.offset.array.tolist() == [-2.0, 1.0, -7.0]


# --- what is kept for legalization --------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "detail"),
    [
        ("y = HardSwish(x)", ""),
        ("y = LeakyRelu <alpha=0.1> (x)", "a slope of 0.1"),
        ("y = Div(k, x)", "a division by a computed value"),
        ("s = Sigmoid(x) y = Conv(x, s)", "computed by the model"),
        ("y, i = MaxPool <kernel_shape=[2,2]> (x) z = Cast <to=1> (i)", "2 outputs in use"),
        ('y = Pad <mode="reflect"> (x, p)', "padding by reflect"),
        ("y = Cast <to=7> (x)", "a conversion to INT64"),
        ("y = BatchNormalization <training_mode=1> (x, c, c, c, c)", "training mode"),
        ("y = NoSuchOperator(x)", ""),
        ("y = Upsample(x)", ""),
        ("y = Clip(x, c, c)", "bounds are not constant scalars"),
        ("y = Clip(x, nan)", "not a number"),
        ("y = Min(x, x)", "compares computed values"),
        ("g = ReduceMean <axes=[2,3]> (x) y = Mul(x, g)", "a product of two computed values of sh"),
        ("y = Softmax <axis=0> (x)", "along the batch axis"),
        ("p1 = MaxPool <kernel_shape=[2,2]> (x) g = GlobalMaxPool(x) y = Add(p1, g)", "different"),
        ("y = Add(x, wide)", "adds axes"),
        ("f = Flatten(x) y = Gemm <transA=1> (f, one, c)", "transA"),
        ("y = MatMul(k33, x)", "a matrix on the left of a value of shape [3, 8, 8]"),
        ("y = MatMul(x, x)", "a matrix product of two computed values"),
        ("f = Flatten(x) y = Gemm(f, m192, c2)", "constant C has shape [1, 1, 2]"),
        ("y = MatMul(x, k4)", "not a matrix"),
        ("y = ReduceMean(x)", "all axes"),
        ("y = ReduceMean <axes=[0]> (x)", "the batch axis"),
        ("q = QuantizeLinear(x, m, zp) y = Cast <to=1> (q)", "no DequantizeLinear"),
        ("c1 = Cast <to=3> (x) y = DequantizeLinear(c1, m, zp)", "no QuantizeLinear made"),
        (
            "q = QuantizeLinear <axis=1> (x, c, z3) y = DequantizeLinear <axis=1> (q, c, z3)",
            "3 scales for one value",
        ),
        ("y = Transpose <perm=[1,0,2,3]> (x)", "moves the batch axis"),
        ("y = Concat <axis=1> (x, k)", "joins computed values with constants"),
        ("y = Pad(x, pb)", "pads the batch axis"),
        ("y = Dropout(x, half, yes)", "training mode"),
        (
            "y = ConvTranspose <output_shape=[16,16]> (x, wt)",
            "an output of [16, 16], from [8, 8] it is [10, 10]",
        ),
        ("y = Clip(x, half, nothing)", "bounds from 0.5 to 0"),
        ("y = Slice(x, from0, from0, ax)", "nothing is left"),
        ("y = Slice(x, back, backs, ax, back)", "in the order 7, 6, 5, 4, 3, 2, 1, 0"),
        ("y = Slice(x, back2, backs2, ax2, back2)", "runs backwards (step -1) along one of"),
        ("g = GlobalMaxPool(x) y = Expand(g, five)", "adds axes, from [3, 1, 1] to [1, 3, 1, 1]"),
        ("y = Tile(x, twice)", "whole rows are repeated"),
        ('y = Resize <mode="linear"> (x, , sc2)', "interpolation (linear)"),
        ("y = Resize(x, , sc15)", "a scale of 1.5"),
        ("y = Resize(x, , sc03)", "a scale of 0.375"),
        ('y = Resize <nearest_mode="ceil"> (x, , sc2)', "not all alike (half_pixel, ceil)"),
        ("y = Resize(x, , sc2c)", "channels are repeated"),
        ("y = Resize(x, , sc200)", "from [3, 8, 8] to [3, 1600, 8]"),
        ('y = Pad <mode="edge"> (x, p)', "padding by edge"),
        ("y = Pad(x, p, nan)", "a value that is not a number"),
        ("y = Gather <axis=2> (x, two)", "elements of axis 2 in the order 1, 0"),
        ("y = Gather <axis=1> (x, grid)", "its indices have shape [1, 2]"),
        ("y = Gather <axis=0> (x, from0)", "along the batch axis"),
        ("u = Unsqueeze(x, ax) y = Conv(u, w3)", "a convolution over 3 axes"),
        ("u = Unsqueeze(x, ax) y = MaxPool <kernel_shape=[1,2,2]> (u)", "a pooling over 3 axes"),
        ("y = custom.Thing(x)", ""),
    ],
)
def test_what_is_not_known_is_kept(tmp_path: Path, nodes: str, detail: str) -> None:
    proto = model(
        nodes,
        outputs="y, z" if "z =" in nodes else "y",
        weights={
            "k": random(1, 3, 8, 8), "p": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
            "c": np.ones(3, np.float32), "m": scalar(0.5), "nan": scalar(np.nan),
            "wide": random(1, 1, 3, 8, 8), "one": random(1, 2),
            "k2": random(5, 1), "m192": random(192, 2), "c2": random(1, 1, 2),
            "k4": random(3, 8, 8), "zp": scalar(0, np.int8), "z3": np.zeros(3, np.int8),
            "pb": np.array([1, 0, 0, 0, 0, 0, 0, 0], np.int64), "half": scalar(0.5),
            "yes": scalar(1, np.bool_), "wt": random(3, 4, 3, 3), "w3": random(2, 3, 1, 1, 1),
            "ax": np.array([2], np.int64), "k33": random(3, 8), "nothing": scalar(0.0),
            "from0": np.array([0], np.int64), "back": np.array([-1], np.int64),
            "backs": np.array([-99], np.int64), "back2": np.array([-1, -1], np.int64),
            "backs2": np.array([-99, -99], np.int64), "ax2": np.array([1, 2], np.int64),
            "five": np.array([1, 1, 3, 1, 1], np.int64), "twice": np.array([1, 1, 2, 1], np.int64),
            "sc2": np.array([1, 1, 2, 2], np.float32), "sc15": np.array([1, 1, 1.5, 1], np.float32),
            "sc03": np.array([1, 1, 0.375, 1], np.float32),
            "sc2c": np.array([1, 2, 2, 2], np.float32),
            "sc200": np.array([1, 1, 200, 1], np.float32),
            "two": np.array([1, 0], np.int64), "grid": np.array([[1, 0]], np.int64),
        },
    )  # fmt: skip
    ops = [n.op for n in load(tmp_path, proto).nodes]
    kept = [op for op in ops if isinstance(op, Unsupported)]
    assert kept
    assert any(detail in op.detail for op in kept)


def test_the_network_behind_an_unknown_operator_is_imported(tmp_path: Path) -> None:
    proto = model("a = custom.Thing(x) b = Conv(a, w) f = Flatten(b) y = Relu(f)", weights={"w": W})
    network = load(tmp_path, proto)
    assert [type(n.op) for n in network.nodes] == [Unsupported, Conv, Reshape, Relu]
    assert network.nodes[0].op == Unsupported(op_type="custom.Thing")


def test_a_shape_from_an_unknown_operator_keeps_it_in_the_way(tmp_path: Path) -> None:
    """Otherwise nobody would read the operator, and its finding would be lost."""
    proto = model("s = custom.Thing(x) h = Relu(x) r = Reshape(h, s) y = Relu(r)")
    network = load(tmp_path, proto)
    assert [type(n.op) for n in network.nodes] == [Unsupported, Relu, Unsupported, Relu]
    assert network.nodes[2].inputs == ("h", "s")
    assert "not known" in network.nodes[2].op.detail
