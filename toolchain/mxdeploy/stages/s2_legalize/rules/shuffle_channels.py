"""Channels that are shuffled between groups are selected in another order: exact.

A channel shuffle is written as Reshape (groups x channels per group), Transpose of the two, and
Reshape back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.joins import only_host_follows
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import select


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshape of a Transpose of a Reshape that together only move whole channels."""
    transpose = graph.private_source(node)
    split = graph.private_source(transpose) if transpose is not None else None
    if transpose is None or split is None or only_host_follows(graph, node.output):
        return None
    if not isinstance(node.op, Reshape) or not isinstance(split.op, Reshape):
        return None
    before, after = graph.shape(split.inputs[0]), graph.shape(node.output)
    if not isinstance(transpose.op, Transpose) or not before or before[1:] != after[1:]:
        return None
    channels = _order(before, split.op.shape, transpose.op.axes)
    new = None if channels is None else select(before, channels)
    if new is None:
        return None
    origin = graph.origins(split, transpose, node)
    return Edit(
        text="channels are selected in another order",
        remove=(split, transpose, node),
        add=(replace(node, op=new, inputs=split.inputs, origin=origin),),
    )


def _order(before: Shape, between: Shape, axes: tuple[int, ...]) -> list[int] | None:
    """Which channel comes where; None when elements leave their channels."""
    elements = np.arange(int(np.prod(before))).reshape(between).transpose(axes)
    elements = elements.reshape(before[0], -1)
    pixels = elements.shape[1]
    channels = elements[:, :1] // pixels
    if not (elements == channels * pixels + np.arange(pixels)).all():
        return None
    return [int(c) for c in channels[:, 0]]


RULE = Rule(name="shuffle-channels", exact=True, match=match)
