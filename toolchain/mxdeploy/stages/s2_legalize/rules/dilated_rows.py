"""A dilated 1-D convolution is a 2-D one over rows of one dilation each: exact.

Cut into rows of d elements, what lies d elements apart lies in one column. The data stay where they
are; only rows and columns are counted.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.arrange.convolution import plan_of
from mxdeploy.stages.s2_legalize.arrange.rows import rows_plan
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Dilated 1-D convolution whose length and padding are multiples of the dilation."""
    op, plan = node.op, rows_plan(graph, node)
    if not isinstance(op, Conv) or plan is None:
        return None
    known = plan_of(graph, node)
    if known is not None and known[1].cost <= plan.cost:
        return None
    down, across = plan.problem.axes
    weight = op.weight.array
    begin, end = (pad // op.dilations[0] for pad in op.pads)
    plane = replace(
        op,
        weight=Tensor(weight.reshape(*weight.shape, 1)),
        pads=(begin, 0, end, 0),
        strides=(1, 1),
        dilations=(1, 1),
    )
    before = (plan.problem.inputs, down.size, across.size)
    middle = (plan.problem.outputs, down.least, across.least)
    after = graph.shape(node.output)
    steps = (
        ("rows", Reshape(shape=before), before),
        ("", plane, middle),
        ("line", Reshape(shape=after), after),
    )
    text = (
        f"dilation {before[2]}: a 2-D convolution over {before[1]} rows of {before[2]} "
        f"elements, kernel {op.weight.shape[2]}x1"
    )
    return chain_edit(graph, node, steps, text)


RULE = Rule(name="dilation-as-rows", exact=True, match=match)
