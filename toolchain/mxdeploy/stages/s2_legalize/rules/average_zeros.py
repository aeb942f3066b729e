"""An average that does not count its padding does count it: approximate.

The chip divides by the size of the window everywhere. Windows over the border of the map then give
less, by the share of them that lies outside; all others give what they should.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.average_border import is_uneven, ratios
from mxdeploy.stages.s2_legalize.windows import reshaped, windows


def match(graph: Graph, node: Node) -> Edit | None:
    """Average pooling with padding that does not count, where no correction is possible."""
    op, axes = node.op, windows(graph, node)
    if axes is None or not isinstance(op, Pooling) or not is_uneven(op, axes):
        return None
    covered = tuple(replace(a, end=max(a.reach - a.begin - a.length, 0)) for a in axes)
    counting = reshaped(replace(op, count_include_pad=True), covered)
    least = 1 / prod(max(ratios(op, a)) for a in axes)
    return Edit(
        text=f"counts its padding as zeros: averages at the border are too small, down to "
        f"{least:.0%} of what they should be",
        remove=(node,),
        add=(replace(node, op=counting),),
    )


RULE = Rule(name="count-average-padding", exact=False, match=match)
