"""Two convolutions with nothing in between, one of them with a single tap, become one: exact.

A 1x1 convolution behind another is a product of matrices with its weights: depthwise and pointwise
convolutions without an activation between them are one dense convolution. So is a 1x1 convolution
in front, unless its bias meets the zeros of the other's padding. Nothing is rounded in between. It
is done where it takes no more cycles and no more weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.graph import Conv, GraphOp
from mxdeploy.stages.s2_legalize.arrange.costs import convolution_cost
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule

Doubles = NDArray[np.float64]


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution that alone reads a convolution; together they need no more weights."""
    return merged_edit(graph, node, more_weights=False)


def merged_edit(graph: Graph, node: Node, *, more_weights: bool) -> Edit | None:
    """``node`` and the convolution in front of it as one, if that needs no more cycles."""
    first = graph.private_source(node)
    merged = None if first is None else _merged(first.op, node.op)
    if first is None or merged is None or graph.value(first.output).declared is not None:
        return None
    new = replace(node, op=merged, inputs=first.inputs, origin=graph.origins(first, node))
    cost = convolution_cost(graph, replace(new, name=first.name))
    before = [convolution_cost(graph, n) for n in (first, node)]
    known = [c for c in before if c is not None]
    if cost is None:
        return None
    text = f"{first.name} and {node.name} are one convolution"
    if len(known) == len(before):
        both = known[0] + known[1]
        if cost.cycles > both.cycles or (cost.words > both.words) != more_weights:
            return None
        text = f"{text}: {cost.cycles} cycles instead of {both.cycles}"
    return Edit(text=text, remove=(first, node), add=(new,))


def _merged(first: GraphOp | LayerOp, second: GraphOp | LayerOp) -> Conv | None:
    if not isinstance(first, Conv) or not isinstance(second, Conv):
        return None
    if {first.groups, second.groups} != {1} or len(first.pads) != len(second.pads):
        return None
    a, b = (op.weight.array.astype(np.float64) for op in (first, second))
    bias = np.zeros(len(a)) if first.bias is None else first.bias.array.astype(np.float64)
    if _is_single(second):
        matrix = b.reshape(b.shape[:2])
        weight = np.tensordot(matrix, a, axes=1)
        shift = matrix @ bias
        strides = tuple(s * t for s, t in zip(first.strides, second.strides, strict=True))
        like = first
    elif _is_single(first) and set(first.strides) == {1} and not (np.any(bias) and _pads(second)):
        matrix = a.reshape(a.shape[:2])
        weight = np.moveaxis(np.tensordot(b, matrix, axes=(1, 0)), -1, 1)
        shift = b.reshape(*b.shape[:2], -1).sum(axis=2) @ bias
        strides = second.strides
        like = second
    else:
        return None
    if second.bias is not None:
        shift = shift + second.bias.array.astype(np.float64)
    has_bias = first.bias is not None or second.bias is not None
    return replace(
        like, weight=single(weight), bias=single(shift) if has_bias else None, strides=strides
    )


def _is_single(op: Conv) -> bool:
    return set(op.weight.shape[2:]) == {1} and not _pads(op)


def _pads(op: Conv) -> bool:
    return any(op.pads)


RULE = Rule(name="merge-convolutions", exact=True, match=match)
