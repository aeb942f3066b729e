"""Every imported operator means what onnxruntime computes: one model each, both evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.ops.graph import Slice, Unsupported, Upsample
from mxdeploy.stages.s1_import import import_onnx
from tests.onnx_text import model, random, save
from tests.stages.s1_import.conftest import Agree

I64 = np.int64
NEWEST_OF_RUNTIME = 21
"""Operator set that every onnxruntime reads that there is for the operators here."""
NCHW, NHWC, NCL, VECTOR = (
    "float[1,3,8,8] x", "float[1,7,8,3] x", "float[1,3,9] x", "float[1,6] x",
)  # fmt: skip


def ints(*values: int) -> np.ndarray:
    return np.array(values, I64)


def scalar(value: float, kind: type = np.float32) -> np.ndarray:
    return np.array(value, kind)


WEIGHTS = {
    "w": random(4, 3, 3, 3), "b": random(4), "w1": random(4, 3, 5), "wd": random(6, 1, 3, 3),
    "wt": random(3, 4, 3, 3), "wt1": random(3, 4, 4), "wtg": random(3, 2, 3, 3),
    "m": random(6, 5), "mt": random(5, 6), "mb": random(5), "m1": random(1, 6, 5),
    "row": random(1, 5), "one": random(1), "v6": random(6), "m192": random(192, 5),
    "m54": random(5, 4), "left": random(4, 3), "left1": random(1, 4, 3), "m9": random(9, 5),
    "c": random(3, 1, 1), "c1": random(1, 3, 1, 1), "c3": random(3), "col": random(8, 1),
    "pos": np.abs(random(3)) + 0.5, "k": scalar(2.5), "six": scalar(6.0), "zero": scalar(0.0),
    "k388": random(3, 8, 8), "k88": random(1, 1, 8, 8),
    "low": scalar(-0.5), "half": scalar(0.5), "no": scalar(0, np.bool_), "axis1": ints(1),
}  # fmt: skip

CONVOLUTIONS = {
    "y = Conv(x, w, b)": "Conv",
    "y = Conv <pads=[1,2,3,0], strides=[2,3]> (x, w)": "Conv",
    "y = Conv <dilations=[2,3], pads=[2,3,2,3]> (x, w, b)": "Conv",
    'y = Conv <auto_pad="SAME_UPPER", strides=[3,2]> (x, w)': "Conv",
    'y = Conv <auto_pad="SAME_LOWER", strides=[3,2]> (x, w)': "Conv",
    'y = Conv <auto_pad="VALID", strides=[2,2]> (x, w)': "Conv",
    "a = Conv <group=3, pads=[1,1,1,1]> (x, wd) y = Relu(a)": "Conv Relu",
    "y = ConvTranspose(x, wt, b)": "ConvTranspose",
    "y = ConvTranspose <strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]> (x, wt)":
        "ConvTranspose",
    "y = ConvTranspose <strides=[2,3], pads=[1,0,0,2], dilations=[2,1]> (x, wt)": "ConvTranspose",
    "y = ConvTranspose <strides=[2,2], group=3> (x, wtg)": "ConvTranspose",
    "y = ConvTranspose <strides=[2,2], output_shape=[16,16]> (x, wt)": "ConvTranspose",
    "y = ConvTranspose <strides=[2,2], output_shape=[14,15]> (x, wt)": "ConvTranspose",
    'y = ConvTranspose <strides=[2,2], auto_pad="SAME_UPPER"> (x, wt)': "ConvTranspose",
    'y = ConvTranspose <strides=[2,2], auto_pad="SAME_LOWER"> (x, wt)': "ConvTranspose",
    'y = ConvTranspose <strides=[2,2], auto_pad="VALID"> (x, wt)': "ConvTranspose",
}  # fmt: skip

POOLS = {
    "y = MaxPool <kernel_shape=[2,3], strides=[2,1]> (x)": "Pooling",
    "y = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,0,1]> (x)": "Pooling",
    "y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x)": "Pooling",
    "y = MaxPool <kernel_shape=[2,2], dilations=[3,2]> (x)": "Pooling",
    'y = MaxPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"> (x)': "Pooling",
    'y = MaxPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_LOWER"> (x)': "Pooling",
    'y = MaxPool <kernel_shape=[3,3], auto_pad="VALID"> (x)': "Pooling",
    "y = MaxPool <kernel_shape=[2,2], storage_order=1> (x)": "Pooling",
    "y = AveragePool <kernel_shape=[3,2], strides=[2,2]> (x)": "Pooling",
    "y = AveragePool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]> (x)": "Pooling",
    "y = AveragePool <kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1> (x)": "Pooling",
    "y = AveragePool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (x)": "Pooling",
    'y = AveragePool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"> (x)': "Pooling",
    "y = GlobalAveragePool(x)": "Pooling",
    "y = GlobalMaxPool(x)": "Pooling",
    "y = ReduceMean <axes=[2,3]> (x)": "Pooling",
    "y = ReduceMean <axes=[-1,-2], keepdims=0> (x)": "Pooling Reshape",
    "y = ReduceMean <axes=[3], keepdims=0> (x)": "Pooling Reshape",
    "y = ReduceMax <axes=[2]> (x)": "Pooling",
    "y = ReduceMax <axes=[2,3], keepdims=0> (x)": "Pooling Reshape",
}

SHAPES = {
    "y = Flatten(x)": "Reshape",
    "y = Flatten <axis=-3> (x)": "Reshape",
    "y = Transpose <perm=[0,2,3,1]> (x)": "Transpose",
    "a = Relu(x) y = Concat <axis=1> (x, a, x)": "Relu Concat",
    "a = Relu(x) y = Concat <axis=-1> (x, a)": "Relu Concat",
    "y = Concat <axis=1> (x)": "",
    "y = SpaceToDepth <blocksize=2> (x)": "Reshape Transpose Reshape",
    "y = Identity(x)": "",
    "y = Dropout(x)": "",
    "a = Relu(x) y, mask = Dropout(a, half, no)": "Relu",
    "a = Cast <to=11> (x) h = Relu(a) y = Cast <to=1> (h)": "Relu",
}

ARITHMETIC = {
    "y = Add(x, x)": "Elementwise",
    "a = Relu(x) y = Sub(x, a)": "Relu Elementwise",
    "a = Relu(x) y = Sum(x, a, x, a)": "Relu Elementwise",
    "a = Relu(x) y = Sum(c, x, a, k)": "Relu Elementwise Affine",
    "a = Relu(x) y = Mean(x, a, x)": "Relu Elementwise Affine",
    "y = Mean(x)": "",
    "y = Sum(x)": "",
    "y = Sum(x, k, c)": "Affine",
    "y = Add(x, c)": "Affine",
    "y = Add(x, k388)": "PerElement",
    "y = Sub(k88, x)": "PerElement",
    "y = Mul(x, k388)": "PerElement",
    "y = Div(x, k388)": "PerElement",
    "y = Sum(x, k388, c)": "PerElement",
    "y = Add(c1, x)": "Affine",
    "y = Sub(x, k)": "Affine",
    "y = Sub(c, x)": "Affine",
    "y = Mul(x, c)": "Affine",
    "y = Mul(one, x)": "Affine",
    "y = Div(x, k)": "Affine",
    "y = Neg(x)": "Affine",
    "y = Mul(x, col)": "Transpose Affine Transpose",
    "y = BatchNormalization(x, c3, c3, c3, pos)": "Affine",
    "y = BatchNormalization <epsilon=0.1> (x, pos, c3, c3, pos)": "Affine",
}

ACTIVATIONS = {
    "y = Relu(x)": "Relu",
    "y = Abs(x)": "Abs",
    "y = LeakyRelu <alpha=0.0> (x)": "Relu",
    "y = Clip(x, zero, six)": "Clip",
    "y = Clip(x, , half)": "Clip",
    "y = Clip(x, low)": "Clip",
    "y = Clip(x)": "",
    "y = Max(x, low)": "Clip",
    "y = Min(half, x)": "Clip",
    "y = Sigmoid(x)": "Sigmoid",
    "f = Flatten(x) y = Softmax(f)": "Reshape Softmax",
    "y = Softmax <axis=1> (x)": "Softmax",
    "y = LogSoftmax <axis=-2> (x)": "LogSoftmax",
    "y = HardSigmoid(x)": "HardSigmoid",
    "y = HardSigmoid <alpha=0.5, beta=0.1> (x)": "HardSigmoid",
    "y = Tanh(x)": "Tanh",
    "y = Exp(x)": "Exp",
    "y = Mul(x, x)": "Multiply",
    "t = Tanh(x) y = Mul(t, x)": "Tanh Multiply",
    "y = ReduceMean <axes=[1]> (x)": "Reduce",
    "y = ReduceMean <axes=[1,3], keepdims=0> (x)": "Reduce Reduce Reshape",
    "y = ReduceMin <axes=[2,3]> (x)": "Reduce Reduce",
    "f = Flatten(x) y = ReduceMax <axes=[1]> (f)": "Reshape Reduce",
}


def ops(network) -> str:
    return " ".join(type(n.op).__name__ for n in network.nodes)


def check(agree: Agree, nodes: str, expected: str, **more) -> None:
    weights = {**WEIGHTS, **more.pop("extra", {})}
    names = set(nodes.replace("(", " ").replace(")", " ").replace(",", " ").split())
    used = {n: a for n, a in weights.items() if n in names}
    network = agree(model(nodes, weights=used, **more))
    assert not any(isinstance(n.op, Unsupported) for n in network.nodes)
    assert ops(network) == expected


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [*CONVOLUTIONS.items(), *POOLS.items(), *SHAPES.items(), *ARITHMETIC.items(),
     *ACTIVATIONS.items()],
)  # fmt: skip
def test_maps(agree: Agree, nodes: str, expected: str) -> None:
    check(agree, nodes, expected, inputs=NCHW)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ('y = Conv <auto_pad="SAME_LOWER", strides=[2]> (x, w1)', "Conv"),
        ("y = Conv <pads=[3,1], dilations=[2]> (x, w1, b)", "Conv"),
        ("y = ConvTranspose <strides=[2], pads=[1,1]> (x, wt1)", "ConvTranspose"),
        ("y = MaxPool <kernel_shape=[3], strides=[2], pads=[1,0]> (x)", "Pooling"),
        ("y = GlobalAveragePool(x)", "Pooling"),
        ("y = ReduceMean <axes=[2], keepdims=0> (x)", "Pooling Reshape"),
        ("y = MatMul(left, x)", "Conv"),
        ("y = MatMul(left1, x)", "Conv"),
        ("y = MatMul(x, m9)", "Linear"),
        ("y = BatchNormalization(x, c3, c3, c3, pos)", "Affine"),
        ("y = Transpose <perm=[0,2,1]> (x)", "Transpose"),
    ],
)
def test_sequences(agree: Agree, nodes: str, expected: str) -> None:
    check(agree, nodes, expected, inputs=NCL)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("y = Add(x, c3)", "Transpose Affine Transpose"),
        ("y = Mul(c3, x)", "Transpose Affine Transpose"),
        ("a = Sub(x, k) y = Div(a, c3)", "Affine Transpose Affine Transpose"),
        ("y = ReduceMean <axes=[1,2]> (x)", "Transpose Pooling Reshape"),
        ("y = ReduceMax <axes=[-3,2], keepdims=0> (x)", "Transpose Pooling Reshape"),
        (
            "a = Transpose <perm=[0,3,1,2]> (x) h = Conv(a, w) y = Transpose <perm=[0,2,3,1]> (h)",
            "Transpose Conv Transpose",
        ),
    ],
)
def test_channels_last(agree: Agree, nodes: str, expected: str) -> None:
    check(agree, nodes, expected, inputs=NHWC)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("y = Gemm(x, m)", "Linear"),
        ("y = Gemm <alpha=0.5, beta=2.0> (x, m, mb)", "Linear"),
        ("y = Gemm <transB=1, beta=0.0> (x, mt, mb)", "Linear"),
        ("y = Gemm <transB=1, alpha=-1.0> (x, mt, row)", "Linear"),
        ("y = Gemm(x, m, one)", "Linear"),
        ("y = MatMul(x, m)", "Linear"),
        ("a = MatMul(x, m) y = Add(a, mb)", "Linear Affine"),
        ("a = Gemm(x, m, mb) h = Clip(a, low, half) y = Gemm(h, m54)", "Linear Clip Linear"),
        ("u = MatMul(x, v6) y = Unsqueeze(u, axis1)", "Linear Reshape Reshape"),
        ("y = Softmax(x)", "Softmax"),
        ("y = Softmax <axis=1> (x)", "Softmax"),
        ("y = Sigmoid(x)", "Sigmoid"),
    ],
)
def test_vectors(agree: Agree, nodes: str, expected: str) -> None:
    check(agree, nodes, expected, inputs=VECTOR)


# --- reshaping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 192), (0, -1), (-1, 3, 64), (0, 0, 64), (1, 3, -1, 16)])
def test_reshape(agree: Agree, shape: tuple[int, ...]) -> None:
    check(agree, "y = Reshape(x, s)", "Reshape", extra={"s": ints(*shape)})


@pytest.mark.parametrize(("opset", "text"), [(11, "<axes=[2,3]> (g)"), (13, "(g, a)")])
def test_squeeze_and_unsqueeze(agree: Agree, opset: int, text: str) -> None:
    nodes = f"g = GlobalMaxPool(x) s = Squeeze{text} y = Unsqueeze{text.replace('g', 's')}"
    expected = "Pooling Reshape Reshape"
    check(agree, nodes, expected, opset=opset, extra={"a": ints(2, 3)})


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_pixel_shuffle(agree: Agree, mode: str) -> None:
    nodes = f'y = DepthToSpace <blocksize=2, mode="{mode}"> (x)'
    check(agree, nodes, "Reshape Transpose Reshape", inputs="float[1,12,3,4] x")


# --- parts --------------------------------------------------------------------------------------


def bounds(starts, ends, axes=None, steps=None) -> dict[str, np.ndarray]:
    found = {"s": ints(*starts), "e": ints(*ends)}
    if axes is not None:
        found["a"] = ints(*axes)
    if steps is not None:
        found["t"] = ints(*steps)
    return found


@pytest.mark.parametrize(
    ("text", "extra", "expected"),
    [
        ("(x, s, e, a)", bounds([1], [3], [1]), "Slice"),
        ("(x, s, e, a)", bounds([-2], [2**63 - 1], [1]), "Slice"),
        ("(x, s, e, a)", bounds([-(2**63)], [-1], [-3]), "Slice"),
        ("(x, s, e, a, t)", bounds([1], [100], [3], [2]), "Slice"),
        ("(x, s, e, a, t)", bounds([0, 1], [8, -1], [2, -1], [3, 2]), "Slice Slice"),
        ("(x, s, e)", bounds([0, 0, 2], [1, 3, 6]), "Slice"),
        ("(x, s, e, , t)", bounds([0, 0, 0, 0], [1, 3, 8, 8], None, [1, 1, 2, 2]), "Slice Slice"),
        ("(x, s, e, a)", bounds([0], [2**31 - 1], [1]), ""),
        ("(x, s, e, a, t)", bounds([-1], [-(2**63)], [1], [-1]), "Conv"),
    ],
)
def test_slice(agree: Agree, text: str, extra: dict, expected: str) -> None:
    check(agree, f"y = Slice{text}", expected, extra=extra)


@pytest.mark.parametrize(
    ("text", "extra", "opset", "inputs"),
    [
        ("<axis=1> (x)", {}, 11, "float[1,4,8,8] x"),
        ("<axis=1, split=[1,3]> (x)", {}, 11, "float[1,4,8,8] x"),
        ("<axis=-3> (x, s)", {"s": ints(3, 1)}, 13, "float[1,4,8,8] x"),
        ("<axis=2> (x)", {}, 17, NCHW),
        ("<axis=1, num_outputs=2> (x)", {}, 18, "float[1,5,8,8] x"),
    ],
)
def test_split(agree: Agree, text: str, extra: dict, opset: int, inputs: str) -> None:
    proto = model(f"a, y = Split{text} z = Relu(a)", inputs=inputs, outputs="y, z",
                  weights=extra, opset=opset)  # fmt: skip
    network = agree(proto)
    assert ops(network) == "Slice Slice Relu"
    assert {n.origin for n in network.nodes} == {("Split(a)",), ("Relu(z)",)}


@pytest.mark.parametrize(
    ("axis", "indices", "expected"),
    [
        (1, ints(1, 2), "Slice"),
        (-3, ints(0, 2), "Slice"),
        (3, ints(-3, -2, -1), "Slice"),
        (1, scalar(-1, I64), "Slice Reshape"),
        (2, scalar(3, I64), "Slice Reshape"),
        (1, ints(2, 1, 0), "Conv"),
        (1, ints(0, 0, 2, 1), "Conv"),
        (1, ints(0, 1, 2), ""),
    ],
)
def test_gather(agree: Agree, axis: int, indices: np.ndarray, expected: str) -> None:
    check(agree, f"y = Gather <axis={axis}> (x, i)", expected, extra={"i": indices})


def test_channels_that_come_last_in_another_order(agree: Agree) -> None:
    nodes = "y = Gather <axis=3> (x, i)"
    extra = {"i": ints(2, 1, 0)}
    check(agree, nodes, "Transpose Conv Transpose", inputs=NHWC, extra=extra)


# --- padding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "extra", "expected"),
    [
        ("(x, p)", {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}, "Pad"),
        ("(x, p, low)", {"p": ints(0, 1, 0, 0, 0, 2, 0, 0)}, "Pad"),
        ("(x, p)", {"p": ints(0, 0, -1, 2, 0, 0, 3, -2)}, "Slice Slice Pad"),
        ("(x, p)", {"p": ints(0, 0, -1, 0, 0, 0, -2, 0)}, "Slice"),
        ('<mode="reflect"> (x, p)', {"p": ints(0, 0, 0, 0, 0, 0, 0, 0)}, ""),
    ],
)
def test_pad(agree: Agree, text: str, extra: dict, expected: str) -> None:
    check(agree, f"y = Pad{text}", expected, extra=extra)


def test_pad_of_some_axes(agree: Agree) -> None:
    extra = {"p": ints(1, 2, 3, 4), "a": ints(-1, 2)}
    check(agree, "y = Pad(x, p, , a)", "Pad", extra=extra, opset=18)


# --- enlarging ----------------------------------------------------------------------------------

MODE = "coordinate_transformation_mode"
TRANSFORMATIONS = (
    "half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric",
)  # fmt: skip
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_way_to_the_nearest_neighbour(
    agree: Agree, transformation: str, rounding: str
) -> None:
    """What is imported agrees; what is not, is no plain repetition."""
    known = 0
    for length, size in ((5, 10), (4, 12), (3, 15), (8, 4), (7, 3), (8, 2), (1, 6), (2, 4)):
        scale = size / length if size > length else 2.0 ** -round(np.log2(length / size))
        for extra, text in (
            ({"s": np.array([1, 1, 1, scale], np.float32)}, "(x, , s)"),
            ({"s": ints(1, 2, 3, size)}, "(x, , , s)"),
        ):
            nodes = f'y = Resize <{MODE}="{transformation}", nearest_mode="{rounding}"> {text}'
            inputs = f"float[1,2,3,{length}] x"
            proto = model(nodes, inputs=inputs, weights=extra, opset=19)
            try:
                network = agree(proto)
            except AssertionError as error:
                assert "Unsupported" in str(error)  # noqa: PT017
                continue
            known += 1
            kinds = {type(n.op) for n in network.nodes}
            assert kinds == ({Upsample} if size > length else {Slice})
    regular = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
    if (transformation in regular and rounding.startswith("round")) or (
        transformation == "asymmetric" and rounding == "floor"
    ):
        assert known >= 12


def test_enlarging_channels_last(agree: Agree) -> None:
    extra = {"s": np.array([1, 2, 3, 1], np.float32)}
    nodes = f'y = Resize <nearest_mode="floor", {MODE}="asymmetric"> (x, , s)'
    check(agree, nodes, "Transpose Upsample Transpose", inputs=NHWC, extra=extra, opset=13)


def test_old_and_new_forms_of_resize(agree: Agree) -> None:
    old = {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 2], np.float32)}
    nodes = f'y = Resize <{MODE}="tf_half_pixel_for_nn", nearest_mode="floor"> (x, r, s)'
    check(agree, nodes, "Upsample", extra=old, opset=11)
    new = {"s": np.array([2, 4], np.float32)}
    check(agree, "y = Resize <axes=[3,2]> (x, , s)", "Upsample", extra=new, opset=18)


def test_single_rows_and_columns_are_repeated(agree: Agree) -> None:
    nodes = "g = GlobalMaxPool(x) a = Expand(g, s) y = Add(a, x)"
    check(agree, nodes, "Pooling Upsample Elementwise", extra={"s": ints(1, 3, 8, 8)})
    check(agree, "g = GlobalMaxPool(x) y = Tile(g, s)", "Pooling Upsample",
          extra={"s": ints(1, 1, 4, 2)})  # fmt: skip
    check(agree, "y = Expand(x, s)", "", extra={"s": ints(1, 1, 8, 1)})


# --- sums over pixels ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "keepdims", "expected"),
    [
        ({"a": ints(2, 3)}, 1, "Pooling Affine"),
        ({"a": ints(-1)}, 0, "Pooling Reshape Affine"),
    ],
)
def test_reduce_sum(agree: Agree, extra: dict, keepdims: int, expected: str) -> None:
    check(agree, f"y = ReduceSum <keepdims={keepdims}> (x, a)", expected, extra=extra)


@pytest.mark.parametrize("opset", [13, 18])
def test_reductions_over_nothing(agree: Agree, opset: int) -> None:
    if opset == 13:
        check(agree, "y = ReduceSum <noop_with_empty_axes=1> (x)", "", opset=opset)
    else:
        check(agree, "y = ReduceMean <noop_with_empty_axes=1> (x)", "", opset=opset)


# --- indices and numbers of other types ---------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("y = ArgMax <axis=1> (r)", "Relu ArgMax"),
        ("y = ArgMax <axis=2, keepdims=0, select_last_index=1> (r)", "Relu ArgMax"),
        ("y = ArgMin <axis=3> (r)", "Relu Affine ArgMax"),
        ("y = ArgMin <axis=3, select_last_index=1> (r)", "Relu Affine ArgMax"),
        ("v, y = TopK <axis=1> (r, k)", "Relu TopK TopK"),
        ("v, y = TopK <largest=0> (r, k)", "Relu TopK TopK"),
    ],
)
def test_positions(agree: Agree, nodes: str, expected: str) -> None:
    """Relu leaves many equal elements; TopK's values are its first output."""
    top = "TopK" in nodes
    proto = model(f"r = Relu(x) {nodes}", outputs="y, v" if top else "y",
                  weights={"k": ints(2)} if top else {})  # fmt: skip
    proto.graph.output[0].type.tensor_type.elem_type = 7
    assert ops(agree(proto)) == expected


