"""A matrix product becomes a fully connected layer: exact.

A flattened map is read as it lies in memory, pixel by pixel; the matrix is seen as kernels as large
as the map, in the order channel, row, column in which models flatten.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Linear, Reshape
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.layers import layer_edit
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear that reads a vector or a flattened map."""
    op = node.op
    if not isinstance(op, Linear) or len(graph.shape(node.inputs[0])) != 1:
        return None
    source = node.inputs[0]
    reshape = graph.producer(source)
    if reshape is not None and isinstance(reshape.op, Reshape):
        source = reshape.inputs[0]
    place = chip_map(graph.shape(source))
    if place is None:
        return None
    out = op.weight.shape[0]
    channels, rows, columns = place
    spec = LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=(rows, columns), out_channels=out
    )
    if rows * columns > 1:
        spec = replace(spec, flatten=True)
    weight = Tensor(op.weight.array.reshape(out, channels, rows, columns))
    return layer_edit(graph, node, LayerOp(spec=spec, weight=weight, bias=op.bias), source)


RULE = Rule(name="fully-connected", exact=True, match=match)
