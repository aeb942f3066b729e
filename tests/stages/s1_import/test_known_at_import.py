"""What is known when a model is read: constants, sizes, branches, functions."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from mxdeploy.ir.network import Network
from tests.onnx_text import model, random
from tests.stages.s1_import.conftest import Agree


def ops(network: Network) -> str:
    return " ".join(type(n.op).__name__ for n in network.nodes)


@pytest.mark.parametrize(
    "attribute",
    [
        "value_float=2.0", "value_floats=[1.0, 2.0, 3.0]", "value_int=2", "value_ints=[1, 2, 3]",
        "value = float[3] {1, 2, 3}", "value = float16[3] {1, 2, 3}", "value = int32 {7}",
    ],
)  # fmt: skip
def test_constants_of_every_kind(agree: Agree, attribute: str) -> None:
    several = "s=" in attribute or "[3]" in attribute
    spread = "s = Constant <value_ints=[-1, 1, 1]> () r = Reshape(f, s)"
    shape = spread if several else "r = Identity(f)"
    nodes = f"k = Constant <{attribute}> () f = Cast <to=1> (k) {shape} y = Mul(x, r)"
    assert ops(agree(model(nodes))) == "Affine"


SHAPE_ARITHMETIC = (
    "s = Shape(x) a = Constant <value_int=1> () b = Constant <value_int=2> () "
    "c = Gather(s, a) r = Gather(s, b) two = Constant <value_int=2> () d = Mul(c, two) "
    "e = Div(r, two) ax = Constant <value_ints=[0]> () du = Unsqueeze(d, ax) "
    "eu = Unsqueeze(e, ax) n = Constant <value_ints=[-1]> () "
)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (
            SHAPE_ARITHMETIC + "m = Constant <value_ints=[0]> () o = Concat <axis=0> (m, du, eu, n)"
            "y = Reshape(x, o)",
            "Reshape",
        ),
        (
            SHAPE_ARITHMETIC + "z = ConstantOfShape <value = float[1] {0.5}> (du) "
            "i = Constant <value_int=0> () q = Range(i, d, two) l = Size(q) f = Cast <to=1> (l) "
            "g = ReduceSum <keepdims=0> (z) h = Add(f, g) y = Mul(x, h)",
            "Affine",
        ),
        (
            SHAPE_ARITHMETIC + "t = Equal(d, e) i = Constant <value_float=1.5> () "
            "j = Constant <value_float=2.5> () k = Where(t, i, j) y = Add(x, k)",
            "Affine",
        ),
    ],
)
def test_sizes_are_computed_at_import(agree: Agree, nodes: str, expected: str) -> None:
    assert ops(agree(model(nodes, inputs="float[N,3,8,8] x"))) == expected


@pytest.mark.parametrize(("value", "expected"), [(1, "Relu"), (0, "Conv")])
def test_a_branch_that_is_always_taken(agree: Agree, value: int, expected: str) -> None:
    proto = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
        net (float[1,3,8,8] x) => (float[1,3,8,8] y) {{
        t = Constant <value = bool {{{value}}}> ()
        y = If(t) <then_branch = g () => (float[1,3,8,8] b) {{ b = Relu(x) }},
        else_branch = h () => (float[1,3,8,8] e) {{ e = Conv(x, w) }}> }}"""
    )
    proto.graph.initializer.append(onnx.numpy_helper.from_array(random(3, 3, 1, 1), "w"))
    assert ops(agree(proto)) == expected


def test_a_branch_that_depends_on_a_size(agree: Agree) -> None:
    """What PyTorch writes for ``squeeze`` of an axis that may be longer than 1."""
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        net (float[N,3,1,4] x) => (float[N,3,4] y) {
        s = Shape(x) i = Constant <value_int=2> () d = Gather(s, i) one = Constant <value_int=1> ()
        t = Equal(d, one) ax = Constant <value_ints=[2]> ()
        y = If(t) <then_branch = g () => (float[M,K,L] b) { b = Squeeze(x, ax) },
        else_branch = h () => (float[M,K,O,L] e) { e = Identity(x) }> }"""
    )
    assert ops(agree(proto)) == "Reshape"


def test_functions_inside_functions(agree: Agree) -> None:
    """As the dynamo exporter writes modules: attributes handed on, constants inside."""
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "local": 1]>
        net (float[1,3,8,8] x) => (float[1,3,4,4] y) { h = local.block <size=[2,2]> (x)
        y = Relu(h) }
        <domain: "local", opset_import: ["": 17, "local": 1]>
        block <size> (a) => (c) { n = local.scaled(a)
        c = MaxPool <kernel_shape: ints = @size, strides: ints = @size> (n) }
        <domain: "local", opset_import: ["": 17]>
        scaled (a) => (c) { k = Constant <value_float=0.5> () m = Mul(a, k) c = Sub(m, k) }"""
    )
    network = agree(proto)
    assert ops(network) == "Affine Affine Pooling Relu"


@pytest.mark.parametrize("place", ["node", "import", "both"])
def test_both_names_of_the_domain_of_onnx(agree: Agree, place: str) -> None:
    proto = model("s = Shape(x) h = Reshape(x, s) y = Relu(h)")
    if place != "import":
        for node in proto.graph.node:
            node.domain = "ai.onnx"
    if place != "node":
        proto.opset_import[0].domain = "ai.onnx"
    path_of_ort = model("s = Shape(x) h = Reshape(x, s) y = Relu(h)")
    assert ops(agree(proto, judge=path_of_ort)) == "Relu"


def test_weights_that_are_computed_from_constants(agree: Agree) -> None:
    """Weight normalization, clamped and rounded weights of quantization-aware training."""
    weights = {
        "v": random(4, 3, 3, 3), "g": random(4, 1, 1, 1), "low": np.float32(-0.5).reshape(()),
        "step": np.float32(0.125).reshape(()),
    }  # fmt: skip
    nodes = (
        "n = ReduceL2 <axes=[1,2,3]> (v) d = Div(v, n) w = Mul(d, g) t = Tanh(w) "
        "c = Clip(t, low) q = Div(c, step) r = Round(q) u = Mul(r, step) y = Conv(x, u)"
    )
    assert ops(agree(model(nodes, weights=weights))) == "Conv"
