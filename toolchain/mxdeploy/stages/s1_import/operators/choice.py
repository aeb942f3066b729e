"""Operators that compare all elements along an axis: what may stand at the end of a network."""

from __future__ import annotations

import math

import numpy as np

from mxdeploy.ops.graph import Affine, ArgMax, LogSoftmax, Softmax, TopK
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    single,
    tensor,
)

_SOFTMAX_ALONG_AXIS = 13
"""From this operator set on Softmax works along one axis; before, on a flattened matrix."""


def _softmax_axis(view: NodeView) -> int:
    old = view.opset < _SOFTMAX_ALONG_AXIS
    axis = view.axis("axis", 1 if old else -1)
    shape = view.shape()
    if old and axis != len(shape) - 1 and math.prod(shape[axis + 1 :]) != 1:
        raise NotReadableError(f"a {view.node.op_type} over several axes")
    return axis


def softmax(view: NodeView) -> Reading:
    """Softmax along one axis."""
    return single(Softmax(axis=_softmax_axis(view)))


def log_softmax(view: NodeView) -> Reading:
    """LogSoftmax along one axis."""
    return single(LogSoftmax(axis=_softmax_axis(view)))


def _index(view: NodeView) -> ArgMax:
    return ArgMax(axis=view.axis("axis", 0), last=bool(view.get_int("select_last_index", 0)))


def arg_max(view: NodeView) -> Reading:
    """ArgMax along one axis."""
    return single(_index(view))


def arg_min(view: NodeView) -> Reading:
    """ArgMin along one axis: ArgMax of the negative."""
    minus = Affine(scale=tensor(np.array(-1)), offset=tensor(np.array(0)))
    steps = (Step(op=minus, shape=view.shape()), Step(op=_index(view)))
    return Reading(inputs=(0,), steps=steps)


def top_k(view: NodeView) -> Reading:
    """TopK along one axis: values and positions, in order also where any order would do."""
    axis, shape = view.axis("axis", -1), view.shape()
    given = view.integers(1, "k") if view.has(1) else (view.get_int("k", 1),)
    if given is None or len(given) != 1 or not 1 <= given[0] <= shape[axis]:
        raise view.disagree(f"{given} elements of {list(shape)} along axis {axis + 1}")
    largest = bool(view.get_int("largest", 1))
    values, indices = (
        Step(op=TopK(axis=axis, count=given[0], indices=positions, largest=largest))
        for positions in (False, True)
    )
    return Reading(inputs=(0,), steps=(values,), further=((indices,),))


READERS = {
    "Softmax": softmax,
    "LogSoftmax": log_softmax,
    "ArgMax": arg_max,
    "ArgMin": arg_min,
    "TopK": top_k,
}
