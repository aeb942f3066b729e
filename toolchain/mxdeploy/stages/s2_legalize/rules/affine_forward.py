"""A constant factor and offset per channel in front of a convolution (input normalization): exact.

``W (scale * x + offset) + b`` is the convolution with weights ``W * scale`` and bias
``b + W offset``. With an offset this holds only without padding: padding adds zeros after the
offset, not before it. Poolings that commute with the function are looked through, and so are
reshapes that flatten a map in front of a linear layer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Affine, Conv, Linear, Pooling, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.pool_order import commutes


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine whose only reader, perhaps behind a pooling and a Reshape, has weights."""
    if not isinstance(node.op, Affine):
        return None
    between: list[Node] = []
    reader = graph.only_reader(node.output)
    if reader is not None and isinstance(reader.op, Pooling) and commutes(reader.op, node):
        between.append(reader)
        reader = graph.only_reader(reader.output)
    flattened = reader is not None and isinstance(reader.op, Reshape)
    if reader is not None and flattened:
        between.append(reader)
        reader = graph.only_reader(reader.output)
    if reader is None or not isinstance(reader.op, Linear | Conv):
        return None
    if isinstance(reader.op, Conv):
        padded = any(reader.op.pads) and bool(np.any(node.op.offset.array))
        if padded or flattened or reader.op.groups != 1:
            return None
    return _edit(graph, node, reader, tuple(between))


def _edit(graph: Graph, node: Node, reader: Node, between: tuple[Node, ...]) -> Edit | None:
    op, affine = reader.op, node.op
    if not isinstance(op, Conv | Linear) or not isinstance(affine, Affine):
        return None
    shape = graph.shape(node.output)
    features = op.weight.shape[1]
    if not shape or features % shape[0] or (not between and shape[0] != features):
        return None
    repeat = features // shape[0]
    scale, offset = (
        np.broadcast_to(t.array.astype(np.float64), (shape[0],)).repeat(repeat)
        for t in (affine.scale, affine.offset)
    )
    weight = op.weight.array.astype(np.float64)
    tail = (1,) * (weight.ndim - 2)
    extra = (weight * offset.reshape(1, -1, *tail)).reshape(len(weight), -1).sum(axis=1)
    bias = (0.0 if op.bias is None else op.bias.array.astype(np.float64)) + extra
    folded = replace(
        op,
        weight=single(weight * scale.reshape(1, -1, *tail)),
        bias=op.bias if not np.any(extra) else single(bias),
    )
    origin = graph.origins(node, reader)
    if not between:
        new = replace(reader, op=folded, inputs=node.inputs, origin=origin)
        return Edit(text=_text(reader), remove=(node, reader), add=(new,))
    first = replace(between[0], inputs=node.inputs)
    return Edit(
        text=_text(reader),
        remove=(node, *between, reader),
        add=(first, *between[1:], replace(reader, op=folded, origin=origin)),
    )


def _text(reader: Node) -> str:
    return f"folded into the weights of {reader.name}, which reads it"


RULE = Rule(name="fold-affine-forward", exact=True, match=match)
