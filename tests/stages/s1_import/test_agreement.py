"""Every imported operator means what onnxruntime computes: one model each, both evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.stages.s1_import import import_onnx
from tests.onnx_text import model, save
from tests.stages.s1_import.conftest import NCHW, NCL, NHWC, VECTOR, Agree, check, ints, ops

NEWEST_OF_RUNTIME = 21
"""Operator set that every onnxruntime reads that there is for the operators here."""
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
