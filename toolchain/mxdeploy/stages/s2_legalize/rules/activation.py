"""Relu, Abs and Clip become part of the layer that computes the value: exact.

The chip saturates to 8 bits and then activates. A Clip becomes the bounds of the layer's output:
the quantizer chooses its scale such that the saturation is the Clip.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.constraints import is_saturation
from mxdeploy.ops.graph import Abs, Clip, GraphOp, Relu
from mxdeploy.ops.layer import Activation, Kind
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

State = tuple[Activation, float, float]
FREE: State = (Activation.NONE, -math.inf, math.inf)
"""Activation, lower and upper bound of a layer that does nothing to its sum."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Relu, Abs or Clip that alone reads a layer with weights."""
    layer = graph.private_source(node)
    if layer is None or not isinstance(layer.op, LayerOp):
        return None
    if layer.op.spec.kind is Kind.PASSTHROUGH or isinstance(node.op, LayerOp):
        return None
    before = graph.value(layer.output)
    low, high = before.clip or (-math.inf, math.inf)
    state = compose((layer.op.spec.activation, low, high), node.op)
    if state is None:
        return None
    activation, low, high = state
    value = graph.value(node.output)
    bounded = replace(
        value,
        clip=None if math.isinf(high) else (low, high),
        declared=value.declared or before.declared,
    )
    op = replace(layer.op, spec=replace(layer.op.spec, activation=activation))
    origin = graph.origins(layer, node)
    return Edit(
        text=f"{_named(node.op)} is done by the layer {layer.name}",
        remove=(layer, node),
        add=(replace(layer, op=op, output=node.output, origin=origin),),
        values=(bounded,),
    )


def _named(op: GraphOp) -> str:
    if isinstance(op, Clip):
        return f"Clip({op.low:g}, {op.high:g}) (as saturation)"
    return type(op).__name__


def compose(state: State, op: GraphOp | LayerOp) -> State | None:
    """What a layer does when ``op`` follows; None when a layer cannot do that."""
    if isinstance(op, Relu):
        return _relu(state)
    if isinstance(op, Abs):
        return _abs(state)
    return _clip(state, op) if isinstance(op, Clip) else None


def _relu(state: State) -> State | None:
    activation, _, high = state
    if activation is not Activation.NONE:
        return state
    return Activation.RELU, 0.0 if not math.isinf(high) else -math.inf, high


def _abs(state: State) -> State | None:
    activation, low, high = state
    if activation is not Activation.NONE:
        return state
    if low != -high:
        return None
    return Activation.ABS, 0.0 if not math.isinf(high) else -math.inf, high


def _clip(state: State, op: Clip) -> State | None:
    activation, low, high = state
    if not op.low <= 0 < op.high or math.isnan(op.low):
        return None
    upper = min(high, op.high)
    if activation is not Activation.NONE:
        return activation, 0.0, upper
    if op.low == 0:
        return Activation.RELU, 0.0, upper
    lower = max(low, op.low)
    return (Activation.NONE, lower, upper) if is_saturation(lower, upper) else None


RULE = Rule(name="activation", exact=True, match=match)
