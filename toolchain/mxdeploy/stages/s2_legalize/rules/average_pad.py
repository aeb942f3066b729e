"""An average over a map whose sides have no suitable factors is taken over a larger map: exact.

With rows and columns of zeros the sum is the same, and the number of pixels a product of numbers up
to 16: the average is taken in two steps, and multiplied by the padded over the real number of
pixels. Zeros cost a layer for every two rows or columns.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Affine, Pad, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.average_linear import is_whole
from mxdeploy.stages.s2_legalize.rules.pool_split import split
from mxdeploy.stages.s2_legalize.windows import axes_of

_MOST_LAYERS = 4


def match(graph: Graph, node: Node) -> Edit | None:
    """Average over a whole map that cannot be pooled, nor in steps."""
    op, shape = node.op, graph.shape(node.inputs[0])
    if not isinstance(op, Pooling) or not op.average or not is_whole(op, shape):
        return None
    if not constraints.violated(constraints.POOLING, op, shape):
        return None
    size = _larger(op, shape)
    if size is None or size == shape[1:]:
        return None
    more = [n - m for n, m in zip(size, shape[1:], strict=True)]
    pads = (0, *(m // 2 for m in more), 0, *(m - m // 2 for m in more))
    pad, padded = graph.beside(
        node, "pad", Pad(pads=pads, value=0.0), node.inputs, (shape[0], *size)
    )
    pool, average = graph.beside(
        node, "sum", replace(op, size=size), (padded.name,), graph.shape(node.output)
    )
    factor = prod(size) / prod(shape[1:])
    scale = Tensor(np.array(factor, np.float32))
    scaled = Affine(scale=scale, offset=Tensor(np.zeros((), np.float32)))
    return Edit(
        text=f"averages {list(size)} with zeros around, and multiplies by {factor:g}",
        remove=(node,),
        add=(pad, pool, replace(node, op=scaled, inputs=(average.name,))),
        values=(padded, average),
    )


def _larger(op: Pooling, shape: Shape) -> Shape | None:
    """The smallest map around one of ``shape`` whose average can be taken in steps."""
    step = len(shape) - 1  # in a plane, a layer makes an even number of rows more
    more = product(range(0, 2 * _MOST_LAYERS + 1, step), repeat=len(shape) - 1)
    for extra in sorted(more, key=lambda e: (max(e), sum(e))):
        size = tuple(n + e for n, e in zip(shape[1:], extra, strict=True))
        whole = replace(op, size=size)
        padded = (shape[0], *size)
        if not constraints.violated(constraints.POOLING, whole, padded):
            return size
        if split(whole, axes_of(whole, padded), padded) is not None:
            return size
    return None


RULE = Rule(name="pad-global-average", exact=True, match=match)
