"""Values that are only averaged: windows, errors, and the scale that suits averages."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ir.network import LayerOp, Network, Node, Value
from mxdeploy.ir.quantized import QuantNetwork
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
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.averages import (
    Averaged,
    average_error,
    averaging_pool,
    some_windows,
    windows,
)

POOL = Pool(kind=PoolKind.AVERAGE, size=(2, 3), stride=2)


def test_windows_are_those_of_the_pooling() -> None:
    """Brute force over rows and columns."""
    rows, columns = 5, 7
    expected = [
        [(top + r) * columns + left + c for r in range(2) for c in range(3)]
        for top in range(0, rows - 1, 2)
        for left in range(0, columns - 2, 2)
    ]
    assert windows(POOL, (rows, columns)).tolist() == expected


def test_some_windows_are_whole() -> None:
    pixels = set(some_windows(POOL, (8, 9), 20).tolist())
    whole = [set(w) <= pixels for w in windows(POOL, (8, 9)).tolist()]
    assert sum(whole) >= 3
    assert len(pixels) <= 20


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("scale", [0.05, 0.01])
def test_error_is_that_of_truncated_averages(scale: float, *, centred: bool) -> None:
    samples = np.random.default_rng(0).laplace(0, 1, (6, 2, 12)).astype(np.float32)
    places = windows(POOL, (2, 6))
    errors = np.zeros((6, 2, len(places)))
    for n, c, w in np.ndindex(errors.shape):
        window = samples[n, c, places[w]]
        integers = np.clip(np.floor(window / np.float32(scale) + 0.5), -128, 127)
        errors[n, c, w] = int(integers.sum() / len(window)) * scale - window.mean(dtype=float)
    if centred:
        errors -= errors.mean(axis=(0, 2), keepdims=True)
    found = average_error(
        samples, samples, np.array([scale]), Averaged(windows=places, centred=centred)
    )
    assert found[0] == pytest.approx(np.square(errors).mean(), rel=1e-5)


def sum_then_average(rng: np.random.Generator) -> Network:
    """Two convolutions, their sum with ReLU as a copying layer, global average, linear layer."""
    size = (8, 8)
    conv = LayerSpec(kind=Kind.CONV2D, in_channels=4, out_channels=4, in_size=size, kernel=(1, 1))
    add = LayerSpec(
        kind=Kind.CONV2D,
        in_channels=4,
        out_channels=4,
        in_size=size,
        kernel=(1, 1),
        operands=2,
        eltwise=Eltwise(function=EltwiseFunction.ADD),
        activation=Activation.RELU,
    )
    last = LayerSpec(
        kind=Kind.CONV2D,
        in_channels=4,
        out_channels=3,
        in_size=size,
        kernel=(1, 1),
        pool=Pool(kind=PoolKind.AVERAGE, size=size, stride=8),
        output_bits=32,
    )

    def node(name: str, spec: LayerSpec, inputs: tuple[str, ...], weight: object) -> Node:
        shape = spec.weight_shape
        array = np.asarray(weight, np.float32).reshape(shape or ())
        bias = Tensor(np.zeros(spec.out_channels, np.float32)) if spec is last else None
        op = LayerOp(spec=spec, weight=Tensor(array), bias=bias)
        return Node(name=name, op=op, inputs=inputs, output=f"{name}.out", origin=(name,))

    # Channels of very different size, as residual sums have them.
    gains = np.array([4.0, 1.0, 0.3, 0.1])[:, np.newaxis]
    nodes = (
        node("a", conv, ("x",), rng.normal(0, 1, (4, 4)) * gains),
        node("b", conv, ("x",), rng.normal(0, 1, (4, 4)) * gains),
        node("sum", add, ("a.out", "b.out"), np.eye(4)),
        node("last", last, ("sum.out",), rng.normal(0, 1, (3, 4)) / gains.T),
    )
    values = [Value(name="x", shape=(4, *size), origin="x")]
    values += [Value(name=n.output, shape=(n.op.spec.out_shape), origin=n.name) for n in nodes]  # type: ignore[union-attr]
    return Network(
        name="n", values=tuple(values), nodes=nodes, inputs=("x",), outputs=("last.out",)
    )


def last_sqnr(network: QuantNetwork) -> float:
    quality = network.layers[-1].quality
    assert quality is not None
    assert quality.sqnr_db is not None
    return quality.sqnr_db


def test_a_copy_that_is_averaged_has_a_finer_scale() -> None:
    """Sparse large values: what counts is the average, and the sum's own scale is too coarse."""
    rng = np.random.default_rng(0)
    network = sum_then_average(rng)
    data = np.where(rng.random((64, 4, 8, 8)) < 0.03, rng.normal(0, 1, (64, 4, 8, 8)), 0.0)
    assert averaging_pool(network, "sum.out") is not None
    assert averaging_pool(network, "a.out") is None
    whole = quantize(network, data, QuantizeOptions(equalize=False, method="max"))
    best = quantize(network, data, QuantizeOptions())
    assert best.value("sum.out").scale < whole.value("sum.out").scale
    assert last_sqnr(best) > last_sqnr(whole) + 6
