"""A large, dilated or unevenly padded kernel reads shifted copies of its input: exact.

A layer with one tap per channel puts copies of the map beside each other as further channels, each
moved by some rows and columns and filled up with zeros at its borders. A 3x3 kernel (1-D: up to
nine taps) over two copies that are two rows apart sees five rows, and so on. Nothing is rounded:
the copies are the same integers as the map. A stride is taken while the copies are read. Kernels
that need copies further apart take several such layers in a row; 1-D data are copied as rows of
several elements, which moves them further at once.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s2_legalize.arrange.axis import Prep
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.arrange.edits import arrangement
from mxdeploy.stages.s2_legalize.arrange.words import copies_of, described, kernel_of, steps
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution that is best computed over copies."""
    op = node.op
    found = plan_of(graph, node)
    if found is None or not isinstance(op, Conv | ConvTranspose):
        return None
    task, plan = found
    if plan.prep not in (Prep.COPY, Prep.ROWS):
        return None
    stride = f"; {steps(plan)}" if steps(plan) else ""
    text = (
        f"{described(op)}: a layer makes {copies_of(task, plan)}; kernel {kernel_of(plan)} over "
        f"{plan.copies * task.problem.inputs} channels{stride}; {plan.cost.cycles} cycles in all"
    )
    return arrangement(graph, node, task, plan, text)


RULE = Rule(name="shifted-copies", exact=True, match=match)
