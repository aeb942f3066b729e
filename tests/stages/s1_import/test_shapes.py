"""Static shapes: batches, dynamic dimensions, constants computed at import, inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ops.graph import Conv, Linear, Reshape, Unsupported
from mxdeploy.stages.s1_import import import_onnx
from tests.onnx_text import model, random, save
from tests.stages.s1_import.conftest import Agree

W = random(4, 3, 3, 3)
I64 = np.int64


def load(folder: Path, proto: onnx.ModelProto) -> Network:
    return import_onnx(save(proto, folder))


def findings(folder: Path, proto: onnx.ModelProto) -> tuple[Diagnostic, ...]:
    with pytest.raises(ModelError) as caught:
        load(folder, proto)
    assert all(d.fix for d in caught.value.diagnostics)
    return caught.value.diagnostics


@pytest.mark.parametrize("batch", ["1", "N", "4"])
def test_any_batch_is_left_out(tmp_path: Path, batch: str) -> None:
    proto = model(
        "h = Conv(x, w) f = Flatten(h) y = MatMul(f, m)",
        inputs=f"float[{batch},3,8,8] x",
        weights={"w": W, "m": random(144, 10)},
    )
    network = load(tmp_path, proto)
    assert [v.shape for v in network.values] == [(3, 8, 8), (4, 6, 6), (144,), (10,)]


def test_a_shape_computed_from_the_batch_is_folded(tmp_path: Path) -> None:
    """What PyTorch writes for ``x.view(x.size(0), -1)``."""
    proto = model(
        "h = Conv(x, w) s = Shape(h) b = Gather(s, zero) u = Unsqueeze(b, axis) "
        "t = Concat <axis=0> (u, rest) f = Reshape(h, t) y = MatMul(f, m)",
        inputs="float[N,3,8,8] x",
        weights={
            "w": W, "m": random(144, 10), "zero": np.array(0, I64), "axis": np.array([0], I64),
            "rest": np.array([-1], I64),
        },
    )  # fmt: skip
    network = load(tmp_path, proto)
    assert [type(n.op) for n in network.nodes] == [Conv, Reshape, Linear]


def test_a_batch_that_is_fixed_inside_must_agree(tmp_path: Path) -> None:
    proto = model(
        "h = Conv(x, w) y = Reshape(h, s)",
        inputs="float[N,3,8,8] x",
        weights={"w": W, "s": np.array([8, 144], I64)},
    )
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where) == ("MX1024", "Reshape(y)")
    agreeing = model(
        "h = Conv(x, w) y = Reshape(h, s)",
        inputs="float[8,3,8,8] x",
        weights={"w": W, "s": np.array([8, 144], I64)},
    )
    assert load(tmp_path, agreeing).value("y").shape == (144,)


@pytest.mark.parametrize("shape", ["[1,3,H,W]", "[N,3,8,W]", "[N,C,8,8]"])
def test_dynamic_inputs_are_refused(tmp_path: Path, shape: str) -> None:
    proto = model("y = Conv(x, w)", inputs=f"float{shape} x", weights={"w": W})
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where) == ("MX1020", "input x")
    axes = [str(i) for i, d in enumerate(shape[1:-1].split(",")) if i and d.isalpha()]
    assert f"axis {', '.join(axes)}" in found.what


def test_inputs_without_shape_are_refused(tmp_path: Path) -> None:
    proto = model("y = Relu(x)")
    proto.graph.input[0].type.tensor_type.ClearField("shape")
    (found,) = findings(tmp_path, proto)
    assert found.code == "MX1021"


@pytest.mark.parametrize(
    "nodes",
    [
        "h = Conv(x, w) y = Conv(h, w)",
        "y = Conv <kernel_shape=[2,2]> (x, w)",
        "y = Conv(x, w, three)",
        "y = Conv <strides=[1,1]> (x, flat)",
        "f = Flatten(x) y = Gemm(f, m)",
        "f = Flatten(x) y = MatMul(f, m)",
        "y = BatchNormalization(x, four, four, four, four)",
        "y = Reshape(x, s)",
        "h = Flatten(x) y = Concat <axis=1> (x, h)",
    ],
)
def test_shapes_that_disagree(tmp_path: Path, nodes: str) -> None:
    proto = model(
        nodes,
        weights={
            "w": W, "three": random(3), "four": np.abs(random(4)), "m": random(100, 5),
            "flat": random(4, 3, 3), "s": np.array([1, 100], I64),
        },
    )  # fmt: skip
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where[-3:]) == ("MX1022", "(y)")


def test_sizes_that_depend_on_the_data(tmp_path: Path) -> None:
    nodes = "a = ArgMax <axis=1, keepdims=0> (x) y = Reshape(x, a)"
    proto = model(nodes, inputs="float[1,4] x")
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where) == ("MX1023", "Reshape(y)")
    proto = model("s = NonZero(x) t = Cast <to=1> (s) y = Relu(t)", inputs="float[1,4] x")
    network = load(tmp_path, proto)
    assert network.nodes[0].op == Unsupported(op_type="NonZero")


@pytest.mark.parametrize("kind", ["uint8", "int64", "bool", "string"])
def test_inputs_that_are_no_real_numbers_are_refused(tmp_path: Path, kind: str) -> None:
    proto = model("h = Cast <to=1> (x) y = Relu(h)", inputs=f"{kind}[1,4] x")
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where) == ("MX1044", "input x")
    assert kind in found.what
    assert "0..255" in found.fix


def test_an_input_that_is_no_tensor_is_refused(tmp_path: Path) -> None:
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        net (seq(float[1,4]) x) => (float[1,4] y) { i = Constant <value_int=0> ()
        h = SequenceAt(x, i) y = Relu(h) }"""
    )
    assert [f.code for f in findings(tmp_path, proto)] == ["MX1044"]