def test_top_k_of_more_than_there_are(tmp_path: Path) -> None:
    proto = model("v, y = TopK <axis=1> (x, k)", outputs="v", weights={"k": ints(4)})
    with pytest.raises(ModelError):
        import_onnx(save(proto, tmp_path))


@pytest.mark.parametrize("keepdims", [0, 1])
def test_the_largest_class(agree: Agree, keepdims: int) -> None:
    proto = model(
        f"f = Flatten(x) a = ArgMax <axis=-1, keepdims={keepdims}> (f) y = Cast <to=6> (a)"
    )
    del proto.graph.output[0].type.tensor_type.shape.dim[:]
    proto.graph.output[0].type.tensor_type.elem_type = 6
    assert ops(agree(proto)) == "Reshape ArgMax"


# --- operator sets ------------------------------------------------------------------------------


def in_operator_set(version: int) -> tuple[str, dict[str, np.ndarray]]:
    """One chain of operators whose form has changed over time, as ``version`` writes it."""
    weights = {
        "pads": ints(0, 0, 1, 0, 0, 0, 0, 1), "rows": ints(2), "both": ints(2, 3),
        "halves": ints(4, 4), "scales": np.array([1, 1, 2, 2], np.float32),
        "roi": np.zeros(0, np.float32), "low": np.float32(-1).reshape(()),
        "s": np.ones(3, np.float32), "v": np.full(3, 0.5, np.float32),
        "one": ints(1), "four": ints(4),
    }  # fmt: skip
    split = "Split <axis=2, split=[4,4]> (a)" if version < 13 else "Split <axis=2> (a, halves)"
    even = " <axis=3, num_outputs=2>" if version >= 18 else " <axis=3>"
    squeeze = "Squeeze <axes=[2]> (n)" if version < 13 else "Squeeze(n, rows)"
    unsqueeze = "Unsqueeze <axes=[2]> (q)" if version < 13 else "Unsqueeze(q, rows)"
    mean = "ReduceMean <axes=[2]> (r)" if version < 18 else "ReduceMean(r, rows)"
    total = "ReduceSum <axes=[2,3]> (u)" if version < 13 else "ReduceSum(u, both)"
    nodes = (
        f"a = BatchNormalization(x, s, s, s, v) b, c = {split} d, e = Split{even} (b) "
        "f = Concat <axis=3> (d, e) g = Add(f, c) h = Clip(g, low) i = Pad(h, pads) "
        "j = MaxPool <kernel_shape=[2,2]> (i) k = AveragePool <kernel_shape=[2,2]> (j) "
        "l = Slice(k, one, four, rows) r = Resize(l, roi, scales) "
        f"n = {mean} q = {squeeze} u = {unsqueeze} o = {total} p = Flatten(o) y = Softmax(p)"
    )
    return nodes, weights


@pytest.mark.parametrize("version", range(11, onnx.defs.onnx_opset_version() + 1))
def test_every_operator_set(agree: Agree, version: int) -> None:
    """onnxruntime does not read the very newest; the same in an older set judges those."""
    nodes, weights = in_operator_set(version)
    proto = model(nodes, weights=weights, opset=version)
    old_nodes, old_weights = in_operator_set(18)
    judge = model(old_nodes, weights=old_weights, opset=18) if version > NEWEST_OF_RUNTIME else None
    network = agree(proto, judge=judge)
    assert ops(network) == (
        "Affine Slice Slice Slice Slice Concat Elementwise Clip Pad Pooling Pooling Slice Upsample "
        "Pooling Reshape Reshape Pooling Affine Reshape Softmax"
    )
