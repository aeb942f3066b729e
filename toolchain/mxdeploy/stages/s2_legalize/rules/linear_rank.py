"""A matrix product over the last of several axes becomes one over a vector: exact.

With all other axes of length 1 the value is re-shaped to a vector and back. Over a sequence or a
map of vectors it is a convolution with one tap, between two transpositions.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, GraphOp, Linear, Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
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


def _as_vector(graph: Graph, node: Node, op: Linear, shape: tuple[int, ...]) -> Edit:
    outputs = graph.shape(node.output)[-1]
    before: GraphOp = Reshape(shape=shape[-1:])
    after: GraphOp = Reshape(shape=graph.shape(node.output))
    return _between(
        graph, node, op, (before, shape[-1:]), (after, (outputs,)), "the value is a vector"
    )


def _as_convolution(graph: Graph, node: Node, op: Linear, shape: tuple[int, ...]) -> Edit:
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
    first, last = Transpose(axes=(axes, *range(axes))), Transpose(axes=(*range(1, axes + 1), 0))
    text = "a matrix product per pixel is a convolution with one tap"
    moved = (shape[-1], *shape[:-1])
    return _between(
        graph, node, conv, (first, moved), (last, (op.weight.shape[0], *shape[:-1])), text
    )


def _between(
    graph: Graph,
    node: Node,
    op: GraphOp,
    before: tuple[GraphOp, tuple[int, ...]],
    after: tuple[GraphOp, tuple[int, ...]],
    text: str,
) -> Edit:
    first = Value(name=graph.new_name(f"{node.output}.in"), shape=before[1], origin=node.name)
    second = Value(name=graph.new_name(f"{node.output}.out"), shape=after[1], origin=node.name)
    head = replace(
        node, name=graph.new_node_name(f"{node.name}.in"), op=before[0], output=first.name
    )
    body = replace(node, op=op, inputs=(first.name,), output=second.name)
    tail = replace(
        node, name=graph.new_node_name(f"{node.name}.out"), op=after[0], inputs=(second.name,)
    )
    return Edit(text=text, remove=(node,), add=(head, body, tail), values=(first, second))


RULE = Rule(name="linear-on-vector", exact=True, match=match)
