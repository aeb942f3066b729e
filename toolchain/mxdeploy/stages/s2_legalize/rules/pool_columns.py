"""A pooling of columns alone is a pooling of a map with short rows: exact.

The chip's poolings step alike along rows and columns. Where windows of n columns lie side by side,
every one of them is a row of the same pixels in the same place, seen as a map of n columns, and
there is one window in a row.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Value
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pooling, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, reshaped, windows

_PLANE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling 1 x n with stride 1 x n of rows that n divides."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None or len(axes) != _PLANE:
        return None
    rows, columns = axes
    if any(op.pads) or op.ceil_mode or rows.size != 1 or rows.stride != 1 or not _tiles(columns):
        return None
    shape = graph.shape(node.inputs[0])
    if not constraints.violated((constraints.pool_stride,), op, shape):
        return None
    count, size = rows.length * columns.outputs, columns.size
    if max(count, size) > limits.MAX_DIMENSION.value:
        return None
    short = Value(
        name=graph.new_name(f"{node.output}.short"), shape=(shape[0], count, size), origin=node.name
    )
    pooled = Value(
        name=graph.new_name(f"{node.output}.pooled"), shape=(shape[0], count, 1), origin=node.name
    )
    new = reshaped(op, (replace(rows, length=count), replace(columns, length=size, stride=1)))
    return Edit(
        text=f"{columns.outputs} windows in a row are rows of {size} columns",
        remove=(node,),
        add=(
            replace(
                node, name=graph.new_node_name(f"{node.name}.short"),
                op=Reshape(shape=short.shape), output=short.name,
            ),
            replace(
                node, name=graph.new_node_name(f"{node.name}.pooled"), op=new,
                inputs=(short.name,), output=pooled.name,
            ),
            replace(
                node, op=Reshape(shape=graph.shape(node.output)), inputs=(pooled.name,)
            ),
        ),
        values=(short, pooled),
    )  # fmt: skip


def _tiles(axis: Window) -> bool:
    """Whether windows lie side by side from end to end."""
    return axis.size == axis.stride and axis.length % axis.size == 0 and axis.dilation == 1


RULE = Rule(name="pool-columns", exact=True, match=match)
