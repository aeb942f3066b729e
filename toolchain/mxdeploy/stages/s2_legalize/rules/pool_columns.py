"""A pooling of columns alone is a pooling of a map with short rows: exact.

The chip's poolings step alike along rows and columns. Where windows of n columns lie side by side,
every one of them is a row of the same pixels in the same place, seen as a map of n columns, and
there is one window in a row. Columns behind the last window are cut off first.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pad, Pooling, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import Step, chain_edit
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, reshaped, windows

_PLANE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling 1 x n with stride 1 x n."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None or len(axes) != _PLANE:
        return None
    rows, columns = axes
    if any(op.pads) or op.ceil_mode or rows.size != 1 or rows.stride != 1 or not _tiles(columns):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if not constraints.violated((constraints.pool_stride,), op, before):
        return None
    channels, count, size = before[0], rows.length * columns.outputs, columns.size
    if max(count, size) > limits.MAX_DIMENSION.value:
        return None
    used = columns.outputs * size
    short, pooled = (channels, count, size), (channels, count, 1)
    rest = used - columns.length
    cut: Step = ("cut", Pad(pads=(0, 0, 0, 0, 0, rest), value=0.0), (channels, rows.length, used))
    new = reshaped(op, (replace(rows, length=count), replace(columns, length=size, stride=1)))
    steps: tuple[Step, ...] = (
        ("short", Reshape(shape=short), short),
        ("", new, pooled),
        ("rows", Reshape(shape=after), after),
    )
    text = f"{columns.outputs} windows in a row are rows of {size} columns"
    return chain_edit(graph, node, (cut, *steps) if rest else steps, text)


def _tiles(axis: Window) -> bool:
    """Whether windows lie side by side."""
    return axis.size == axis.stride and axis.dilation == 1


RULE = Rule(name="pool-columns", exact=True, match=match)
