"""A Clip that is something simpler: exact.

Clip without bounds does nothing; Clip with the lower bound 0 and no upper bound is Relu.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Clip, Relu
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(_graph: Graph, node: Node) -> Edit | None:
    """Clip without an upper bound."""
    op = node.op
    if not isinstance(op, Clip) or op.high != math.inf:
        return None
    if op.low == -math.inf:
        return Edit(
            text="a Clip without bounds does nothing",
            remove=(node,),
            rename=((node.output, node.inputs[0]),),
        )
    if op.low == 0:
        return Edit(text="Clip from 0 is Relu", remove=(node,), add=(replace(node, op=Relu()),))
    return None


RULE = Rule(name="simplify-clip", exact=True, match=match)
