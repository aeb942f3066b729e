"""A map that is transposed, flattened and multiplied by a matrix is not transposed at all: exact.

The columns of the matrix are put in the order in which the chip flattens a map: channel by
channel. Models that keep their channels last flatten pixel by pixel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Linear, Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear that reads a flattened, transposed map."""
    view = graph.private_source(node)
    if not isinstance(node.op, Linear) or view is None or not isinstance(view.op, Reshape):
        return None
    transpose = graph.source(view)
    if transpose is None or not isinstance(transpose.op, Transpose):
        return None
    shape = graph.shape(transpose.inputs[0])
    if not shape or len(graph.shape(view.output)) != 1:
        return None
    # element f of the flattened transposed map is element order[f] of the map as it is
    order = np.arange(int(np.prod(shape))).reshape(shape).transpose(transpose.op.axes).reshape(-1)
    weight = np.empty_like(node.op.weight.array)
    weight[:, order] = node.op.weight.array
    return Edit(
        text=f"the columns of {node.name} are put in the order channel, row, column",
        remove=(view, node),
        add=(
            replace(view, inputs=transpose.inputs, origin=graph.origins(transpose, view)),
            replace(node, op=replace(node.op, weight=Tensor(weight))),
        ),
    )


RULE = Rule(name="reorder-linear", exact=True, match=match)