@pytest.mark.parametrize("kind", ["float16", "double"])
def test_real_inputs_of_other_widths(tmp_path: Path, kind: str) -> None:
    proto = model("h = Cast <to=1> (x) y = Relu(h)", inputs=f"{kind}[1,4] x")
    assert len(load(tmp_path, proto).nodes) == 1


@pytest.mark.parametrize(
    "nodes",
    [
        "y = MaxPool <kernel_shape=[9,9]> (x)",
        "y = AveragePool <kernel_shape=[3,9], strides=[2,2]> (x)",
        "y = Conv(x, big)",
        "y = Conv(x, none)",
    ],
)
def test_values_without_elements(tmp_path: Path, nodes: str) -> None:
    """Maps that have become too small, and weights for no channels."""
    weights = {"big": random(4, 3, 11, 3), "none": np.zeros((0, 3, 3, 3), np.float32)}
    (found,) = findings(tmp_path, model(nodes, weights=weights))
    assert found.code in {"MX1022", "MX1025"}


@pytest.mark.parametrize("shape", ["3,9000,9000", "1,1000000,1", "100000000"])
def test_values_far_too_large(tmp_path: Path, shape: str) -> None:
    (found,) = findings(tmp_path, model("y = Relu(x)", inputs=f"float[1,{shape}] x"))
    assert (found.code, found.where) == ("MX1026", "input x")


def test_a_value_that_is_made_far_too_large(tmp_path: Path) -> None:
    weights = {"p": np.array([0, 0, 0, 0, 0, 0, 0, 2**40], I64)}
    (found,) = findings(tmp_path, model("h = Pad(x, p) y = Relu(h)", weights=weights))
    assert (found.code, found.where) == ("MX1026", "Pad(h)")
    assert str(2**40 + 8) in found.what


def test_a_value_that_loses_its_batch(tmp_path: Path) -> None:
    proto = model("y = Reshape(x, s)", inputs="float[N,4] x", weights={"s": np.array([4, 1], I64)})
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where) == ("MX1024", "Reshape(y)")
    assert "[4, 1]" in found.what


@pytest.mark.parametrize(
    "end",
    [
        "y = Squeeze(f)",
        "s = Squeeze(f) y = Sigmoid(s)",
        "h = Relu(f) s = Squeeze(h) t = Neg(s) y = Cast <to=1> (t)",
    ],
)
@pytest.mark.parametrize("classes", [1, 4])
def test_a_result_may_lose_its_batch(agree: Agree, end: str, classes: int) -> None:
    """``squeeze()`` at the end of a model that was exported for one image."""
    weights = {"w": random(classes, 3, 8, 8)}
    network = agree(model(f"f = Conv(x, w) {end}", weights=weights))
    assert network.value(network.outputs[0]).shape == (classes,)


