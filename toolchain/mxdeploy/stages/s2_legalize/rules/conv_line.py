"""A 2-D convolution of a single column, or a single row, is a 1-D one: exact.

1-D kernels have up to nine taps and any number of them; the data lie in memory alike.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.arrange.convolution import NOTHING, is_native, task_of
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_PLANE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """2-D convolution that the chip does not have, along a map of one column or row."""
    op, task = node.op, task_of(graph, node)
    if not isinstance(op, Conv) or task is None or len(op.strides) != _PLANE or is_native(op):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    for across in (1, 0):
        axis = task.problem.axes[across]
        (index, *more) = task.indices[across]
        alone = before[across + 1] == after[across + 1] == 1 and axis.taps == (0,)
        if not alone or more or index == NOTHING:
            continue
        along = 1 - across
        line = replace(
            op,
            weight=Tensor(np.take(op.weight.array, index, axis=across + 2)),
            pads=(op.pads[along], op.pads[along + _PLANE]),
            strides=(op.strides[along],),
            dilations=(op.dilations[along],),
        )
        first, second = ((s[0], s[along + 1]) for s in (before, after))
        steps = (
            ("line", Reshape(shape=first), first),
            ("", line, second),
            ("plane", Reshape(shape=after), after),
        )
        return chain_edit(graph, node, steps, "a 1-D convolution along a single row or column")
    return None


RULE = Rule(name="convolution-of-a-line", exact=True, match=match)
