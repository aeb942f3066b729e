"""A function of single elements behind a concatenation is applied to every part: exact.

Relu, Abs, Clip and per-channel factors then belong to the layers that compute the parts. Where
more than one part has other readers the function stays behind: one layer reads the whole.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine, Concat, GraphOp, LayerFunction
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Relu, Abs, Clip or Affine that alone reads a Concat."""
    join = graph.private_source(node)
    if join is None or not isinstance(join.op, Concat):
        return None
    if not isinstance(node.op, LayerFunction):
        return None
    shared = [n for n in join.inputs if graph.only_reader(n) is None or graph.producer(n) is None]
    ops = _per_part(node.op, [graph.shape(n) for n in join.inputs], join.op.axis)
    if len(shared) > 1 or len(set(join.inputs)) < len(join.inputs) or ops is None:
        return None
    declared = graph.value(node.output).declared
    parts = [
        graph.beside(node, f"of.{name}", op, (name,), graph.shape(name), declared=declared)
        for name, op in zip(join.inputs, ops, strict=True)
    ]
    joined = replace(join, inputs=tuple(v.name for _, v in parts), output=node.output)
    return Edit(
        text=f"{node.name} is applied to the parts of {join.name}",
        remove=(join, node),
        add=(*(part for part, _ in parts), joined),
        values=tuple(written for _, written in parts),
    )


def _per_part(op: LayerFunction, shapes: list[Shape], axis: int) -> list[GraphOp] | None:
    """What is applied to each part; None when a part has no share of its own."""
    if not isinstance(op, Affine):
        return [op] * len(shapes)
    if axis != 0:
        return [op] * len(shapes)
    edges = np.cumsum([s[0] for s in shapes])[:-1]
    scales, offsets = (
        np.split(np.broadcast_to(t.array.reshape(-1), (sum(s[0] for s in shapes),)), edges)
        for t in (op.scale, op.offset)
    )
    return [Affine(scale=Tensor(s), offset=Tensor(o)) for s, o in zip(scales, offsets, strict=True)]


RULE = Rule(name="move-before-concatenation", exact=True, match=match)
