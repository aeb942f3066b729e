"""The legalized network as a float ONNX model: what quantization is measured against."""

from __future__ import annotations

import numpy as np

from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ops.layer import Activation, EltwiseFunction, Kind
from mxdeploy.stages.s3_quantize.layer_graph import (
    as_operand,
    combine,
    join,
    linear_map,
    pool,
)
from mxdeploy.stages.s3_quantize.onnx_graph import GraphBuilder
from mxdeploy.stages.s3_quantize.wiring import Shape, chip_shapes, is_join, layer_of

Shapes = dict[str, Shape]


def build_float_model(network: Network) -> bytes:
    """The float network as an ONNX model that shows every layer.

    Args:
        network: legalized: every node is a hardware layer or a join.

    Returns:
        The model's bytes: float32 inputs (batch, *shape in the model) under the names of the
        network's inputs; one float32 output (batch, C, H, W) per layer, in order, under the name of
        its value, with the activation and the value's clip applied.

    Raises:
        ModelError: an operator has no meaning in real numbers (or, xor).
    """
    return _build(network, probes=False)


def build_probe_model(network: Network) -> bytes:
    """As :func:`build_float_model`, but with what calibration wants to see.

    The outputs are, per layer in order, ``raw_name(value)``: the output before activation and
    clip, and for layers with weights ``operand_name(value)``: what the convolution reads.
    """
    return _build(network, probes=True)


def raw_name(value: str) -> str:
    """Output of the probe model: a layer's output before its activation and the value's clip."""
    return f"{value}:raw"


def operand_name(value: str) -> str:
    """Output of the probe model: what a layer convolves, pooled and combined."""
    return f"{value}:operand"


def _build(network: Network, *, probes: bool) -> bytes:
    reserved = [value.name for value in network.values]
    if probes:
        reserved += [f(name) for name in reserved for f in (raw_name, operand_name)]
    graph = GraphBuilder(network.name, reserved)
    shapes = chip_shapes(network)
    tensors: dict[str, str] = {}
    for name in network.inputs:
        graph.input(name, np.float32, network.value(name).shape)
        tensors[name] = _clip(graph, network.value(name).clip, graph.reshape(name, shapes[name]))
    for node in network.nodes:
        value = network.value(node.output)
        if is_join(node):
            joined = join(graph, [tensors[name] for name in node.inputs])
            tensors[value.name] = _clip(graph, value.clip, joined)
            continue
        layer = layer_of(node)
        spec = layer.spec
        operand = _emit_operand(graph, node, layer, tensors, shapes)
        raw = _emit_raw(graph, layer, operand)
        clipped = _clip(graph, value.clip, _activate(graph, spec.activation, raw))
        tensors[value.name] = clipped
        if not probes:
            graph.output(clipped, value.name, np.float32, spec.out_shape)
            continue
        graph.output(raw, raw_name(value.name), np.float32, spec.out_shape)
        if spec.kind is not Kind.PASSTHROUGH:
            pooled = (spec.in_channels, *spec.pooled_size)
            graph.output(operand, operand_name(value.name), np.float32, pooled)
    return graph.serialize()


def _emit_operand(
    graph: GraphBuilder, node: Node, layer: LayerOp, tensors: dict[str, str], shapes: Shapes
) -> str:
    spec = layer.spec
    operands = [as_operand(graph, spec, tensors[name], shapes[name]) for name in node.inputs]
    if spec.eltwise is None:
        return operands[0] if spec.pool is None else pool(graph, spec.pool, operands[0])
    if spec.eltwise.function in (EltwiseFunction.OR, EltwiseFunction.XOR):
        raise ModelError(_bitwise(node, spec.eltwise.function))
    first = spec.pool is not None and spec.eltwise.pool_first
    if spec.pool is not None and first:
        operands = [pool(graph, spec.pool, operand) for operand in operands]
    combined = combine(graph, spec.eltwise.function, operands)
    combined = _clip(graph, layer.combined_clip, combined)
    return combined if spec.pool is None or first else pool(graph, spec.pool, combined)


def _emit_raw(graph: GraphBuilder, layer: LayerOp, operand: str) -> str:
    spec = layer.spec
    if spec.kind is Kind.PASSTHROUGH:
        return operand
    if layer.weight is None:
        raise ValueError(f"{spec.kind} without weights")
    weight = layer.weight.array.astype(np.float32)
    bias = None if layer.bias is None else layer.bias.array.astype(np.float32)
    return linear_map(graph, spec, operand, weight, bias)


def _activate(graph: GraphBuilder, activation: Activation, tensor: str) -> str:
    match activation:
        case Activation.RELU:
            return graph.node("Relu", [tensor])
        case Activation.ABS:
            return graph.node("Abs", [tensor])
        case Activation.NONE:
            return tensor


def _clip(graph: GraphBuilder, clip: tuple[float, float] | None, tensor: str) -> str:
    if clip is None:
        return tensor
    low, high = clip
    return graph.node("Clip", [tensor, graph.scalar(low), graph.scalar(high)])


def _bitwise(node: Node, function: EltwiseFunction) -> Diagnostic:
    return Diagnostic(
        code="MX3001",
        where=node.name,
        what=f"{function} combines the bits of integers and means nothing for real numbers",
        why="the scales of its operands cannot be derived from a float model",
        fix="use add or sub",
    )
