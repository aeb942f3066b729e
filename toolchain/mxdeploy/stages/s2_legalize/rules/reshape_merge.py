"""Reshapes in a row become one, and one that changes nothing is dropped: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshape to the same shape, or of a reshaped value."""
    if not isinstance(node.op, Reshape):
        return None
    if graph.shape(node.inputs[0]) == graph.shape(node.output) != ():
        return Edit(
            text="the shape is the same",
            remove=(node,),
            rename=((node.output, node.inputs[0]),),
        )
    first = graph.source(node)
    if first is None or not isinstance(first.op, Reshape):
        return None
    origin = graph.origins(first, node)
    return Edit(
        text="two changes of shape become one",
        remove=(node,),
        add=(replace(node, inputs=first.inputs, origin=origin),),
    )


RULE = Rule(name="merge-reshapes", exact=True, match=match)
