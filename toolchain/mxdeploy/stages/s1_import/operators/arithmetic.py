"""Add, Sub, Mul, Div, Neg, Sum, Mean and BatchNormalization.

With a constant they are affine functions per channel; with two computed values, element-wise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ops.graph import Affine, Elementwise, Multiply, PerElement, Transpose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    single,
    tensor,
)

Floats = NDArray[np.float32]


def _elementwise(view: NodeView, function: str) -> Reading:
    computed = view.computed()
    shapes = {view.full_shape(i) for i in computed}
    if len(shapes) > 1:
        text = " and ".join(str(list(s)) for s in sorted(shapes))
        raise NotReadableError(f"operands of different shapes, {text}")
    return single(Elementwise(function=function), *computed)


def _affine(view: NodeView, scale: Floats, offset: Floats) -> Reading:
    """An affine function whose parameters broadcast against the value."""
    index = view.computed()[0]
    both = np.broadcast_arrays(scale, offset)
    known = view.known_shape(index)
    if known is not None and both[0].ndim > len(known) + 1:
        raise NotReadableError(f"a constant of shape {list(both[0].shape)} that adds axes")
    if both[0].size == 1:
        op = Affine(scale=tensor(both[0].reshape(())), offset=tensor(both[1].reshape(())))
        return single(op, index)
    full = view.full_shape(index)
    padded = [b.reshape((1,) * (len(full) - b.ndim) + b.shape) for b in both]
    axes = [a for a, n in enumerate(padded[0].shape) if n != 1]
    if any(padded[0].shape[a] != full[a] for a in axes):
        raise NotReadableError(f"a constant of shape {list(both[0].shape)} for {list(full)}")
    if padded[0].shape[0] != 1:
        raise NotReadableError("a constant that differs along the batch")
    if len(axes) > 1:
        return single(_per_element(padded[0][0], padded[1][0]), index)
    op = Affine(scale=tensor(padded[0].reshape(-1)), offset=tensor(padded[1].reshape(-1)))
    return _along_axis(op, index, full[1:], axes[0] - 1)


def _per_element(scale: Floats, offset: Floats) -> PerElement:
    return PerElement(
        scale=None if (scale == 1).all() else tensor(scale),
        offset=None if (offset == 0).all() else tensor(offset),
    )


def _along_axis(op: Affine, index: int, shape: tuple[int, ...], axis: int) -> Reading:
    """``op`` per element of ``axis``: that axis is brought to the front and back."""
    if axis == 0:
        return single(op, index)
    there = (axis, *(a for a in range(len(shape)) if a != axis))
    back = tuple(there.index(a) for a in range(len(shape)))
    moved = tuple(shape[a] for a in there)
    steps = (
        Step(op=Transpose(axes=there), shape=moved),
        Step(op=op, shape=moved),
        Step(op=Transpose(axes=back)),
    )
    return Reading(inputs=(index,), steps=steps)


def _ones(like: Floats) -> Floats:
    return np.ones_like(like)


def add(view: NodeView) -> Reading:
    """Add."""
    computed = view.computed()
    if len(computed) != 1:
        return _elementwise(view, "add")
    constant = view.weight(1 - computed[0])
    return _affine(view, _ones(constant), constant)


def subtract(view: NodeView) -> Reading:
    """Sub, constant on either side."""
    computed = view.computed()
    if len(computed) != 1:
        return _elementwise(view, "sub")
    constant = view.weight(1 - computed[0])
    if computed[0] == 0:
        return _affine(view, _ones(constant), -constant)
    return _affine(view, -_ones(constant), constant)


def multiply(view: NodeView) -> Reading:
    """Mul by a constant, or of computed values."""
    computed = view.computed()
    if len(computed) != 1:
        shapes = [view.known_shape(i) for i in computed]
        if len(set(shapes)) > 1:
            text = " and ".join(str(list(s or ())) for s in shapes)
            raise NotReadableError(f"a product of two computed values of shapes {text}")
        return single(Multiply(), *computed)
    constant = view.weight(1 - computed[0])
    return _affine(view, constant, np.zeros_like(constant))


def divide(view: NodeView) -> Reading:
    """Div by a constant."""
    if view.computed() != (0,):
        raise NotReadableError("a division by a computed value")
    value = view.node.inputs[1]
    with np.errstate(divide="ignore"):
        inverse = np.float32(1) / view.weight(1)
    name = "" if value is None else value.name or ""
    constant = view.finite(inverse, f"1 / {name}")
    return _affine(view, constant, np.zeros_like(constant))


def negate(view: NodeView) -> Reading:
    """Neg."""
    return _affine(view, np.array([-1], np.float32), np.array([0], np.float32))


def total(view: NodeView) -> Reading:
    """Sum of computed values and constants."""
    return _sum(view, 1)


def mean(view: NodeView) -> Reading:
    """Mean of computed values and constants: their sum, divided by their number."""
    return _sum(view, len(view.node.inputs))


def _sum(view: NodeView, count: int) -> Reading:
    """The sum of all inputs divided by ``count``: element-wise, then affine."""
    computed = view.computed()
    constants = [view.weight(i) for i in range(len(view.node.inputs)) if i not in computed]
    together = _elementwise(view, "add") if len(computed) > 1 else Reading(inputs=(0,), steps=())
    if not constants and count == 1:
        return together
    offset = np.sum(np.broadcast_arrays(*constants), axis=0) if constants else np.zeros(())
    scale = np.full_like(offset, 1 / count, dtype=np.float32)
    affine = _affine(view, scale, np.asarray(offset / count, np.float32))
    if len(computed) == 1:
        return affine
    steps = tuple(replace(s, shape=view.out_shape()) for s in together.steps)
    return Reading(inputs=together.inputs, steps=(*steps, *affine.steps))


def batch_normalization(view: NodeView) -> Reading:
    """BatchNormalization with fixed statistics: ``(x - mean) / sqrt(var + eps) * gamma + beta``."""
    if view.get_int("training_mode", 0):
        raise NotReadableError("it is in training mode: export after model.eval()")
    gamma, beta, mean, variance = (view.weight(i).astype(np.float64) for i in range(1, 5))
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = gamma / np.sqrt(variance + view.get_float("epsilon", 1e-5))
    scaled = view.finite(scale, "gamma / sqrt(variance + epsilon)")
    offset = view.finite(beta - mean * scale, "beta - mean * gamma / sqrt(variance + epsilon)")
    shape = view.known_shape()
    if shape is not None and scaled.shape != shape[:1]:
        raise view.disagree(f"parameters of {list(scaled.shape)} with {list(shape)}")
    return single(Affine(scale=tensor(scaled), offset=tensor(offset)))


READERS = {
    "Add": add,
    "Sub": subtract,
    "Mul": multiply,
    "Div": divide,
    "Neg": negate,
    "Sum": total,
    "Mean": mean,
    "BatchNormalization": batch_normalization,
}
