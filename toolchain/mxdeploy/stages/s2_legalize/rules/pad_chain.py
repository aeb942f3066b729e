"""Two Pads in a row become one, those that cut off rows and columns included: exact.

Not where the first cuts off what the second replaces by zeros.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pad
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Pad that alone reads a Pad with the same value."""
    first = graph.private_source(node)
    if first is None or not isinstance(node.op, Pad) or not isinstance(first.op, Pad):
        return None
    amounts = tuple(zip(first.op.pads, node.op.pads, strict=True))
    if first.op.value != node.op.value or any(a < 0 < b for a, b in amounts):
        return None
    merged = replace(node.op, pads=tuple(a + b for a, b in amounts))
    return Edit(
        text=f"{first.name} and {node.name} are one Pad",
        remove=(first, node),
        add=(replace(node, op=merged, inputs=first.inputs, origin=graph.origins(first, node)),),
    )


RULE = Rule(name="merge-pads", exact=True, match=match)
