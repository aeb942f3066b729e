"""The integer model against loops that follow the rules of the arithmetic one by one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)
from mxdeploy.stages.s3_quantize.integer_layer import EXACT_LIMIT
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s8_run.integer import IntegerMachine

Ints = NDArray[np.int64]


# --- one layer by loops ---------------------------------------------------------------------------


def pooled(x: Ints, pool: Pool) -> Ints:
    rows = (x.shape[1] - pool.size[0]) // pool.stride + 1
    columns = (x.shape[2] - pool.size[1]) // pool.stride + 1
    y = np.zeros((x.shape[0], rows, columns), np.int64)
    for c, r, k in np.ndindex(y.shape):
        top, left = r * pool.stride, k * pool.stride
        window = x[c, top : top + pool.size[0], left : left + pool.size[1]]
        if pool.kind is PoolKind.MAX:
            y[c, r, k] = window.max()
        else:
            total = int(window.sum())
            y[c, r, k] = abs(total) // window.size * (1 if total >= 0 else -1)
    return y


def combined(xs: list[Ints], function: EltwiseFunction) -> Ints:
    y = xs[0]
    for x in xs[1:]:
        match function:
            case EltwiseFunction.ADD:
                y = y + x
            case EltwiseFunction.SUB:
                y = y - x
            case EltwiseFunction.OR:
                y = y | x
            case EltwiseFunction.XOR:
                y = y ^ x
    return np.clip(y, -128, 127)


def operand(spec: LayerSpec, xs: list[Ints]) -> Ints:
    if spec.eltwise is None:
        return xs[0] if spec.pool is None else pooled(xs[0], spec.pool)
    if spec.pool is None:
        return combined(xs, spec.eltwise.function)
    if spec.eltwise.pool_first:
        return combined([pooled(x, spec.pool) for x in xs], spec.eltwise.function)
    return pooled(combined(xs, spec.eltwise.function), spec.pool)


def accumulated(spec: LayerSpec, x: Ints, weight: Ints, bias: Ints | None) -> Ints:
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        stuffed = np.zeros((x.shape[0], 2 * x.shape[1], 2 * x.shape[2]), np.int64)
        stuffed[:, ::2, ::2] = x
        x = stuffed
    pad = spec.pad
    x = np.pad(x, ((0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    kernel = weight.shape[2:]
    out = (x.shape[1] - kernel[0] + 1, x.shape[2] - kernel[1] + 1)
    y = np.zeros((weight.shape[0], *out), np.int64)
    for r, c in np.ndindex(out):
        window = x[:, r : r + kernel[0], c : c + kernel[1]]
        y[:, r, c] = (weight * window).sum(axis=(1, 2, 3))
    if bias is not None:
        y = y + (bias << 7)[:, None, None]
    return y


def narrowed(spec: LayerSpec, acc: Ints, shift: int) -> Ints:
    n = 7 - shift
    y = (acc + (1 << (n - 1))) >> n if n > 0 else acc << -n
    y = np.clip(y, -128, 127)
    if spec.activation is Activation.ABS:
        return np.minimum(np.abs(y), 127)
    return np.maximum(y, 0) if spec.activation is Activation.RELU else y


def layer_by_loops(layer: QuantLayer, xs: list[Ints]) -> Ints:
    spec = layer.spec
    x = operand(spec, xs)
    if layer.weight is None:
        return x
    weight = layer.weight.array.astype(np.int64)
    bias = None if layer.bias is None else layer.bias.array.astype(np.int64)
    acc = accumulated(spec, x, weight, bias)
    return acc if spec.output_bits == 32 else narrowed(spec, acc, layer.shift)


# --- networks of one layer ------------------------------------------------------------------------


def value(name: str, shape: tuple[int, int, int], bits: int = 8) -> QuantValue:
    return QuantValue(
        name=name, shape=shape, scale=1 / 128, bits=bits, origin=name, model_shape=shape
    )


def one_layer(
    spec: LayerSpec,
    weight: NDArray[np.int8] | None,
    bias: NDArray[np.int8] | None = None,
    shift: int = 0,
) -> QuantNetwork:
    """A layer that reads the network's input as each of its operands, after a copy of it.

    The second operand is the input subsampled by 1x1/1, that is, a pass-through copy.
    """
    copy = LayerSpec(
        kind=Kind.PASSTHROUGH,
        in_channels=spec.in_channels,
        in_size=spec.in_size,
        out_channels=spec.in_channels,
    )
    layers = (
        QuantLayer(
            name="copy", spec=copy, inputs=("x",), output="c", weight=None, weight_bits=8,
            bias=None, shift=0, origin=(),
        ),
        QuantLayer(
            name="layer", spec=spec, inputs=("x", "c", "x")[: spec.operands], output="y",
            weight=None if weight is None else Tensor(weight), weight_bits=8,
            bias=None if bias is None else Tensor(bias), shift=shift, origin=(),
        ),
    )  # fmt: skip
    values = (
        value("x", spec.in_shape),
        value("c", spec.in_shape),
        value("y", spec.out_shape, spec.output_bits),
    )
    network = QuantNetwork(name="n", values=values, input="x", outputs=("y",), layers=layers)
    network.verify()
    return network


def run(network: QuantNetwork, x: NDArray[np.int8]) -> NDArray[np.generic]:
    model = build_integer_model(network, all_layers=True)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    return IntegerMachine(model, network, threads=1).run(x)["y"]


def assert_as_by_loops(network: QuantNetwork, x: NDArray[np.int8]) -> None:
    layer = network.layers[-1]
    result = run(network, x)
    assert result.dtype == (np.int32 if layer.spec.output_bits == 32 else np.int8)
    for sample, found in zip(x, result, strict=True):
        expected = layer_by_loops(layer, [sample.astype(np.int64)] * layer.spec.operands)
        np.testing.assert_array_equal(found, expected)


# --- random layers --------------------------------------------------------------------------------


@st.composite
def specs(draw: st.DrawFn) -> LayerSpec:
    kind = draw(st.sampled_from(list(Kind)))
    one_column = kind is Kind.CONV1D
    rows = draw(st.integers(1, 9))
    columns = 1 if one_column else draw(st.integers(1, 9))
    channels = draw(st.integers(1, 5))
    operands = draw(st.integers(1, 3))
    eltwise = None
    if operands > 1:
        function = draw(st.sampled_from(list(EltwiseFunction)))
        eltwise = Eltwise(function=function, pool_first=draw(st.booleans()))
    flatten = kind is Kind.LINEAR and draw(st.booleans())
    pool = None
    if not flatten and draw(st.booleans()):
        size = (draw(st.integers(1, rows)), draw(st.integers(1, columns)))
        kinds = draw(st.sampled_from(list(PoolKind)))
        pool = Pool(kind=kinds, size=size, stride=draw(st.integers(1, 4)))
    base = LayerSpec(
        kind=kind, in_channels=channels, in_size=(rows, columns), out_channels=channels,
        pool=pool, eltwise=eltwise, operands=operands,
    )  # fmt: skip
    if kind is Kind.PASSTHROUGH:
        return base
    kernel, pad = draw(geometry(base))
    return LayerSpec(
        kind=kind, in_channels=channels, in_size=(rows, columns), kernel=kernel, pad=pad,
        out_channels=draw(st.integers(1, 6)), pool=pool, eltwise=eltwise, operands=operands,
        flatten=flatten, output_bits=draw(st.sampled_from((8, 8, 8, 32))),
        activation=draw(st.sampled_from(list(Activation))),
    )  # fmt: skip


@st.composite
def geometry(draw: st.DrawFn, spec: LayerSpec) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = spec.pooled_size
    match spec.kind:
        case Kind.CONV1D:
            pad = draw(st.integers(0, 2))
            return (draw(st.integers(1, min(9, rows + 2 * pad))), 1), (pad, 0)
        case Kind.CONV2D:
            least = 2 if min(rows, columns) == 1 else 1 if min(rows, columns) == 2 else 0
            pad = draw(st.integers(least, 2))
            return draw(st.sampled_from(((3, 3), (1, 1)))), (pad, pad)
        case Kind.CONV_TRANSPOSE2D:
            pad = draw(st.integers(1, 2))
            return (3, 3), (pad, pad)
        case _:
            return (1, 1), (0, 0)


@settings(max_examples=120, deadline=None)
@given(spec=specs(), seed=st.integers(0, 2**32 - 1), shift=st.integers(-15, 15), big=st.booleans())
def test_random_layers(spec: LayerSpec, seed: int, shift: int, big: bool) -> None:
    rng = np.random.default_rng(seed)

    def ints(shape: tuple[int, ...]) -> NDArray[np.int8]:
        if big:
            return rng.choice(np.array([-128, -127, 0, 127], np.int8), size=shape)
        return rng.integers(-128, 128, shape, dtype=np.int8)

    shape = spec.weight_shape
    weight = None if shape is None else ints(shape)
    bias = ints((spec.out_channels,)) if weight is not None and seed % 3 else None
    assert_as_by_loops(one_layer(spec, weight, bias, shift), ints((2, *spec.in_shape)))


# --- sums beyond the integers of float32 ----------------------------------------------------------


@pytest.mark.parametrize("shift", [-15, -7, 0, 7])
@pytest.mark.parametrize("output_bits", [8, 32])
def test_wide_convolution(shift: int, output_bits: int) -> None:
    """128 channels of 3x3 at the extremes: 128 * 9 * 2**14 = 1.125 * 2**24."""
    spec = LayerSpec(
        kind=Kind.CONV2D, in_channels=128, in_size=(3, 3), out_channels=2, kernel=(3, 3),
        output_bits=output_bits,
    )  # fmt: skip
    weight = np.full(spec.weight_shape, -128, np.int8)
    weight[1, ::2] = 127
    weight[0, 0, 0, 0] = -127
    x = np.full((2, *spec.in_shape), -128, np.int8)
    x[1, 7] = 127
    bias = np.array([127, -128], np.int8)
    assert EXACT_LIMIT < 128 * 9 * 2**14
    assert_as_by_loops(one_layer(spec, weight, bias, shift), x)


@pytest.mark.parametrize("channels", [64, 1024])
def test_wide_flatten(channels: int) -> None:
    """All -128: 2**28 at the most."""
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=(4, 4), out_channels=2, flatten=True,
        output_bits=32,
    )  # fmt: skip
    weight = np.full(spec.weight_shape, -128, np.int8)
    weight[1, 3] = 127
    x = np.full((1, *spec.in_shape), -128, np.int8)
    network = one_layer(spec, weight, np.array([-128, 127], np.int8))
    assert_as_by_loops(network, x)
    assert int(run(network, x)[0, 0, 0, 0]) == channels * 16 * 2**14 - 128 * 128


def test_odd_sums_next_to_the_limit() -> None:
    """Sums of 2**24 - 1 and thereabouts, where float32 has no fraction bits left."""
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=1024, in_size=(1, 1), out_channels=3, output_bits=32
    )
    weight = np.full(spec.weight_shape, -128, np.int8)
    weight[0, 0] = -127
    weight[1, 0] = 0
    x = np.full((1, *spec.in_shape), -128, np.int8)
    x[0, 0] = 1
    assert_as_by_loops(one_layer(spec, weight), x)


# --- worked examples ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acc", "shift", "expected"),
    [
        (63, 0, 0), (64, 0, 1), (-64, 0, 0), (-65, 0, -1), (192, 0, 2), (-192, 0, -1),
        (-193, 0, -2), (4096, -3, 4), (511, -2, 1), (512, -2, 1), (-256, -1, -1), (-128, -1, 0),
        (3, 7, 3), (3, 8, 6), (-3, 9, -12),
    ],
)  # fmt: skip
def test_rounding_examples(acc: int, shift: int, expected: int) -> None:
    """Exact halves go up, toward plus infinity."""
    spec = LayerSpec(kind=Kind.LINEAR, in_channels=2, in_size=(1, 1), out_channels=1)
    high, low = divmod(acc, 64)
    weight = np.array([64, 1], np.int8).reshape(1, 2, 1, 1)
    x = np.array([high, low], np.int8).reshape(1, 2, 1, 1)
    assert run(one_layer(spec, weight, None, shift), x).item() == expected


@pytest.mark.parametrize(("shift", "expected"), [(0, -3), (1, -6), (-1, -1)])
def test_bias_examples(shift: int, expected: int) -> None:
    spec = LayerSpec(kind=Kind.LINEAR, in_channels=1, in_size=(1, 1), out_channels=1)
    network = one_layer(spec, np.zeros((1, 1, 1, 1), np.int8), np.array([-3], np.int8), shift)
    assert run(network, np.zeros((1, 1, 1, 1), np.int8)).item() == expected


def test_convolution_example() -> None:
    spec = LayerSpec(
        kind=Kind.CONV2D, in_channels=1, in_size=(3, 3), out_channels=1, kernel=(3, 3), pad=(1, 1)
    )
    x = np.arange(0, 90, 10, dtype=np.int8).reshape(1, 1, 3, 3)
    y = run(one_layer(spec, np.full((1, 1, 3, 3), 32, np.int8)), x)
    assert y[0, 0].tolist() == [[20, 38, 30], [53, 90, 68], [50, 83, 60]]


@pytest.mark.parametrize(
    ("weight", "x", "shift", "activation", "expected"),
    [
        (127, -128, 1, Activation.ABS, 127),
        (-1, 64, 0, Activation.ABS, 0),
        (7, 100, 4, Activation.NONE, 88),
        (-1, 100, 7, Activation.NONE, -100),
        (90, 100, 0, Activation.RELU, 70),
        (-90, 100, 0, Activation.RELU, 0),
    ],
)
def test_post_examples(
    weight: int, x: int, shift: int, activation: Activation, expected: int
) -> None:
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=1, in_size=(1, 1), out_channels=1, activation=activation
    )
    network = one_layer(spec, np.array([[[[weight]]]], np.int8), None, shift)
    assert run(network, np.array([[[[x]]]], np.int8)).item() == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ([[0, 0], [0, 3]], 0),
        ([[0, 0], [0, -3]], 0),
        ([[-3, -3], [0, 0]], -1),
        ([[-128, -128], [-128, -127]], -127),
        ([[10, 10, 10], [10, 10, 10], [10, 10, 10]], 10),
        ([[-7, -7, -7], [-7, -7, -7], [-7, -7, -7]], -7),
        ([[127] * 5] * 3, 127),
        ([[-128] * 5] * 3, -128),
        ([[-128] * 5, [-128] * 5, [-128] * 4 + [-127]], -127),
    ],
)
def test_average_examples(window: list[list[int]], expected: int) -> None:
    """Truncation toward zero, and exact division where the window is no power of two."""
    x = np.array(window, np.int8)
    pool = Pool(kind=PoolKind.AVERAGE, size=(x.shape[0], x.shape[1]), stride=1)
    spec = LayerSpec(
        kind=Kind.PASSTHROUGH, in_channels=1, in_size=pool.size, out_channels=1, pool=pool
    )
    assert run(one_layer(spec, None), x[None, None]).item() == expected


@pytest.mark.parametrize("size", [(3, 1), (3, 3), (5, 3), (7, 7), (6, 15), (16, 16), (13, 11)])
def test_averages_of_whole_quotients(size: tuple[int, int]) -> None:
    """Sums that the area divides stay whole; the next sums toward zero do not reach them."""
    area = size[0] * size[1]
    x = np.empty((255, 1, *size), np.int8)
    for index, mean in enumerate(range(-127, 128)):
        x[index] = mean
        if index % 2:
            x[index, 0, 0, 0] -= int(np.sign(mean))
    pool = Pool(kind=PoolKind.AVERAGE, size=size, stride=1)
    spec = LayerSpec(kind=Kind.PASSTHROUGH, in_channels=1, in_size=size, out_channels=1, pool=pool)
    sums = x.astype(np.int64).sum(axis=(1, 2, 3))
    expected = np.sign(sums) * (np.abs(sums) // area)
    np.testing.assert_array_equal(run(one_layer(spec, None), x).ravel(), expected)


@pytest.mark.parametrize(
    ("pad", "expected"),
    [
        (1, [[5, 16, 10, 8], [26, 64, 36, 30], [15, 36, 20, 16], [6, 15, 8, 4]]),
        (0, [[64, 36], [36, 20]]),
        (
            2,
            [
                [9, 8, 25, 16, 14, 0], [6, 5, 16, 10, 8, 0], [30, 26, 64, 36, 30, 0],
                [18, 15, 36, 20, 16, 0], [9, 6, 15, 8, 4, 0], [0, 0, 0, 0, 0, 0],
            ],
        ),
    ],
)  # fmt: skip
def test_transposed_convolution_examples(pad: int, expected: list[list[int]]) -> None:
    """The chip's pad is 2 less the framework's."""
    spec = LayerSpec(
        kind=Kind.CONV_TRANSPOSE2D, in_channels=1, in_size=(2, 2), out_channels=1, kernel=(3, 3),
        pad=(pad, pad), output_bits=32,
    )  # fmt: skip
    stored = np.arange(1, 10, dtype=np.int8).reshape(1, 1, 3, 3)
    x = np.array([[[[1, 2], [3, 4]]]], np.int8)
    assert run(one_layer(spec, stored), x)[0, 0].tolist() == expected


# --- the model as a file --------------------------------------------------------------------------


def small_network() -> QuantNetwork:
    spec = LayerSpec(
        kind=Kind.CONV2D, in_channels=2, in_size=(5, 5), out_channels=3, kernel=(3, 3), pad=(1, 1)
    )
    rng = np.random.default_rng(0)
    return one_layer(spec, rng.integers(-128, 128, (3, 2, 3, 3), dtype=np.int8))


def test_same_network_same_bytes() -> None:
    first = build_integer_model(small_network(), all_layers=True)
    assert first == build_integer_model(small_network(), all_layers=True)


def test_signature() -> None:
    network = small_network()
    for all_layers, names in ((True, ["c", "y"]), (False, ["y"])):
        model = onnx.load_from_string(build_integer_model(network, all_layers=all_layers))
        (source,) = model.graph.input
        dims = source.type.tensor_type.shape.dim
        assert source.name == "x"
        assert source.type.tensor_type.elem_type == onnx.TensorProto.INT8
        assert dims[0].dim_param == "batch"
        assert [d.dim_value for d in dims[1:]] == [2, 5, 5]
        assert [o.name for o in model.graph.output] == names
        assert {opset.domain for opset in model.opset_import} == {""}
