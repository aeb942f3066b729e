"""A convolution that the chip can compute becomes a hardware layer: exact.

2-D convolutions with 3x3 or 1x1 kernels, 1-D convolutions with up to nine taps. Reshapes that
keep channels and the order of pixels (1-D to 2-D and back) are looked through: the data stay where
they are.
"""

from __future__ import annotations

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s2_legalize.arrange.convolution import is_native
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.layers import layer_edit, view_source
from mxdeploy.stages.s2_legalize.rule import Rule

_SEQUENCE = 2
_PLANE = 3


def match(graph: Graph, node: Node) -> Edit | None:
    """Conv that the chip has as it is."""
    op = node.op
    if not isinstance(op, Conv):
        return None
    shape = graph.shape(node.inputs[0])
    if len(shape) != len(op.strides) + 1 or not is_native(op):
        return None
    out, channels, *taps = op.weight.shape
    one_dimensional = len(shape) == _SEQUENCE
    missing = (1,) * (_PLANE - len(shape))
    rows, columns = (*shape[1:], *missing)
    kernel_rows, kernel_columns = (*taps, *missing)
    pad_rows, pad_columns = (*op.pads[: len(taps)], *(0,) * len(missing))
    spec = LayerSpec(
        kind=Kind.CONV1D if one_dimensional else Kind.CONV2D,
        in_channels=channels,
        in_size=(rows, columns),
        out_channels=out,
        kernel=(kernel_rows, kernel_columns),
        pad=(pad_rows, pad_columns),
    )
    weight = op.weight.array.reshape(out, channels, kernel_rows, kernel_columns)
    layer = LayerOp(spec=spec, weight=Tensor(weight), bias=op.bias)
    return layer_edit(graph, node, layer, view_source(graph, node.inputs[0]))


RULE = Rule(name="convolution", exact=True, match=match)
