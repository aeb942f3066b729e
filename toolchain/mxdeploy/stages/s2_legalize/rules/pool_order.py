"""What follows a pooling moves in front of it: exact.

Relu and Clip never decrease, so they may be applied before a maximum is taken; an affine function
per channel may be applied before an average without padding, and before a maximum when its
factors are positive; anything may be where single elements are taken out. In front of the pooling
they belong to the layer that computes the map: an affine function only if it becomes part of the
weights there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import (
    Affine,
    Clip,
    Conv,
    ConvTranspose,
    LayerFunction,
    Linear,
    Pooling,
    Relu,
)
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_FOLDS = (Affine, Conv, ConvTranspose, Linear, Pooling)
"""Operators that an affine function becomes part of, at once or further in front."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Relu, Clip or Affine that alone reads a pooling of a computed value."""
    pool = graph.private_source(node)
    source = None if pool is None else graph.source(pool)
    if pool is None or not isinstance(pool.op, Pooling) or source is None:
        return None
    if graph.only_reader(pool.inputs[0]) is not pool or not commutes(pool.op, node):
        return None
    if isinstance(node.op, Affine) and not isinstance(source.op, _FOLDS):
        return None
    before = graph.value(pool.inputs[0])
    middle = Value(
        name=graph.new_name(f"{node.output}.before_pool"),
        shape=before.shape,
        origin=graph.value(node.output).origin,
        declared=graph.value(node.output).declared,
    )
    return Edit(
        text=f"{node.name} is applied before {pool.name}",
        remove=(pool, node),
        add=(
            replace(node, inputs=pool.inputs, output=middle.name),
            replace(pool, inputs=(middle.name,), output=node.output),
        ),
        values=(middle,),
    )


def commutes(pool: Pooling, node: Node) -> bool:
    """Whether the function of ``node`` may be applied before or after ``pool`` alike."""
    if set(pool.size) == {1} and not any(pool.pads):
        return isinstance(node.op, LayerFunction)
    if isinstance(node.op, Relu | Clip):
        return not pool.average
    if not isinstance(node.op, Affine):
        return False
    if pool.average:
        return not any(pool.pads) and not pool.ceil_mode
    return bool(np.all(node.op.scale.array.astype(np.float64) > 0))


RULE = Rule(name="move-before-pool", exact=True, match=match)
