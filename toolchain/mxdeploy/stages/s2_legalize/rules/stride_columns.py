"""A larger stride along columns than along rows is taken from a sequence: exact.

The chip steps alike along rows and columns. What is left of the stride along columns is taken from
all pixels in a row, counted as 1-D data: every n-th of them, where the rows have a multiple of n
columns. It costs a layer.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.arrange.edits import every
from mxdeploy.stages.s2_legalize.arrange.possible import reads_input_alone
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_PLANE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """2-D convolution whose stride along columns is a multiple of that along rows."""
    op, after = node.op, graph.shape(node.output)
    if not isinstance(op, Conv) or len(op.strides) != _PLANE or not after:
        return None
    down, across = op.strides
    if across == down or across % down or reads_input_alone(graph, node):
        return None
    more = across // down
    outputs, rows, columns = after
    wide, pixels = columns * more, rows * columns
    if max(wide, rows * wide) > limits.MAX_DIMENSION.value or more > limits.MAX_POOL_STRIDE.value:
        return None
    reach = (op.weight.shape[3] - 1) * op.dilations[1] + 1
    behind = (wide - 1) * down + reach - graph.shape(node.inputs[0])[2] - op.pads[1]
    same = replace(op, strides=(down, down), pads=(*op.pads[:3], behind))
    steps = (
        ("", same, (outputs, rows, wide)),
        ("line", Reshape(shape=(outputs, rows * wide)), (outputs, rows * wide)),
        ("every", every(more, 1), (outputs, pixels)),
        ("plane", Reshape(shape=after), after),
    )
    text = f"stride {down}x{across}: stride {down}, then every {more} columns of all in a row"
    return chain_edit(graph, node, steps, text)


RULE = Rule(name="stride-of-columns", exact=True, match=match)
