"""A transposed convolution with stride 1 is an ordinary one: exact.

Its kernel is turned around, and of its padding what is missing to ``kernel - 1`` is put in.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """ConvTranspose of one group with stride 1."""
    op = node.op
    if not isinstance(op, ConvTranspose) or op.groups != 1 or set(op.strides) != {1}:
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if not before or not after:
        return None
    reach = [d * (k - 1) for k, d in zip(op.weight.shape[2:], op.dilations, strict=True)]
    begins = tuple(r - p for r, p in zip(reach, op.pads, strict=False))
    ends = tuple(
        m + r - n - b for n, m, r, b in zip(before[1:], after[1:], reach, begins, strict=True)
    )
    weight = op.weight.array.swapaxes(0, 1)
    turned = np.flip(weight, axis=tuple(range(2, weight.ndim)))
    conv = Conv(
        weight=Tensor(turned),
        bias=op.bias,
        pads=(*begins, *ends),
        strides=op.strides,
        dilations=op.dilations,
        groups=1,
    )
    return Edit(
        text=f"stride 1: a convolution with the kernel turned around, padding {list(conv.pads)}",
        remove=(node,),
        add=(replace(node, op=conv),),
    )


RULE = Rule(name="transposed-as-convolution", exact=True, match=match)
