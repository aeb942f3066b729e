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

from mxdeploy.ir.network import Node, Value
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
    padded = Value(
        name=graph.new_name(f"{node.output}.padded"), shape=(shape[0], *size), origin=node.name
    )
    value = graph.value(node.output)
    average = Value(name=graph.new_name(f"{value.name}.sum"), shape=value.shape, origin=node.name)
    more = [n - m for n, m in zip(size, shape[1:], strict=True)]
    pads = (0, *(m // 2 for m in more), 0, *(m - m // 2 for m in more))
    factor = prod(size) / prod(shape[1:])
    scale = Tensor(np.array(factor, np.float32))
    return Edit(
        text=f"averages {list(size)} with zeros around, and multiplies by {factor:g}",
        remove=(node,),
        add=(
            replace(
                node, name=graph.new_node_name(f"{node.name}.pad"), op=Pad(pads=pads, value=0.0),
                output=padded.name,
            ),
            replace(
                node, name=graph.new_node_name(f"{node.name}.sum"), op=replace(op, size=size),
                inputs=(padded.name,), output=average.name,
            ),
            replace(
                node, op=Affine(scale=scale, offset=Tensor(np.zeros((), np.float32))),
                inputs=(average.name,),
            ),
        ),
        values=(padded, average),
    )  # fmt: skip


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
