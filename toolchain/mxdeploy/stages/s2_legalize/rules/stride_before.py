"""A stride is taken in front of a convolution: exact.

A convolution with one tap and stride s reads every s-th pixel. The chip does that while it reads:
a pooling 1x1 with stride s. The same holds for kernels whose dilation is a multiple of the stride.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv
from mxdeploy.stages.s2_legalize.arrange.axis import Prep
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.arrange.edits import arrangement
from mxdeploy.stages.s2_legalize.arrange.words import described, steps
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Strided convolution that needs only every s-th pixel of what it reads."""
    op = node.op
    found = plan_of(graph, node)
    if found is None or not isinstance(op, Conv):
        return None
    task, plan = found
    if plan.prep is not Prep.NONE or plan.inner == 1:
        return None
    return arrangement(graph, node, task, plan, f"{described(op)}: {steps(plan)}, at no cost")


RULE = Rule(name="stride-before", exact=True, match=match)