def test_a_batch_that_is_lost_and_counted_on(tmp_path: Path) -> None:
    nodes = "f = Conv(x, w) s = Squeeze(f) y = Softmax <axis=0> (s)"
    (found,) = findings(tmp_path, model(nodes, weights={"w": random(4, 3, 8, 8)}))
    assert (found.code, found.where) == ("MX1024", "Squeeze(s)")
    open_batch = model(
        "f = Conv(x, w) y = Squeeze(f)", inputs="float[N,3,8,8] x",
        weights={"w": random(4, 3, 8, 8)},
    )  # fmt: skip
    (found,) = findings(tmp_path, open_batch)
    assert (found.code, found.where) == ("MX1024", "Squeeze(y)")


def test_stale_shapes_in_the_file_are_ignored(tmp_path: Path) -> None:
    proto = model("h = Relu(x) y = Relu(h)", inputs="float[N,4] x")
    stale = onnx.helper.make_tensor_value_info("h", onnx.TensorProto.FLOAT, [16, 4])
    proto.graph.value_info.append(stale)
    assert load(tmp_path, proto).value("h").shape == (4,)


# --- inputs and outputs -------------------------------------------------------------------------


def test_the_input_can_be_an_output(tmp_path: Path) -> None:
    proto = model("y = Relu(x)", inputs="float[1,4] x")
    proto.graph.output.add().CopyFrom(proto.graph.input[0])
    network = load(tmp_path, proto)
    assert [(r.name, r.value) for r in network.results] == [("y", "y"), ("x", "x")]


def test_no_input_is_refused(tmp_path: Path) -> None:
    proto = model("y = Relu(c)", inputs="", weights={"c": random(1, 4)})
    (found,) = findings(tmp_path, proto)
    assert found.code == "MX1040"


def test_unused_inputs_and_weights_among_the_inputs_do_not_count(tmp_path: Path) -> None:
    proto = model(
        "y = Conv(x, w)", inputs="float[1,3,8,8] x, float[4,3,3,3] w, float[1] unused",
        weights={"w": W},
    )  # fmt: skip
    assert load(tmp_path, proto).inputs == ("x",)


def test_a_constant_output_is_refused(tmp_path: Path) -> None:
    proto = model("y = Relu(x) z = Softplus(c)", inputs="float[1,4] x", outputs="y, z",
                  weights={"c": random(1, 4)})  # fmt: skip
    (found,) = findings(tmp_path, proto)
    assert (found.code, found.where) == ("MX1043", "Softplus(z)")
    folded = model("y = Relu(x) z = Abs(c)", inputs="float[1,4] x", outputs="y, z",
                   weights={"c": random(1, 4)})  # fmt: skip
    (found,) = findings(tmp_path, folded)
    assert (found.code, found.where) == ("MX1041", "output z")


# --- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "text"), [((np.nan, np.nan), "2 NaN"), ((np.inf, 1.0), "1 infinite"),
                         ((np.nan, -np.inf), "1 NaN and 1 infinite")],
)  # fmt: skip
def test_weights_that_are_not_finite(
    tmp_path: Path, values: tuple[float, float], text: str
) -> None:
    bad = W.copy()
    bad[0, 0, 0, :2] = values
    (found,) = findings(tmp_path, model("y = Conv(x, w)", weights={"w": bad}))
    assert (found.code, found.where) == ("MX1030", "Conv(y)")
    assert text in found.what
    assert "'w'" in found.what


def test_all_bad_tensors_are_named(tmp_path: Path) -> None:
    bad = np.full((4, 3, 3, 3), np.nan, np.float32)
    proto = model(
        "h = Conv(x, w) f = Flatten(h) g = Gemm(f, m, c) y = Add(g, d)",
        weights={
            "w": bad, "m": np.full((144, 2), np.inf, np.float32), "c": np.zeros(2, np.float32),
            "d": np.array([np.nan, 0], np.float32),
        },
    )  # fmt: skip
    assert [d.where for d in findings(tmp_path, proto)] == ["Conv(h)", "Gemm(g)", "Add(y)"]


