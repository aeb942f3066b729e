"""Operators that move data or give it another shape, and those that do nothing at inference."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from mxdeploy.ops.graph import Concat, Pad, Reshape, Slice, Transpose
from mxdeploy.stages.s1_import.node_view import NodeView, NotReadableError, Reading, Step, single
from mxdeploy.stages.s1_import.operators.slicing import ranges

_DROPOUT_TRAINING_INPUT = 2
_INTEGERS = (ir.DataType.INT32, ir.DataType.INT64)
"""Types of an index, e.g. the result of ArgMax."""


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
    """Cast to a floating-point type, or of integers to such that hold them."""
    source = view.node.inputs[0]
    before = ir.DataType.FLOAT if source is None or source.dtype is None else source.dtype
    target = ir.DataType(view.get_int("to", int(ir.DataType.FLOAT)))
    if not target.is_floating_point() and not (before in _INTEGERS and target in _INTEGERS):
        raise NotReadableError(f"a conversion to {target.name}")
    return nothing(view)


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
    """Pad with a constant; negative pads cut off rows and columns."""
    shape, mode = view.shape(), view.get_string("mode", "constant")
    before, after = _pads(view, len(shape) + 1)
    if before[0] or after[0]:
        raise NotReadableError("it pads the batch axis")
    begins, ends = before[1:], after[1:]
    kept = [
        Slice(axis=axis, start=max(0, -begin), stop=length + min(0, end))
        for axis, (length, begin, end) in enumerate(zip(shape, begins, ends, strict=True))
    ]
    steps = ranges(shape, kept)
    pads = tuple(max(0, p) for p in (*begins, *ends))
    if not any(pads):
        return Reading(inputs=(0,), steps=steps)
    if mode != "constant":
        raise NotReadableError(f"padding by {mode}")
    return Reading(inputs=(0,), steps=(*steps, Step(op=Pad(pads=pads, value=_pad_value(view)))))


def _pads(view: NodeView, rank: int) -> tuple[list[int], list[int]]:
    """What is added before and after every axis, the batch included."""
    given = view.integers(1, "pads") or ()
    axes = view.integers(3, "axes") if view.has(3) else None
    if axes is None:
        axes = tuple(range(rank))
    if len(given) != 2 * len(axes):
        raise view.disagree(f"{len(given)} pads for {len(axes)} axes")
    begins, ends = [0] * rank, [0] * rank
    for position, axis in enumerate(axes):
        begins[axis], ends[axis] = given[position], given[position + len(axes)]
    return begins, ends


def _pad_value(view: NodeView) -> float:
    if not view.has(2):
        return 0.0
    constant = view.constant(2)
    if constant is None or constant.size != 1:
        raise NotReadableError("the value it pads with is not a constant scalar")
    value = float(np.asarray(constant, np.float64).reshape(()))
    if math.isnan(value):
        raise NotReadableError("it pads with a value that is not a number")
    return value


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
