"""Padding of a max pooling of values that may be negative counts as zeros: approximate.

The chip has no padding that a maximum ignores. With zeros instead, windows at the border that see
nothing but negative values give 0; all others give what they should.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.signs import never_negative
from mxdeploy.stages.s2_legalize.windows import pad_edit


def match(graph: Graph, node: Node) -> Edit | None:
    """Padded max pooling of what may be negative."""
    op = node.op
    if not isinstance(op, Pooling) or op.average or not any(op.pads) or op.ceil_mode:
        return None
    if never_negative(graph, node.inputs[0]):
        return None
    return pad_edit(graph, node, f"maxima of {node.name} at the border of the map are at least 0")


RULE = Rule(name="pad-signed-pooling", exact=False, match=match)
