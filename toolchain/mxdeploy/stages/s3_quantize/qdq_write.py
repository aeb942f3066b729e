"""The quantized network as an ONNX model with QuantizeLinear and DequantizeLinear.

Real numbers in, real numbers out, as in the user's own model: the head and the tail are part of
the graph. What onnxruntime computes of it is what the chip computes:

* Weights are int8 with a scale per tensor. Every value that the chip stores passes a
  QuantizeLinear/DequantizeLinear pair with the value's scale and no zero point.
* QuantizeLinear rounds halves to even, the chip rounds them up. Accumulators are whole numbers, so
  a quarter of an accumulator step, added to them, decides halves as the chip does and changes
  nothing else. (As a part of the bias it would be lost: onnxruntime rounds biases to whole steps.)
* The chip drops the fraction of averages; a conversion to integers and back does the same.

onnxruntime computes sums in float32. They are exact where scales are powers of two and no sum
exceeds 2**24 accumulator steps. Elsewhere their error stays below the quarter step up to about
2**20; beyond, an output may be off by one step where an accumulator lies next to a rounding
boundary.

The model says in its metadata how it is to be read back (``qdq_read``).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ops.layer import Activation, EltwiseFunction, Kind, Pool, PoolKind
from mxdeploy.ops.tail import integer_values
from mxdeploy.stages.s3_quantize.dequantize import accumulator_scale, weight_scale
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MIN, FRACTION_BITS
from mxdeploy.stages.s3_quantize.integer_model import WIDE_BITS
from mxdeploy.stages.s3_quantize.layer_graph import (
    arranged,
    as_operand,
    combine,
    join,
    linear_node,
    pool,
)
from mxdeploy.stages.s3_quantize.onnx_graph import GraphBuilder
from mxdeploy.stages.s3_quantize.qdq_ends import emit_head, emit_step
from mxdeploy.stages.s3_quantize.qdq_metadata import metadata_of

Shape = tuple[int, ...]

_QUARTER = 0.25
"""Accumulator steps that decide halves."""
_BITWISE = (EltwiseFunction.OR, EltwiseFunction.XOR)


def build_qdq_model(network: QuantNetwork) -> bytes:
    """The model's bytes: input and outputs float32 (batch, ...) as in the user's model.

    Positions (ArgMax, indices of TopK) are int64. The input's name is that of the network's input,
    the outputs' those of the user's model.
    """
    results = network.model_results
    reserved = [network.input, *(result.name for result in results)]
    graph = GraphBuilder(network.name, reserved)
    source = network.value(network.input)
    x = graph.input(source.name, np.float32, network.input_shape)
    real = emit_head(graph, network.head, x, network.input_shape)
    first = _viewed(graph, _quantized(graph, real, source.scale), source.model_shape, source.shape)
    emitter = _Emitter(graph, network, {source.name: first})
    for layer in network.layers:
        emitter.layer(layer)
    outputs = [network.value(name) for name in network.outputs]
    tensors = {
        value.name: _viewed(graph, emitter.tensors[value.name], value.shape, value.model_shape)
        for value in outputs
    }
    shapes = {value.name: value.model_shape for value in outputs}
    for step in network.tail:
        tensors[step.output] = emit_step(graph, step, [tensors[name] for name in step.inputs])
        shapes[step.output] = step.shape
    positions = integer_values(network.tail)
    for result in results:
        dtype = np.int64 if result.value in positions else np.float32
        graph.output(tensors[result.value], result.name, dtype, shapes[result.value])
    return graph.serialize(metadata=metadata_of(network, emitter.weights))


class _Emitter:
    """Appends layers; ``tensors`` are real values by name, ``weights`` initializers by layer."""

    def __init__(
        self, graph: GraphBuilder, network: QuantNetwork, tensors: Mapping[str, str]
    ) -> None:
        self._graph = graph
        self._network = network
        self.tensors = dict(tensors)
        self.weights: dict[str, str] = {}

    def layer(self, layer: QuantLayer) -> None:
        """Append the nodes of a layer, and of a join that it is the first to read."""
        for name in layer.inputs:
            if name not in self.tensors:
                found = self._network.join(name)
                parts = () if found is None else found.inputs
                self.tensors[name] = join(self._graph, [self.tensors[part] for part in parts])
        operand = self._operand(layer)
        self.tensors[layer.output] = (
            operand if layer.spec.kind is Kind.PASSTHROUGH else self._output(layer, operand)
        )

    def _operand(self, layer: QuantLayer) -> str:
        graph, spec = self._graph, layer.spec
        value = self._network.value
        scale = value(layer.inputs[0]).scale
        operands = [
            as_operand(graph, spec, self.tensors[name], value(name).shape) for name in layer.inputs
        ]
        if spec.eltwise is None:
            return _pooled(graph, spec.pool, operands[0], scale)
        if spec.eltwise.pool_first:
            operands = [_pooled(graph, spec.pool, operand, scale) for operand in operands]
        combined = _combined(graph, spec.eltwise.function, operands, scale)
        if spec.eltwise.pool_first:
            return combined
        return _pooled(graph, spec.pool, combined, scale)

    def _output(self, layer: QuantLayer, operand: str) -> str:
        graph, spec = self._graph, layer.spec
        if layer.weight is None:
            raise ValueError(f"{layer.name}: {spec.kind} without weights")
        step = accumulator_scale(self._network, layer)
        stored = graph.constant(arranged(spec, layer.weight.array.astype(np.int8)))
        self.weights[layer.name] = stored
        weight = _dequantized(graph, stored, weight_scale(self._network, layer))
        bias = np.zeros(spec.out_channels) if layer.bias is None else layer.bias.array
        offset = bias.astype(np.float64) * (1 << FRACTION_BITS) * step
        term = graph.constant(offset.astype(np.float32))
        result = linear_node(graph, spec, operand, weight, term)
        if spec.output_bits == WIDE_BITS:
            return result
        if layer.shift < FRACTION_BITS:  # else nothing is rounded
            quarter = graph.scalar(_QUARTER * step)
            result = graph.node("Add", [result, quarter])
        if spec.activation is not Activation.NONE:
            result = graph.node("Relu" if spec.activation is Activation.RELU else "Abs", [result])
        return _quantized(graph, result, self._network.value(layer.output).scale)


def _viewed(graph: GraphBuilder, tensor: str, shape: Shape, wanted: Shape) -> str:
    """``tensor`` of ``shape`` in the ``wanted`` one."""
    return tensor if shape == wanted else graph.reshape(tensor, wanted)


def _quantized(graph: GraphBuilder, tensor: str, scale: float) -> str:
    """``tensor`` rounded and saturated to 8 bits, as real numbers."""
    return _dequantized(graph, _integers(graph, tensor, scale), scale)


def _integers(graph: GraphBuilder, tensor: str, scale: float) -> str:
    return graph.node("QuantizeLinear", [tensor, *_parameters(graph, scale)])


def _dequantized(graph: GraphBuilder, tensor: str, scale: float) -> str:
    return graph.node("DequantizeLinear", [tensor, *_parameters(graph, scale)])


def _parameters(graph: GraphBuilder, scale: float) -> list[str]:
    return [graph.scalar(scale), graph.scalar(0, np.int8)]


def _combined(
    graph: GraphBuilder, function: EltwiseFunction, operands: list[str], scale: float
) -> str:
    if function not in _BITWISE:
        return _quantized(graph, combine(graph, function, operands), scale)
    bits = combine(graph, function, [_integers(graph, operand, scale) for operand in operands])
    return _dequantized(graph, graph.cast(bits, np.int8), scale)


def _pooled(graph: GraphBuilder, spec: Pool | None, tensor: str, scale: float) -> str:
    """Pooling of real numbers that are whole steps."""
    if spec is None:
        return tensor
    result = pool(graph, spec, tensor)
    if spec.kind is PoolKind.MAX or spec.size == (1, 1):
        return result
    # Averages lie 1 / area apart. Made larger by less than that, even the largest, a whole one does
    # not fall below itself by float32's rounding.
    area = spec.size[0] * spec.size[1]
    enlarged = 1 + 1 / (-2 * DATA_MIN * area)
    steps = graph.node("Mul", [result, graph.scalar(enlarged / scale)])
    return _dequantized(graph, graph.cast(steps, np.int8), scale)
