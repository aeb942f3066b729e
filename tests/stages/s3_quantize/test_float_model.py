"""The float model of a legalized network, against results known by other means."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Network, Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Relu
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.session import Session

Floats = NDArray[np.float32]


def network_of(
    op: LayerOp,
    *,
    shape: tuple[int, ...] | None = None,
    clip: tuple[float, float] | None = None,
    operands: int = 1,
) -> Network:
    spec = op.spec
    return Network(
        name="n",
        values=(
            Value(name="x", shape=shape or spec.in_shape, origin="x"),
            Value(name="y", shape=spec.out_shape, origin="y", clip=clip),
        ),
        inputs=("x",),
        outputs=("y",),
        nodes=(Node(name="y", op=op, inputs=("x",) * operands, output="y", origin=("y",)),),
    )


def run(network: Network, x: Floats) -> Floats:
    model = build_float_model(network)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    return Session(model, 1).run({"x": x})["y"]


def test_transposed_convolution() -> None:
    """The stored kernel is flipped; a pad of 1 is the framework's padding of 1."""
    spec = LayerSpec(
        kind=Kind.CONV_TRANSPOSE2D, in_channels=1, in_size=(2, 2), out_channels=1, kernel=(3, 3),
        pad=(1, 1),
    )  # fmt: skip
    op = LayerOp(spec=spec, weight=Tensor(np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)))
    y = run(network_of(op), np.array([[[[1, 2], [3, 4]]]], np.float32))
    assert y[0, 0].tolist() == [[5, 16, 10, 8], [26, 64, 36, 30], [15, 36, 20, 16], [6, 15, 8, 4]]


def test_linear_with_bias_and_relu() -> None:
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=2, in_size=(1, 2), out_channels=2, flatten=True,
        activation=Activation.RELU,
    )  # fmt: skip
    weight = np.array([[1, 2, 3, 4], [-1, 0, 0, 0.5]], np.float32).reshape(2, 2, 1, 2)
    op = LayerOp(spec=spec, weight=Tensor(weight), bias=Tensor(np.array([0.5, -9], np.float32)))
    y = run(network_of(op, shape=(4,)), np.array([[1, 1, 2, 2]], np.float32))
    assert y.ravel().tolist() == [17.5, 0]


@pytest.mark.parametrize(
    ("pool_first", "expected"), [(True, 2 * (1 + 2 + 3 - 4) / 4), (False, 2 * (1 + 2 + 3 - 4) / 4)]
)
def test_averages_keep_their_fraction(pool_first: bool, expected: float) -> None:
    spec = LayerSpec(
        kind=Kind.PASSTHROUGH, in_channels=1, in_size=(2, 2), out_channels=1, operands=2,
        pool=Pool(kind=PoolKind.AVERAGE, size=(2, 2), stride=2),
        eltwise=Eltwise(function=EltwiseFunction.ADD, pool_first=pool_first),
    )  # fmt: skip
    x = np.array([[[[1, 2], [3, -4]]]], np.float32)
    assert run(network_of(LayerOp(spec=spec), operands=2), x).item() == expected


def test_order_of_pooling_and_combination() -> None:
    """max(x) - max(x) is zero either way; max(x - x - x) is not max(x) - max(x) - max(x)."""
    results = []
    for pool_first in (True, False):
        spec = LayerSpec(
            kind=Kind.PASSTHROUGH, in_channels=1, in_size=(1, 2), out_channels=1, operands=3,
            pool=Pool(kind=PoolKind.MAX, size=(1, 2), stride=1),
            eltwise=Eltwise(function=EltwiseFunction.SUB, pool_first=pool_first),
        )  # fmt: skip
        x = np.array([[[[3, -5]]]], np.float32)
        results.append(run(network_of(LayerOp(spec=spec), operands=3), x).item())
    assert results == [-3, 5]


def test_subsampling_takes_single_elements() -> None:
    spec = LayerSpec(
        kind=Kind.PASSTHROUGH, in_channels=1, in_size=(3, 3), out_channels=1,
        pool=Pool(kind=PoolKind.AVERAGE, size=(1, 1), stride=2),
    )  # fmt: skip
    x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    assert run(network_of(LayerOp(spec=spec)), x).ravel().tolist() == [0, 2, 6, 8]


def test_clip_and_abs() -> None:
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=1, in_size=(1, 1), out_channels=1, activation=Activation.ABS
    )
    op = LayerOp(spec=spec, weight=Tensor(np.full((1, 1, 1, 1), 2, np.float32)))
    x = np.array([-3, -1, 0.25], np.float32).reshape(3, 1, 1, 1)
    assert run(network_of(op, clip=(1.0, 4.0)), x).ravel().tolist() == [4, 2, 1]


def test_network_must_be_legalized() -> None:
    network = Network(
        name="n",
        values=(
            Value(name="x", shape=(1, 1, 1), origin="x"),
            Value(name="y", shape=(1, 1, 1), origin="y"),
        ),
        inputs=("x",),
        outputs=("y",),
        nodes=(Node(name="act", op=Relu(), inputs=("x",), output="y", origin=("act",)),),
    )
    with pytest.raises(TypeError, match="act is not a hardware layer"):
        build_float_model(network)
