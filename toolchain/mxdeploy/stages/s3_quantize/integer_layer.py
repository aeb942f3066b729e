"""One hardware layer in integers as ONNX nodes, exact to the bit.

Integers travel in float32 tensors, because float convolutions are what every onnxruntime computes
fast. A float32 holds all integers up to 2**24, so sums are exact as long as no partial sum can
exceed that, in whatever order they are added; layers that could are added up in pieces and joined
in float64. Scaling by a power of two never rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ops.layer import Activation, LayerSpec, Pool, PoolKind
from mxdeploy.stages.s3_quantize.layer_graph import (
    as_operand,
    combine,
    features_of,
    is_matrix_product,
    linear_map,
    pool,
)
from mxdeploy.stages.s3_quantize.onnx_graph import GraphBuilder

DATA_MIN = -(1 << DATA_BITS.value - 1)
DATA_MAX = (1 << DATA_BITS.value - 1) - 1
FRACTION_BITS = 7
"""A bias counts 128 in the accumulator, and 128 in the accumulator is 1 in the output."""
EXACT_LIMIT = 1 << 24
"""Integers up to this magnitude are exact in float32."""

IntArray = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Rounding:
    """How an accumulator becomes 8 bits: ``floor(acc * 2**shift / 128 + 0.5)``."""

    shift: int

    @property
    def factor(self) -> float:
        """What the accumulator is multiplied with; a power of two."""
        return 2.0 ** (self.shift - FRACTION_BITS)

    @property
    def half(self) -> float:
        """0.5 where fraction bits are dropped, else 0."""
        return 0.5 if self.shift < FRACTION_BITS else 0.0


def emit_operand(
    graph: GraphBuilder, spec: LayerSpec, inputs: Sequence[tuple[str, tuple[int, ...]]]
) -> str:
    """What the convolution reads: the operands pooled and combined, as integers in float32.

    Args:
        graph: where the nodes go.
        spec: geometry and arithmetic.
        inputs: tensor and shape (without batch) of each operand.
    """
    tensors = [as_operand(graph, spec, tensor, shape) for tensor, shape in inputs]
    if spec.eltwise is None:
        return tensors[0] if spec.pool is None else _pool(graph, spec.pool, tensors[0])
    first = spec.pool is not None and spec.eltwise.pool_first
    if spec.pool is not None and first:
        tensors = [_pool(graph, spec.pool, tensor) for tensor in tensors]
    combined = _clip(graph, combine(graph, spec.eltwise.function, tensors), DATA_MIN, DATA_MAX)
    if spec.pool is None or first:
        return combined
    return _pool(graph, spec.pool, combined)


def emit_accumulator(
    graph: GraphBuilder, spec: LayerSpec, operand: str, weight: IntArray, bias: IntArray | None
) -> str:
    """``sum(weight * x) + (bias << 7)``: an exact float32 or float64 tensor."""
    offset = _bias_steps(bias)
    if _bound(weight, offset) <= EXACT_LIMIT:
        term = None if offset is None else offset.astype(np.float32)
        return linear_map(graph, spec, operand, weight.astype(np.float32), term)
    return _sum_of_pieces(graph, spec, operand, weight, offset)


def emit_output(
    graph: GraphBuilder,
    spec: LayerSpec,
    operand: str,
    parameters: tuple[IntArray, IntArray | None],
    rounding: Rounding,
) -> str:
    """The layer's 8-bit output: accumulated, scaled, rounded, saturated, activated (float32)."""
    weight, bias = parameters
    offset = _bias_steps(bias)
    half_steps = int(rounding.half / rounding.factor)
    if _bound(weight, offset) + half_steps <= EXACT_LIMIT:
        # Scaling the weights instead of the sum is the same in exact arithmetic, and free.
        start = np.zeros(weight.shape[0]) if offset is None else offset * rounding.factor
        term = (start + rounding.half).astype(np.float32)
        scaled = weight.astype(np.float32) * np.float32(rounding.factor)
        result = linear_map(graph, spec, operand, scaled, term)
        if rounding.half:
            result = graph.node("Floor", [result])
        return _activate(graph, spec.activation, result, np.float32)
    result = _sum_of_pieces(graph, spec, operand, weight, offset)
    result = graph.node("Mul", [result, graph.scalar(rounding.factor, np.float64)])
    result = graph.node("Add", [result, graph.scalar(rounding.half, np.float64)])
    result = graph.node("Floor", [result])
    return graph.cast(_activate(graph, spec.activation, result, np.float64), np.float32)


