"""A Clip behind an addition is the saturation of the sum: exact.

Sums are saturated to 8 bits, and the scale of the operands is chosen such that this is the Clip.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.constraints import is_saturation
from mxdeploy.ops.graph import Clip, Elementwise
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import only_host_follows
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Clip, alike on both sides, that alone reads an Elementwise, in front of layers."""
    op, total = node.op, graph.private_source(node)
    if not isinstance(op, Clip) or total is None or not isinstance(total.op, Elementwise):
        return None
    if not op.low < 0 or only_host_follows(graph, node.output):
        return None
    before = graph.value(total.output)
    bounds = before.clip or (-math.inf, math.inf)
    low, high = max(op.low, bounds[0]), min(op.high, bounds[1])
    if not is_saturation(low, high):
        return None
    value = graph.value(node.output)
    return Edit(
        text=f"the saturation of {total.name} is the Clip({low:g}, {high:g})",
        remove=(total, node),
        add=(replace(total, output=value.name, origin=graph.origins(total, node)),),
        values=(replace(value, clip=(low, high), declared=value.declared or before.declared),),
    )


RULE = Rule(name="clip-sum", exact=True, match=match)
