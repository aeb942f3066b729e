"""Dilated 1-D convolutions over rows of one dilation each."""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv
from mxdeploy.stages.s2_legalize.arrange.axis import Axis
from mxdeploy.stages.s2_legalize.arrange.convolution import is_native
from mxdeploy.stages.s2_legalize.arrange.plan import Plan, Problem, best_plan
from mxdeploy.stages.s2_legalize.graph import Graph


def rows_plan(graph: Graph, node: Node) -> Plan | None:
    """How to compute ``node`` as a 2-D convolution with one column; None when there is no way."""
    op = node.op
    if not isinstance(op, Conv) or op.strides != (1,) or op.groups != 1 or is_native(op):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    dilation = op.dilations[0]
    if dilation == 1 or not before or not after:
        return None
    if any(n % dilation for n in (before[1], after[1], *op.pads)):
        return None
    outputs, inputs, taps = op.weight.shape
    rows, results = before[1] // dilation, after[1] // dilation
    begin = op.pads[0] // dilation
    down = Axis(
        size=rows, taps=tuple(tap - begin for tap in range(taps)), least=results, most=results
    )
    across = Axis(size=dilation, taps=(0,), least=dilation, most=dilation)
    return best_plan(Problem(axes=(down, across), inputs=inputs, outputs=outputs))
