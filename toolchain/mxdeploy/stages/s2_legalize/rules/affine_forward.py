"""A constant factor and offset per channel in front of a convolution (input normalization): exact.

``W (scale * x + offset) + b`` is the convolution with weights ``W * scale`` and bias
``b + W offset``. With an offset this holds only without padding: padding adds zeros after the
offset, not before it. Reshapes that flatten a map in front of a linear layer are looked through.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Affine, Conv, Linear, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine whose only reader is a convolution or linear layer, perhaps behind a Reshape."""
    if not isinstance(node.op, Affine):
        return None
    reader = graph.only_reader(node.output)
    view = None
    if reader is not None and isinstance(reader.op, Reshape):
        view, reader = reader, graph.only_reader(reader.output)
    if reader is None:
        return None
    if isinstance(reader.op, Linear):
        return _edit(graph, node, reader, view)
    if view is None and isinstance(reader.op, Conv):
        padded = any(reader.op.pads) and bool(np.any(node.op.offset.array))
        return None if padded or reader.op.groups != 1 else _edit(graph, node, reader, None)
    return None


def _edit(graph: Graph, node: Node, reader: Node, view: Node | None) -> Edit | None:
    op, affine = reader.op, node.op
    if not isinstance(op, Conv | Linear) or not isinstance(affine, Affine):
        return None
    shape = graph.shape(node.output)
    features = op.weight.shape[1]
    if not shape or (view is None and shape[0] != features) or math.prod(shape) % shape[0]:
        return None
    repeat = features // shape[0]
    scale, offset = (
        np.broadcast_to(t.array.astype(np.float64), (shape[0],)).repeat(repeat)
        for t in (affine.scale, affine.offset)
    )
    if scale.size != features:
        return None
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
    if view is None:
        new = replace(reader, op=folded, inputs=node.inputs, origin=origin)
        return Edit(text=_text(reader), remove=(node, reader), add=(new,))
    moved = replace(view, inputs=node.inputs)
    return Edit(
        text=_text(reader),
        remove=(node, view, reader),
        add=(moved, replace(reader, op=folded, origin=origin)),
    )


def _text(reader: Node) -> str:
    return f"folded into the weights of {reader.name}, which reads it"


RULE = Rule(name="fold-affine-forward", exact=True, match=match)
