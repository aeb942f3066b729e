"""Which values are never negative, as the model itself says."""

from __future__ import annotations

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node, Value
from mxdeploy.ops.graph import (
    Abs,
    Affine,
    Clip,
    Concat,
    Elementwise,
    Pad,
    Pooling,
    Relu,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    Transpose,
    Upsample,
)
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s2_legalize.graph import Graph

_KEEP = (Pooling, Concat, Slice, Upsample, Reshape, Transpose)
"""Operators whose results are elements of their operands, or averages of them."""


def never_negative(graph: Graph, name: str) -> bool:
    """Whether the value called ``name`` is at least 0 for every input."""
    pending, seen = [name], {name}
    while pending:
        current = pending.pop()
        if _bounded(graph.value(current)):
            continue
        node = graph.producer(current)
        operands = None if node is None else _needed(node)
        if operands is None:
            return False
        new = [o for o in operands if o not in seen]
        seen.update(new)
        pending += new
    return True


def _bounded(value: Value) -> bool:
    if value.clip is not None and value.clip[0] >= 0:
        return True
    lowest = -(1 << limits.DATA_BITS.value - 1)
    return value.declared is not None and value.declared.zero_point <= lowest


def _needed(node: Node) -> tuple[str, ...] | None:
    """Operands that must not be negative for the result not to be; None: nothing is known."""
    op = node.op
    if isinstance(op, Relu | Abs | Sigmoid | Softmax):
        return ()
    if isinstance(op, LayerOp):
        return () if op.spec.activation is not Activation.NONE else None
    if isinstance(op, Clip) and op.low >= 0:
        return ()
    if isinstance(op, Affine):
        both = (op.scale.array.astype(np.float64), op.offset.array.astype(np.float64))
        return node.inputs if all(bool(np.all(b >= 0)) for b in both) else None
    sums = isinstance(op, Elementwise) and op.function == "add"
    pads = isinstance(op, Pad) and op.value >= 0
    return node.inputs if sums or pads or isinstance(op, _KEEP) else None
