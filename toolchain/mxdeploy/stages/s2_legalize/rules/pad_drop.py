"""A Pad by nothing is dropped: exact."""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pad
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(_graph: Graph, node: Node) -> Edit | None:
    """Pad whose amounts are all 0."""
    if not isinstance(node.op, Pad) or any(node.op.pads):
        return None
    return Edit(text="pads nothing", remove=(node,), rename=((node.output, node.inputs[0]),))


RULE = Rule(name="drop-pad", exact=True, match=match)
