"""BatchNormalization, or a constant factor and offset per channel, behind a convolution: exact.

``scale * (W x + b) + offset`` is the convolution with weights ``scale * W`` and bias
``scale * b + offset``; padding does not matter since it comes before the convolution.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine, Conv, ConvTranspose, Linear
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine that alone reads a convolution or a linear layer."""
    source = graph.private_source(node)
    if not isinstance(node.op, Affine) or source is None:
        return None
    op = source.op
    if not isinstance(op, Conv | ConvTranspose | Linear):
        return None
    channels = _outputs(op)
    if len(graph.shape(node.output)) == 0 or graph.shape(node.output)[0] != channels:
        return None
    scale = np.broadcast_to(node.op.scale.array.astype(np.float64), (channels,))
    offset = np.broadcast_to(node.op.offset.array.astype(np.float64), (channels,))
    folded = replace(op, weight=_scaled(op, scale), bias=_shifted(op, scale, offset))
    return Edit(
        text=f"folded into the weights of {source.name}",
        remove=(source, node),
        add=(replace(source, op=folded, output=node.output, origin=graph.origins(source, node)),),
    )


def _outputs(op: Conv | ConvTranspose | Linear) -> int:
    if isinstance(op, ConvTranspose):
        return op.weight.shape[1] * op.groups
    return op.weight.shape[0]


def _scaled(op: Conv | ConvTranspose | Linear, scale: np.ndarray) -> Tensor:
    weight = op.weight.array.astype(np.float64)
    if isinstance(op, ConvTranspose):
        per_group = scale.reshape(op.groups, -1).repeat(weight.shape[0] // op.groups, axis=0)
        factor = per_group.reshape(weight.shape[:2] + (1,) * (weight.ndim - 2))
    else:
        factor = scale.reshape((-1,) + (1,) * (weight.ndim - 1))
    return single(weight * factor)


def _shifted(
    op: Conv | ConvTranspose | Linear, scale: np.ndarray, offset: np.ndarray
) -> Tensor | None:
    if op.bias is None and not np.any(offset):
        return None
    bias = 0.0 if op.bias is None else op.bias.array.astype(np.float64)
    return single(bias * scale + offset)


RULE = Rule(name="fold-affine-back", exact=True, match=match)
