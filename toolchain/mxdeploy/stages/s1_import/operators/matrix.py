"""Gemm and MatMul with a constant matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ops.graph import Conv, Linear, Reshape
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    single,
    tensor,
)

_MATRIX_RANK = 2


def gemm(view: NodeView) -> Reading:
    """Gemm: alpha * A @ B + beta * C with constant B and C."""
    if view.get_int("transA", 0):
        raise NotReadableError("its first matrix is transposed (transA)")
    matrix = view.weight(1)
    weight = matrix if view.get_int("transB", 0) else matrix.T
    shape = view.known_shape()
    if shape is not None and shape != weight.shape[1:]:
        raise view.disagree(f"a matrix of {list(matrix.shape)} with {list(shape)}")
    weight = _times(view, weight, "alpha")
    bias = view.optional_weight(2)
    if bias is not None:
        if bias.size != 1 and bias.shape not in ((len(weight),), (1, len(weight))):
            raise NotReadableError(f"its constant C has shape {list(bias.shape)}")
        bias = np.broadcast_to(_times(view, bias, "beta").reshape(-1), (len(weight),))
    return single(Linear(weight=tensor(weight), bias=None if bias is None else tensor(bias)))


def _times(view: NodeView, array: NDArray[np.float32], factor: str) -> NDArray[np.float32]:
    """``array`` times the attribute ``factor``."""
    with np.errstate(invalid="ignore"):  # zero times infinity is found below
        scaled = array.astype(np.float64) * view.get_float(factor, 1.0)
    return view.finite(scaled, f"{factor} times its constant")


def matmul(view: NodeView) -> Reading:
    """MatMul of a vector (per image), or of the last axis, with a constant matrix."""
    if view.constant(1) is None:
        if view.constant(0) is None:
            raise NotReadableError("a matrix product of two computed values")
        return _constant_on_the_left(view)
    matrix = _without_leading_ones(view, 1)
    shape = view.known_shape()
    if shape is not None and shape[-1:] != matrix.shape[:1]:
        raise view.disagree(f"a matrix of {list(matrix.shape)} with {list(shape)}")
    if matrix.ndim == 1:  # the axis vanishes
        steps = (
            Step(op=Linear(weight=tensor(matrix[None]), bias=None), shape=(*view.shape()[:-1], 1)),
            Step(op=Reshape(shape=view.out_shape())),
        )
        return Reading(inputs=(0,), steps=steps)
    return single(Linear(weight=tensor(matrix.T), bias=None))


def _without_leading_ones(view: NodeView, index: int) -> NDArray[np.float32]:
    """The constant matrix, or vector, of a product: batches of one are dropped."""
    matrix = view.weight(index)
    other = view.full_shape(1 - index)
    while matrix.ndim > _MATRIX_RANK and matrix.shape[0] == 1 and matrix.ndim <= len(other):
        matrix = matrix[0]
    if not 1 <= matrix.ndim <= _MATRIX_RANK:
        raise NotReadableError(f"its constant has shape {list(matrix.shape)}, not a matrix")
    return matrix


def _constant_on_the_left(view: NodeView) -> Reading:
    """A matrix times (channels, length): a convolution of size 1 along the length."""
    shape = view.shape(1)
    matrix = _without_leading_ones(view, 0)
    if len(shape) != _MATRIX_RANK or matrix.ndim != _MATRIX_RANK:
        raise NotReadableError(f"a matrix on the left of a value of shape {list(shape)}")
    if matrix.shape[1] != shape[0]:
        raise view.disagree(f"a matrix of {list(matrix.shape)} with {list(shape)}")
    return single(
        Conv(
            weight=tensor(matrix[:, :, None]),
            bias=None,
            pads=(0, 0),
            strides=(1,),
            dilations=(1,),
            groups=1,
        ),
        1,
    )


READERS = {"Gemm": gemm, "MatMul": matmul}
