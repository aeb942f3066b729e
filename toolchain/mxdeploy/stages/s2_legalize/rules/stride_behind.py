"""A stride is taken behind a convolution: exact.

The convolution is computed at stride 1, and whoever reads it takes every s-th row and column: a
pooling 1x1 with stride s, which most readers do while they read. The chip has no strides; this
takes about s * s times the cycles, and as much data memory.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv
from mxdeploy.stages.s2_legalize.arrange.axis import Prep
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.arrange.edits import arrangement
from mxdeploy.stages.s2_legalize.arrange.words import described, kernel_of, steps
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Strided convolution for which nothing cheaper is known than to compute all pixels."""
    op = node.op
    found = plan_of(graph, node)
    if found is None or not isinstance(op, Conv):
        return None
    task, plan = found
    if plan.prep is not Prep.NONE or plan.outer == 1:
        return None
    times = plan.outer ** len(plan.ways)
    text = (
        f"{described(op)}: {steps(plan)}, kernel {kernel_of(plan)}; {plan.cost.cycles} cycles, "
        f"about {times} times those of the pixels that are used"
    )
    return arrangement(graph, node, task, plan, text)


RULE = Rule(name="stride-behind", exact=True, match=match)
