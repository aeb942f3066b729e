"""Two poolings in a row become one: exact.

Maxima of maxima are maxima over the larger window, averages of averages that do not overlap are
averages over it, and every stride of the second counts strides of the first. Taking every n-th
pixel (1x1 with a stride) goes with either. A pooling whose result is stored for others stays.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Conv, Linear, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, reshaped, windows


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling without padding of a pooling without padding; the chip can do both as one."""
    first = graph.source(node)
    if first is None or not isinstance(node.op, Pooling) or not isinstance(first.op, Pooling):
        return None
    inner, outer = windows(graph, first), windows(graph, node)
    if inner is None or outer is None or _pads(first.op) or _pads(node.op):
        return None
    average = _function(first.op, node.op)
    both = [_merged(a, b) for a, b in zip(inner, outer, strict=True)]
    axes = tuple(a for a in both if a is not None)
    if average is None or len(axes) < len(both):
        return None
    if average and not all(_tiles(a, b) for a, b in zip(inner, outer, strict=True)):
        return None
    merged = replace(reshaped(node.op, axes), average=average)
    shape = graph.shape(first.inputs[0])
    if _is_stored(graph, first.output) or constraints.violated(constraints.POOLING, merged, shape):
        return None
    return Edit(
        text=f"{first.name} and {node.name} are one pooling",
        remove=(node,),
        add=(replace(node, op=merged, inputs=first.inputs, origin=graph.origins(first, node)),),
    )


def _is_stored(graph: Graph, name: str) -> bool:
    """Whether a pooled value lies in memory for others, where it can be read with less effort."""
    in_flight = all(isinstance(r.op, Conv | Linear | Pooling) for r in graph.readers(name))
    return graph.is_output(name) or not in_flight


def _pads(op: Pooling) -> bool:
    return any(op.pads) or op.ceil_mode


def _function(first: Pooling, second: Pooling) -> bool | None:
    """Whether both together average; None when they do different things."""
    if set(first.size) == {1}:
        return second.average
    if set(second.size) == {1} or first.average == second.average:
        return first.average
    return None


def _merged(inner: Window, outer: Window) -> Window | None:
    """The window that both make along an axis; None when it has gaps."""
    if inner.dilation != 1 or outer.dilation != 1:
        return None
    if outer.size > 1 and inner.size < inner.stride:
        return None
    return Window(
        length=inner.length,
        outputs=outer.outputs,
        size=inner.size + (outer.size - 1) * inner.stride,
        stride=inner.stride * outer.stride,
        dilation=1,
        begin=0,
        end=0,
    )


def _tiles(inner: Window, outer: Window) -> bool:
    """Whether every element counts once."""
    return outer.size == 1 or inner.size == inner.stride


RULE = Rule(name="merge-poolings", exact=True, match=match)
