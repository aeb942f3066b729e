"""A kernel is enlarged with zeros so that kernel and padding suit the chip: exact.

2-D kernels smaller than 3x3 become 3x3; 1-D kernels get up to nine taps: with uneven padding, or
with zeros between the taps where they are dilated. With k taps, padding b in front and e behind,
the kernel of n taps that starts ``o`` later computes the same with padding p = b + o on both sides
when ``2 o = e - b + n - k``. Taps that see nothing but padding are left out, and so are rows and
columns at the end that a pooling behind the convolution would leave out. A transposed convolution
with stride 2 is enlarged alike, with output padding as the chip has it.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s2_legalize.arrange.axis import Prep
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.arrange.edits import arrangement
from mxdeploy.stages.s2_legalize.arrange.words import described, kernel_of
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution without stride that one layer computes, though not as it is."""
    op = node.op
    found = plan_of(graph, node)
    if found is None or not isinstance(op, Conv | ConvTranspose):
        return None
    task, plan = found
    if plan.prep is not Prep.NONE or plan.inner > 1 or plan.outer > 1:
        return None
    text = f"{described(op)}: computed as {kernel_of(plan)}"
    return arrangement(graph, node, task, plan, text)


RULE = Rule(name="grow-kernel", exact=True, match=match)
