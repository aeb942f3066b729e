"""A matrix product over the last of several axes becomes one over a vector: exact.

With all other axes of length 1 the value is re-shaped to a vector and back. Over a sequence or a
map of vectors it is a convolution with one tap, between two transpositions.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, Linear, Reshape, Transpose
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.rule import Rule

_RANKS = (2, 3)


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear whose input is not a vector."""
    if not isinstance(node.op, Linear):
        return None
    shape = graph.shape(node.inputs[0])
    if len(shape) <= 1:
        return None
    if all(n == 1 for n in shape[:-1]):
        return _as_vector(graph, node, node.op, shape)
    if len(shape) in _RANKS:
        return _as_convolution(graph, node, node.op, shape)
    return None


def _as_vector(graph: Graph, node: Node, op: Linear, shape: Shape) -> Edit:
    before, after = shape[-1:], graph.shape(node.output)
    steps = (
        ("in", Reshape(shape=before), before),
        ("", op, after[-1:]),
        ("out", Reshape(shape=after), after),
    )
    return chain_edit(graph, node, steps, "the value is a vector", ranges=False)


def _as_convolution(graph: Graph, node: Node, op: Linear, shape: Shape) -> Edit:
    axes = len(shape) - 1
    ones = (1,) * axes
    conv = Conv(
        weight=Tensor(op.weight.array.reshape(*op.weight.shape, *ones)),
        bias=op.bias,
        pads=(0,) * (2 * axes),
        strides=ones,
        dilations=ones,
        groups=1,
    )
    steps = (
        ("in", Transpose(axes=(axes, *range(axes))), (shape[-1], *shape[:-1])),
        ("", conv, (op.weight.shape[0], *shape[:-1])),
        ("out", Transpose(axes=(*range(1, axes + 1), 0)), graph.shape(node.output)),
    )
    text = "a matrix product per pixel is a convolution with one tap"
    return chain_edit(graph, node, steps, text, ranges=False)


RULE = Rule(name="linear-on-vector", exact=True, match=match)
