"""A pooling's larger stride along columns than along rows is taken from a sequence: exact.

The chip steps alike along rows and columns. What is left of the stride along columns is taken from
all pixels in a row, counted as 1-D data: every n-th of them, where the rows have a multiple of n
columns; zeros behind the map see to that, which only windows that are left out meet. It costs a
layer.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pad, Pooling, Reshape
from mxdeploy.stages.s2_legalize.arrange.chains import Step, chain_edit
from mxdeploy.stages.s2_legalize.arrange.edits import every
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import windows

_PLANE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling without padding whose stride along columns is a multiple of that along rows."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None or len(axes) != _PLANE:
        return None
    if any(op.pads) or op.ceil_mode or any(a.dilation != 1 for a in axes):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    channels, rows, columns = after
    down, across = op.strides
    more = across // down
    if across % down or not constraints.violated((constraints.pool_stride,), op, before):
        return None
    wide, pixels = columns * more, rows * columns
    if rows * wide > limits.MAX_DIMENSION.value or max(down, more) > limits.MAX_POOL_STRIDE.value:
        return None
    missing = (wide - 1) * down + axes[1].size - axes[1].length
    padded = (channels, before[1], before[2] + missing)
    zeros: Step = ("padded", Pad(pads=(0, 0, 0, 0, 0, missing), value=0.0), padded)
    steps: tuple[Step, ...] = (
        ("", replace(op, strides=(down, down)), (channels, rows, wide)),
        ("line", Reshape(shape=(channels, rows * wide)), (channels, rows * wide)),
        ("every", every(more, 1), (channels, pixels)),
        ("plane", Reshape(shape=after), after),
    )
    text = f"stride {down}x{across}: stride {down}, then every {more} columns of all in a row"
    return chain_edit(graph, node, (zeros, *steps) if missing > 0 else steps, text)


RULE = Rule(name="pool-stride-of-columns", exact=True, match=match)
