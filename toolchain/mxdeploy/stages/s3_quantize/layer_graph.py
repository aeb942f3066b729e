"""ONNX nodes of one hardware layer that are the same in floating point and in integers.

All tensors are float32 (batch, channels, rows, columns); the integer model keeps integers in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ops.layer import EltwiseFunction, Kind, LayerSpec, Pool, PoolKind
from mxdeploy.stages.s3_quantize.onnx_graph import GraphBuilder

FloatArray = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)

_ARITHMETIC = {EltwiseFunction.ADD: "Add", EltwiseFunction.SUB: "Sub"}
_BITWISE = {EltwiseFunction.OR: "BitwiseOr", EltwiseFunction.XOR: "BitwiseXor"}


def as_operand(graph: GraphBuilder, spec: LayerSpec, tensor: str, shape: tuple[int, ...]) -> str:
    """``tensor`` of ``shape`` (without batch) as the layer reads it."""
    return tensor if shape == spec.in_shape else graph.reshape(tensor, spec.in_shape)


def pool(graph: GraphBuilder, spec: Pool, tensor: str) -> str:
    """Pooling in real numbers (averages keep their fraction)."""
    average = spec.kind is PoolKind.AVERAGE and spec.size != (1, 1)
    return graph.node(
        "AveragePool" if average else "MaxPool",
        [tensor],
        kernel_shape=spec.size,
        strides=(spec.stride, spec.stride),
    )


def combine(graph: GraphBuilder, function: EltwiseFunction, tensors: Sequence[str]) -> str:
    """Element-wise combination from left to right, without saturation."""
    if function in _BITWISE:
        result = graph.cast(tensors[0], np.int8)
        for tensor in tensors[1:]:
            result = graph.node(_BITWISE[function], [result, graph.cast(tensor, np.int8)])
        return graph.cast(result, np.float32)
    result = tensors[0]
    for tensor in tensors[1:]:
        result = graph.node(_ARITHMETIC[function], [result, tensor])
    return result


def join(graph: GraphBuilder, tensors: Sequence[str]) -> str:
    """Concatenation along the channels."""
    return graph.node("Concat", tensors, axis=1)


def is_matrix_product(spec: LayerSpec) -> bool:
    """Whether the layer sees its operand as one vector."""
    return spec.flatten or (spec.kind is Kind.LINEAR and spec.pooled_size == (1, 1))


def features_of(spec: LayerSpec, weight: NDArray[Number]) -> NDArray[Number]:
    """Weights as (outputs, features, taps): a flatten layer has one feature per element."""
    out = weight.shape[0]
    return weight.reshape(out, -1, 1) if spec.flatten else weight.reshape(out, weight.shape[1], -1)


def linear_map(
    graph: GraphBuilder,
    spec: LayerSpec,
    operand: str,
    weight: FloatArray,
    bias: FloatArray | None,
) -> str:
    """Convolution or matrix product of the pooled operand.

    Args:
        graph: where the nodes go.
        spec: geometry.
        operand: (batch, channels, rows, columns), pooled and combined.
        weight: shape ``spec.weight_shape``; fewer input channels (features, if the layer flattens)
            when the operand has fewer, too.
        bias: (out_channels,) or None.

    Returns:
        The result, (batch, *spec.out_shape).
    """
    tensor = graph.constant(arranged(spec, weight))
    offset = None if bias is None else graph.constant(bias)
    return linear_node(graph, spec, operand, tensor, offset)


def arranged(spec: LayerSpec, weight: NDArray[Number]) -> NDArray[Number]:
    """A layer's weights as the operator of :func:`linear_node` takes them."""
    if is_matrix_product(spec):
        weight = weight.reshape(weight.shape[0], -1)
    elif spec.kind is Kind.CONV_TRANSPOSE2D:
        # ONNX scatters the kernel; the stored one is already flipped for gathering.
        weight = weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    return np.ascontiguousarray(weight)


def unarranged(spec: LayerSpec, weight: NDArray[Number]) -> NDArray[Number]:
    """The reverse of :func:`arranged`.

    Raises:
        ValueError: the tensor has another shape.
    """
    shape = spec.weight_shape
    if shape is None:
        raise ValueError(f"{spec.kind} has no weights")
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        return weight.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    return weight.reshape(shape)


def linear_node(
    graph: GraphBuilder, spec: LayerSpec, operand: str, weight: str, bias: str | None
) -> str:
    """As :func:`linear_map`, with tensors for weights (``arranged``) and biases."""
    extra = [] if bias is None else [bias]
    if is_matrix_product(spec):
        vector = graph.node("Flatten", [operand])
        product = graph.node("Gemm", [vector, weight, *extra], transB=1)
        return graph.reshape(product, spec.out_shape)
    rows, columns = spec.pad
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        crop = (spec.kernel[0] - 1 - rows, spec.kernel[1] - 1 - columns)
        return graph.node(
            "ConvTranspose",
            [operand, weight, *extra],
            kernel_shape=spec.kernel,
            strides=(2, 2),
            pads=(*crop, *crop),
            output_padding=(1, 1),
        )
    return graph.node(
        "Conv",
        [operand, weight, *extra],
        kernel_shape=spec.kernel,
        pads=(rows, columns, rows, columns),
    )
