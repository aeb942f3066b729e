"""A Clip of the network's input becomes the bounds of the input: exact.

Input data are saturated to 8 bits when they are quantized, with a scale that the bounds give.
"""

from __future__ import annotations

import math
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
    if graph.only_reader(name) is not node or op.low == 0 or math.isnan(op.low):
        return None
    value = graph.value(name)
    before = value.clip or (-math.inf, math.inf)
    low, high = max(op.low, before[0]), min(op.high, before[1])
    if not is_saturation(low, high):
        return None
    declared = graph.value(node.output).declared or value.declared
    return Edit(
        text=f"the input is bounded by {low:g} and {high:g}",
        remove=(node,),
        values=(replace(value, clip=(low, high), declared=declared),),
        rename=((node.output, name),),
    )


RULE = Rule(name="input-bounds", exact=True, match=match)
