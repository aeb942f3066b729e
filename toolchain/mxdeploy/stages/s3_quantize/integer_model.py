"""integer.onnx: the quantized network as an ordinary ONNX model, exact to the bit.

It states the chip's arithmetic a second time, in ONNX operators and independently of ``arith``, so
that it can judge everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import WIDE_OUTPUT_BITS
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s3_quantize.integer_layer import (
    IntArray,
    Rounding,
    emit_accumulator,
    emit_operand,
    emit_output,
)
from mxdeploy.stages.s3_quantize.layer_graph import join, linear_map
from mxdeploy.stages.s3_quantize.onnx_graph import GraphBuilder

WIDE_BITS = WIDE_OUTPUT_BITS.value


@dataclass(frozen=True, slots=True)
class _Wire:
    """A value inside the graph: its tensor (integers in floating point), shape and output type."""

    tensor: str
    shape: tuple[int, int, int]
    dtype: type[np.generic]


def build_integer_model(network: QuantNetwork, *, all_layers: bool) -> bytes:
    """The network as an ONNX model of integers.

    Args:
        network: the quantized network.
        all_layers: make every layer's output an output of the model, in order, instead of the
            network's outputs alone (the input is not repeated where it is one of them).

    Returns:
        The model's bytes: input int8 (batch, C, H, W) under the name of the network's input;
        outputs int8, or int32 for raw accumulators, (batch, C, H, W) under the values' names.

    Raises:
        ValueError: the network does not hold together.
    """
    names = [value.name for value in network.values]
    graph = GraphBuilder(network.name, reserved=names)
    source = network.value(network.input)
    graph.input(source.name, np.int8, source.shape)
    wires = {source.name: _Wire(graph.cast(source.name, np.float32), source.shape, np.int8)}
    for layer in network.layers:
        for name in layer.inputs:
            if name not in wires:
                wires[name] = _emit_join(graph, network, name, wires)
        wires[layer.output] = _emit_layer(graph, layer, [wires[name] for name in layer.inputs])
    shown = [layer.output for layer in network.layers] if all_layers else network.outputs
    for name in (name for name in shown if name != network.input):
        wire = wires[name]
        graph.output(wire.tensor, name, wire.dtype, wire.shape)
    return graph.serialize()


def build_operand_model(spec: LayerSpec) -> bytes:
    """One layer's pooling and combination alone: inputs int8 ``x0``, ``x1`` ..., output ``y``."""
    graph = GraphBuilder("operand", reserved=("y",))
    operand = _operand_of_inputs(graph, spec)
    graph.output(operand, "y", np.int8, (spec.in_channels, *spec.pooled_size))
    return graph.serialize()


def build_accumulator_model(spec: LayerSpec, weight: IntArray) -> bytes:
    """One layer without its bias: inputs int8 ``x0``, ``x1`` ..., output float32 ``y``."""
    graph = GraphBuilder("accumulator", reserved=("y",))
    operand = _operand_of_inputs(graph, spec)
    graph.output(
        emit_accumulator(graph, spec, operand, weight, None), "y", np.float32, spec.out_shape
    )
    return graph.serialize()


def build_real_model(spec: LayerSpec, weight: NDArray[np.float32]) -> bytes:
    """The same with real weights, in single precision: to compare with, not to rely on."""
    graph = GraphBuilder("real", reserved=("y",))
    operand = _operand_of_inputs(graph, spec)
    graph.output(linear_map(graph, spec, operand, weight, None), "y", np.float32, spec.out_shape)
    return graph.serialize()


def _operand_of_inputs(graph: GraphBuilder, spec: LayerSpec) -> str:
    names = [graph.input(f"x{k}", np.int8, spec.in_shape) for k in range(spec.operands)]
    inputs = [(graph.cast(name, np.float32), spec.in_shape) for name in names]
    return emit_operand(graph, spec, inputs)


def _emit_join(
    graph: GraphBuilder, network: QuantNetwork, name: str, wires: Mapping[str, _Wire]
) -> _Wire:
    """The parts of a join side by side.

    Raises:
        ValueError: no join makes this value.
    """
    found = network.join(name)
    if found is None:
        raise ValueError(f"{network.name}: {name} is read before it is written")
    parts = [wires[part].tensor for part in found.inputs]
    return _Wire(join(graph, parts), network.value(name).shape, np.int8)


def _emit_layer(graph: GraphBuilder, layer: QuantLayer, inputs: list[_Wire]) -> _Wire:
    spec = layer.spec
    operand = emit_operand(graph, spec, [(wire.tensor, wire.shape) for wire in inputs])
    if spec.kind is Kind.PASSTHROUGH:
        return _Wire(operand, spec.out_shape, np.int8)
    if layer.weight is None:
        raise ValueError(f"{layer.name}: {spec.kind} without weights")
    weight = layer.weight.array.astype(np.int8)
    bias = None if layer.bias is None else layer.bias.array.astype(np.int8)
    if spec.output_bits == WIDE_BITS:
        wide = emit_accumulator(graph, spec, operand, weight, bias)
        return _Wire(wide, spec.out_shape, np.int32)
    narrow = emit_output(graph, spec, operand, (weight, bias), Rounding(layer.shift))
    return _Wire(narrow, spec.out_shape, np.int8)
