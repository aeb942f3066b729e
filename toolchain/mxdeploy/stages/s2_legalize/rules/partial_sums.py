"""A large kernel with few outputs computes partial sums, which are added up afterwards: exact.

Every 3x3 part of the kernel (1-D: up to nine taps) gives outputs of its own; a layer with one tap
per part moves them into place and adds them. Exact in real numbers; on the chip each part is
rounded to 8 bits before it is added, so this is done only where copies of the input would not fit,
or cost twice as much.
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
    """Convolution that is best computed in parts."""
    op = node.op
    found = plan_of(graph, node)
    if found is None or not isinstance(op, Conv):
        return None
    task, plan = found
    if plan.prep is not Prep.SUM:
        return None
    stride = f"; {steps(plan)}" if steps(plan) else ""
    text = (
        f"{described(op)}: {plan.copies} partial sums for each of {task.problem.outputs} outputs, "
        f"kernel {kernel_of(plan)}, rounded to 8 bits and added by another layer{stride}; "
        f"{plan.cost.cycles} cycles in all"
    )
    return arrangement(graph, node, task, plan, text)


RULE = Rule(name="partial-sums", exact=True, match=match)
