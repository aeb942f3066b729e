"""A transposed convolution with stride 4, 8 ... is done in steps: exact.

A transposed convolution puts zeros between the pixels and convolves. The chip puts one zero behind
each: a layer with one tap per channel does just that, and half of the stride is left.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ConvTranspose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_STRIDE = limits.TRANSPOSED_STRIDE.value


def match(graph: Graph, node: Node) -> Edit | None:
    """ConvTranspose of one group with the same stride in all directions, a multiple of 4."""
    op = node.op
    if not isinstance(op, ConvTranspose) or op.groups != 1 or len(set(op.strides)) != 1:
        return None
    stride = op.strides[0]
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if stride % (2 * _STRIDE) or not before or not after:
        return None
    axes, channels = len(op.strides), before[0]
    spread = replace(
        graph.value(node.inputs[0]),
        name=graph.new_name(f"{node.output}.spread"),
        shape=(channels, *(_STRIDE * n for n in before[1:])),
        origin=node.name,
    )
    first = ConvTranspose(
        weight=Tensor(np.eye(channels, dtype=np.float32).reshape(channels, channels, *(1,) * axes)),
        bias=None,
        pads=(0,) * 2 * axes,
        strides=(_STRIDE,) * axes,
        dilations=(1,) * axes,
        output_padding=(_STRIDE - 1,) * axes,
        groups=1,
    )
    name = graph.new_node_name(f"{node.name}.spread")
    return Edit(
        text=f"stride {stride}: a layer puts a zero behind every pixel, stride {stride // _STRIDE} "
        "is left",
        remove=(node,),
        add=(
            replace(node, name=name, op=first, output=spread.name),
            replace(node, op=_half(op, spread.shape[1:], after[1:]), inputs=(spread.name,)),
        ),
        values=(spread,),
    )


def _half(op: ConvTranspose, size: tuple[int, ...], outputs: tuple[int, ...]) -> ConvTranspose:
    """The same with half the stride over a map that has the other half's zeros."""
    stride = op.strides[0] // _STRIDE
    begins = op.pads[: len(size)]
    beyond = [
        stride * (n - 1) + d * (k - 1) + 1 - b - m
        for n, k, d, b, m in zip(
            size, op.weight.shape[2:], op.dilations, begins, outputs, strict=True
        )
    ]
    return replace(
        op,
        strides=(stride,) * len(size),
        pads=(*begins, *(max(0, b) for b in beyond)),
        output_padding=tuple(max(0, -b) for b in beyond),
    )


RULE = Rule(name="transposed-in-steps", exact=True, match=match)