def test_a_division_by_zero_and_a_negative_variance(tmp_path: Path) -> None:
    zero = model("y = Div(x, d)", weights={"d": [[[1.0]], [[0.0]], [[1.0]]]})
    assert findings(tmp_path, zero)[0].code == "MX1030"
    negative = model("y = BatchNormalization(x, o, o, o, v)",
                     weights={"o": [1.0, 1.0, 1.0], "v": [1.0, -1.0, 1.0]})  # fmt: skip
    assert findings(tmp_path, negative)[0].code == "MX1030"


def test_bounds_of_a_clip_may_be_infinite(tmp_path: Path) -> None:
    bounds = {"l": np.float32(0).reshape(()), "h": np.float32(np.inf).reshape(())}
    network = load(tmp_path, model("y = Clip(x, l, h)", weights=bounds))
    assert network.nodes[0].op.high == np.inf


def test_weights_that_no_training_leaves_behind(tmp_path: Path) -> None:
    """Too large to compute with; next to nothing, which is nothing."""
    large, small = W.copy(), W.copy()
    large[0, 0, 0, 0], small[0, 0, 0, 0] = 1e30, 1e-38
    (found,) = findings(tmp_path, model("y = Conv(x, w)", weights={"w": large}))
    assert (found.code, found.where) == ("MX1032", "Conv(y)")
    assert "1e+30" in found.what
    network = load(tmp_path, model("y = Conv(x, w)", weights={"w": small}))
    assert network.nodes[0].op.weight.array[0, 0, 0, 0] == 0
    scaled = model("f = Flatten(x) y = Gemm <alpha=1e30> (f, m)", weights={"m": random(192, 2)})
    assert [d.code for d in findings(tmp_path, scaled)] == ["MX1032"]
    endless = model("f = Flatten(x) y = Gemm(f, m)", weights={"m": np.zeros((192, 2), np.float32)})
    endless.graph.node[1].attribute.append(onnx.helper.make_attribute("alpha", np.inf))
    assert [d.code for d in findings(tmp_path, endless)] == ["MX1030"]


@pytest.mark.parametrize("kind", ["int8", "int64", "uint8", "bool"])
def test_weights_that_are_no_real_numbers(tmp_path: Path, kind: str) -> None:
    weights = {"w": np.ones((4, 3, 3, 3), kind)}
    (found,) = findings(tmp_path, model("y = Conv(x, w)", weights=weights))
    assert (found.code, found.where) == ("MX1031", "Conv(y)")
    assert kind in found.what


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "double"])
def test_models_of_other_real_numbers(tmp_path: Path, kind: str) -> None:
    """Whole models in other widths, or weights stored so and converted."""
    number = onnx.TensorProto.DataType.Value(kind.upper())
    type_of_numpy = onnx.helper.tensor_dtype_to_np_dtype(number)
    weights = {"w": W.astype(type_of_numpy)}
    stored = model("v = Cast <to=1> (w) y = Conv(x, v)", weights=weights)
    network = load(tmp_path, stored)
    assert np.array_equal(network.nodes[0].op.weight.array, weights["w"].astype(np.float32))
    if kind != "bfloat16":
        whole = model("y = Conv(x, w)", weights=weights, inputs=f"{kind}[1,3,8,8] x", opset=22)
        whole.graph.output[0].type.tensor_type.elem_type = number
        assert load(tmp_path, whole).nodes == network.nodes


def test_values_with_odd_names(tmp_path: Path) -> None:
    """Names are made printable and stay different."""
    proto = model("a = Relu(x) b = Abs(a) y = Neg(b)")
    odd = {"a": "tab\there", "b": "tab\x1bhere", "x": "\u00fc input:0"}
    for node in proto.graph.node:
        node.input[0] = odd.get(node.input[0], node.input[0])
        node.output[0] = odd.get(node.output[0], node.output[0])
    proto.graph.input[0].name = odd["x"]
    network = load(tmp_path, proto)
    assert [v.name for v in network.values] == ["\u00fc input:0", "tab?here", "tab?here_2", "y"]
