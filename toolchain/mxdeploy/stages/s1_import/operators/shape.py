"""Operators that move data or give it another shape, and those that do nothing at inference."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mxdeploy.ops.graph import Concat, Pad, Reshape, Transpose
from mxdeploy.stages.s1_import.node_view import NodeView, NotReadableError, Reading, single

_DROPOUT_TRAINING_INPUT = 2


def nothing(_view: NodeView) -> Reading:
    """Identity."""
    return Reading(inputs=(0,), steps=())


def dropout(view: NodeView) -> Reading:
    """Dropout, which does nothing at inference."""
    training = view.constant(_DROPOUT_TRAINING_INPUT)
    if view.has(_DROPOUT_TRAINING_INPUT) and (training is None or bool(np.any(training))):
        raise NotReadableError("it is in training mode: export after model.eval()")
    return nothing(view)


def cast(view: NodeView) -> Reading:
    """Cast to a floating-point type."""
    target = ir.DataType(view.get_int("to", int(ir.DataType.FLOAT)))
    if not target.is_floating_point():
        raise NotReadableError(f"a conversion to {target.name}")
    return Reading(inputs=(0,), steps=())


def reshape(view: NodeView) -> Reading:
    """Reshape, Flatten, Squeeze, Unsqueeze: a new shape over the same elements."""
    before, after = view.shape(), view.out_shape()
    if math.prod(before) != math.prod(after):
        raise view.disagree(f"{list(before)} has other elements than {list(after)}")
    return single(Reshape(shape=after))


def transpose(view: NodeView) -> Reading:
    """Transpose that leaves the batch axis in place."""
    rank = len(view.full_shape(0))
    permutation = view.get_ints("perm") or tuple(reversed(range(rank)))
    if permutation[0] != 0:
        raise NotReadableError("it moves the batch axis")
    return single(Transpose(axes=tuple(p - 1 for p in permutation[1:])))


def concat(view: NodeView) -> Reading:
    """Concat of computed values along any axis but the batch."""
    computed = view.computed()
    if len(computed) != len(view.node.inputs):
        raise NotReadableError("it joins computed values with constants")
    if len(computed) == 1:
        return nothing(view)
    return single(Concat(axis=view.axis("axis", 1)), *computed)


def pad(view: NodeView) -> Reading:
    """Pad with a constant."""
    mode = view.get_string("mode", "constant")
    if mode != "constant":
        raise NotReadableError(f"padding by {mode}")
    rank = len(view.full_shape(0))
    given = view.integers(1, "pads") or ()
    axes = tuple(range(rank))
    if view.has(3):
        axes = tuple(a + rank if a < 0 else a for a in view.integers(3, "axes") or ())
    begins, ends = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        begins[axis], ends[axis] = given[position], given[position + len(axes)]
    if begins[0] or ends[0]:
        raise NotReadableError("it pads the batch axis")
    constant = view.constant(2)
    value = 0.0 if constant is None else float(np.asarray(constant).reshape(-1)[0])
    return single(Pad(pads=(*begins[1:], *ends[1:]), value=value))


READERS = {
    "Identity": nothing,
    "Dropout": dropout,
    "Cast": cast,
    "Reshape": reshape,
    "Flatten": reshape,
    "Squeeze": reshape,
    "Unsqueeze": reshape,
    "Transpose": transpose,
    "Concat": concat,
    "Pad": pad,
}
