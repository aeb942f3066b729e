"""A Clip of the network's input becomes the bounds of the input: exact.

Input data are saturated to 8 bits when they are quantized, with a scale that the bounds give.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.constraints import is_saturation
from mxdeploy.ops.graph import Clip
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Clip, alike on both sides, that alone reads the input."""
    op, name = node.op, node.inputs[0]
    if not isinstance(op, Clip) or name not in graph.network.inputs:
        return None
    if graph.only_reader(name) is not node or op.low == 0 or not is_saturation(op.low, op.high):
        return None
    value = graph.value(name)
    declared = graph.value(node.output).declared or value.declared
    return Edit(
        text=f"the input is bounded by {op.low:g} and {op.high:g}",
        remove=(node,),
        values=(replace(value, clip=(op.low, op.high), declared=declared),),
        rename=((node.output, name),),
    )


RULE = Rule(name="input-bounds", exact=True, match=match)
