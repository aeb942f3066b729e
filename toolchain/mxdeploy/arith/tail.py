"""The steps behind the network (``ops/tail.py``) on batches: the reference for the C code.

Single precision, operation by operation, sums in the order of the elements: the C code gives the
same bits. Arrays have the batch in front: (n, *shape).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.functions import exponential, hyperbolic_tangent, logarithm, logistic
from mxdeploy.ops import graph as ops
from mxdeploy.ops.tail import (
    TailChoice,
    TailCombination,
    TailFunction,
    TailMove,
    TailOp,
    TailSoftmax,
    TailStep,
)

Floats = NDArray[np.float32]
Reals = NDArray[np.float32] | NDArray[np.int32]
"""Single-precision numbers, or the integers of operators that give positions."""

_ZERO, _ONE = np.float32(0), np.float32(1)


def dequantized(integers: NDArray[np.generic], scale: float, shape: Sequence[int]) -> Floats:
    """The real values of a chip's output (n, C, H, W), in the network's ``shape``."""
    real = integers.astype(np.float32) * np.float32(scale)
    return real.reshape(len(integers), *shape)


def apply_tail(tail: Sequence[TailStep], outputs: Mapping[str, Reals]) -> dict[str, Reals]:
    """Every value of the tail, and the network's outputs themselves.

    Args:
        tail: the steps, in order.
        outputs: the network's outputs as real numbers, (n, *shape in the network).
    """
    values = dict(outputs)
    for step in tail:
        first, *others = (values[name] for name in step.inputs)
        result = _applied(step.op, first, others)
        values[step.output] = result.reshape(len(first), *step.shape)
    return values


def _applied(op: TailOp, x: Reals, others: list[Reals]) -> Reals:
    if isinstance(op, TailMove):
        return moved(op, x, others)
    real = x.astype(np.float32)
    if isinstance(op, TailFunction):
        return _function(op, real)
    if isinstance(op, TailChoice):
        return _chosen(op, real)
    if isinstance(op, TailCombination):
        function = np.multiply if isinstance(op, ops.Multiply) else _PAIRS[op.function]
        return reduce(function, [o.astype(np.float32) for o in others], real)
    return _softmax(op, real)


_PAIRS = {"add": np.add, "sub": np.subtract}


def moved(op: TailMove, x: NDArray[Any], others: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Elements in other places; arrays have the batch in front."""
    match op:
        case ops.Concat():
            return np.concatenate([x, *others], axis=op.axis + 1)
        case ops.Slice():
            kept = slice(op.start, op.stop, op.step)
            return x[(slice(None),) * (op.axis + 1) + (kept,)]
        case ops.Transpose():
            return x.transpose(0, *(axis + 1 for axis in op.axes))
        case ops.Upsample():
            for axis, factor in enumerate(op.factors):
                x = x.repeat(factor, axis=axis + 2)
            return x
        case ops.Reshape():
            return x


def _function(op: TailFunction, x: Floats) -> Floats:
    match op:
        case ops.Sigmoid():
            return logistic(x)
        case ops.Tanh():
            return hyperbolic_tangent(x)
        case ops.Exp():
            return exponential(x)
        case _:
            return _simple(op, x)


def _simple(op: ops.LayerFunction | ops.HardSigmoid | ops.PerElement, x: Floats) -> Floats:
    match op:
        case ops.Relu():
            return np.where(x < _ZERO, _ZERO, x)
        case ops.Abs():
            return np.abs(x)
        case ops.Clip():
            return _bounded(x, np.float32(op.low), np.float32(op.high))
        case ops.HardSigmoid():
            return _bounded(x * np.float32(op.alpha) + np.float32(op.beta), _ZERO, _ONE)
        case ops.PerElement():
            x = x if op.scale is None else x * op.scale.array.astype(np.float32)
            return x if op.offset is None else x + op.offset.array.astype(np.float32)
        case ops.Affine():
            scale, offset = (t.array.astype(np.float32) for t in (op.scale, op.offset))
            axes = (-1, *(1,) * (x.ndim - 2))
            return x * scale.reshape(axes) + offset.reshape(axes)


def _bounded(x: Floats, low: np.float32, high: np.float32) -> Floats:
    return np.where(x < low, low, np.where(x > high, high, x))


def _softmax(op: TailSoftmax, x: Floats) -> Floats:
    rows = np.moveaxis(x, op.axis + 1, 0)
    shifted = rows - _running(rows, "max")
    powers = exponential(shifted)
    total = _running(powers, "sum")
    result = powers / total if isinstance(op, ops.Softmax) else shifted - logarithm(total)
    return np.moveaxis(result, 0, op.axis + 1)


def _running(rows: Floats, function: str) -> Floats:
    """The rows combined one after the other."""
    total: Floats = rows[0]
    for row in rows[1:]:
        if function == "sum":
            total = total + row
        else:
            total = np.where(row > total if function == "max" else row < total, row, total)
    return total


def _chosen(op: TailChoice, x: Floats) -> Reals:
    rows = np.moveaxis(x, op.axis + 1, 0)
    match op:
        case ops.ArgMax():
            place = len(rows) - 1 - rows[::-1].argmax(axis=0) if op.last else rows.argmax(axis=0)
            return np.asarray(place, np.int32)
        case ops.Reduce(function="mean"):
            return _running(rows, "sum") / np.float32(len(rows))
        case ops.Reduce():
            return _running(rows, op.function)
        case ops.TopK():
            order = np.argsort(-rows if op.largest else rows, axis=0, kind="stable")[: op.count]
            found = (
                order.astype(np.int32) if op.indices else np.take_along_axis(rows, order, axis=0)
            )
            return np.moveaxis(found, 0, op.axis + 1)