def _bias_steps(bias: IntArray | None) -> NDArray[np.int64] | None:
    return None if bias is None else bias.astype(np.int64) << FRACTION_BITS


def _bound(weight: IntArray, offset: NDArray[np.int64] | None) -> int:
    """Largest magnitude that any partial sum can reach, whatever the data."""
    sums = np.abs(weight.astype(np.int64)).reshape(weight.shape[0], -1).sum(axis=1) * -DATA_MIN
    return int((sums if offset is None else sums + np.abs(offset)).max())


def _sum_of_pieces(
    graph: GraphBuilder,
    spec: LayerSpec,
    operand: str,
    weight: IntArray,
    offset: NDArray[np.int64] | None,
) -> str:
    """The accumulator in float64, from groups of inputs that are exact in float32."""
    features = features_of(spec, weight)
    source = operand
    if is_matrix_product(spec):
        source = graph.reshape(operand, (features.shape[1],))
    total: str | None = None
    for start, stop in _pieces(features):
        rows = [graph.constant(np.array([k], np.int64)) for k in (start, stop, 1)]
        part = graph.node("Slice", [source, *rows])
        kernel = features[:, start:stop]
        if not is_matrix_product(spec):
            kernel = weight[:, start:stop]
        product = linear_map(graph, spec, part, kernel.astype(np.float32), None)
        wide = graph.cast(product, np.float64)
        total = wide if total is None else graph.node("Add", [total, wide])
    if total is None:
        raise ValueError("a layer without inputs")
    if offset is None:
        return total
    per_channel = offset.astype(np.float64)[:, np.newaxis, np.newaxis]
    return graph.node("Add", [total, graph.constant(per_channel)])


def _pieces(features: NDArray[np.generic]) -> list[tuple[int, int]]:
    """Consecutive groups of input features whose sums stay exact in float32."""
    reach = np.abs(features.astype(np.int64)).sum(axis=2) * -DATA_MIN
    pieces: list[tuple[int, int]] = []
    start = 0
    used = np.zeros(reach.shape[0], dtype=np.int64)
    for index in range(reach.shape[1]):
        used = used + reach[:, index]
        if index > start and int(used.max()) > EXACT_LIMIT:
            pieces.append((start, index))
            start, used = index, reach[:, index]
    pieces.append((start, reach.shape[1]))
    return pieces


def _pool(graph: GraphBuilder, spec: Pool, tensor: str) -> str:
    """Pooling in integers; averages truncate toward zero."""
    area = spec.size[0] * spec.size[1]
    result = pool(graph, spec, tensor)
    if spec.kind is PoolKind.MAX or area == 1:
        return result
    if area & (area - 1):
        # The mean is only nearly exact here; the sum is a whole number, and dividing it again
        # rounds to a whole number only where the quotient is one.
        near = graph.node("Mul", [result, graph.scalar(area)])
        total = graph.node("Round", [near])
        result = graph.node("Div", [total, graph.scalar(area)])
    return graph.cast(graph.cast(result, np.int32), np.float32)


def _clip(
    graph: GraphBuilder,
    tensor: str,
    low: int,
    high: int,
    dtype: type[np.generic] = np.float32,
) -> str:
    return graph.node("Clip", [tensor, graph.scalar(low, dtype), graph.scalar(high, dtype)])


def _activate(
    graph: GraphBuilder, activation: Activation, tensor: str, dtype: type[np.generic]
) -> str:
    """Saturation to 8 bits, then the activation."""
    match activation:
        case Activation.RELU:
            return _clip(graph, tensor, 0, DATA_MAX, dtype)
        case Activation.ABS:
            # |-128| saturates to 127, so -128 may as well be -127.
            return graph.node("Abs", [_clip(graph, tensor, -DATA_MAX, DATA_MAX, dtype)])
        case Activation.NONE:
            return _clip(graph, tensor, DATA_MIN, DATA_MAX, dtype)
