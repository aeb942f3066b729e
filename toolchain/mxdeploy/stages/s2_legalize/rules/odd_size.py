"""A convolution whose map has an odd size reads copies with one row and column more or less: exact.

3x3 kernels with padding alike on both sides change a map's size by an even number; a 2x2 kernel
without padding does not. A transposed convolution with one tap doubles the map, with one row and
column more or less at its borders; every second pixel of it, taken while it is read, is a copy of
the map that is one row and column longer or shorter. It costs four times the cycles of a copy.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s2_legalize.arrange.axis import Prep
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.arrange.edits import arrangement
from mxdeploy.stages.s2_legalize.arrange.words import by, copies_of, described, kernel_of
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution that is best computed over copies of odd sizes."""
    op = node.op
    found = plan_of(graph, node)
    if found is None or not isinstance(op, Conv | ConvTranspose):
        return None
    task, plan = found
    if plan.prep is not Prep.ODD:
        return None
    size = by(tuple(way.stored for way in plan.ways))
    text = (
        f"{described(op)}: a transposed convolution makes {copies_of(task, plan)}, of {size} "
        f"pixels; kernel {kernel_of(plan)} over {plan.copies * task.problem.inputs} channels; "
        f"{plan.cost.cycles} cycles in all"
    )
    return arrangement(graph, node, task, plan, text)


RULE = Rule(name="odd-size", exact=True, match=match)
