"""A Transpose that moves nothing, or only axes of length 1, is a Reshape; two become one: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Transpose that keeps the order of elements, or of a transposed value."""
    if not isinstance(node.op, Transpose):
        return None
    shape = graph.shape(node.inputs[0])
    if shape and keeps_order(node.op.axes, shape):
        new = replace(node, op=Reshape(shape=graph.shape(node.output)))
        return Edit(text="no element changes its place", remove=(node,), add=(new,))
    first = graph.source(node)
    if first is None or not isinstance(first.op, Transpose):
        return None
    axes = tuple(first.op.axes[a] for a in node.op.axes)
    new = replace(
        node, op=Transpose(axes=axes), inputs=first.inputs, origin=graph.origins(first, node)
    )
    return Edit(text="two transpositions become one", remove=(node,), add=(new,))


def keeps_order(axes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether transposing ``shape`` leaves the elements in the same order."""
    moved = [a for a in axes if shape[a] != 1]
    return moved == sorted(moved)


RULE = Rule(name="simplify-transpose", exact=True, match=match)
