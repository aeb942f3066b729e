"""A transposed convolution that the chip can compute becomes a hardware layer: exact.

The chip fills the map up with zeros to twice its size and convolves with the flipped kernel; its
padding is 2 minus the framework's.
"""

from __future__ import annotations

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ConvTranspose
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s2_legalize.arrange.convolution import is_native_transposed
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.layers import layer_edit, view_source
from mxdeploy.stages.s2_legalize.rule import Rule

_PLANE = 3


def match(graph: Graph, node: Node) -> Edit | None:
    """ConvTranspose that the chip has as it is."""
    op = node.op
    shape = graph.shape(node.inputs[0])
    if not isinstance(op, ConvTranspose) or len(shape) != _PLANE:
        return None
    if not is_native_transposed(op):
        return None
    weight = np.flip(op.weight.array.swapaxes(0, 1), axis=(2, 3))
    rows, columns = (limits.CONV2D_KERNEL.value - 1 - pad for pad in op.pads[:2])
    spec = LayerSpec(
        kind=Kind.CONV_TRANSPOSE2D,
        in_channels=shape[0],
        in_size=(shape[1], shape[2]),
        out_channels=weight.shape[0],
        kernel=(weight.shape[2], weight.shape[3]),
        pad=(rows, columns),
    )
    layer = LayerOp(spec=spec, weight=Tensor(weight), bias=op.bias)
    return layer_edit(graph, node, layer, view_source(graph, node.inputs[0]))


RULE = Rule(name="transposed-convolution", exact=True, match=match)
