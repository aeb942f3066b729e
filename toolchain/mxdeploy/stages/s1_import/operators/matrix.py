"""Gemm and MatMul with a constant matrix."""

from __future__ import annotations

import numpy as np

from mxdeploy.ops.graph import Linear
from mxdeploy.stages.s1_import.node_view import NodeView, NotReadableError, Reading, single, tensor

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
    weight = weight * np.float32(view.get_float("alpha", 1.0))
    bias = view.optional_weight(2)
    if bias is not None:
        scaled = bias * np.float32(view.get_float("beta", 1.0))
        if scaled.size != 1 and scaled.shape not in ((len(weight),), (1, len(weight))):
            raise NotReadableError(f"its constant C has shape {list(bias.shape)}")
        bias = np.broadcast_to(scaled.reshape(-1), (weight.shape[0],))
    return single(Linear(weight=tensor(weight), bias=None if bias is None else tensor(bias)))


def matmul(view: NodeView) -> Reading:
    """MatMul of a vector (per image) with a constant matrix."""
    if view.constant(1) is None:
        what = "two computed values" if view.constant(0) is None else "a constant on the left"
        raise NotReadableError(f"a matrix product of {what}")
    matrix = view.weight(1)
    if matrix.ndim != _MATRIX_RANK:
        raise NotReadableError(f"its constant has shape {list(matrix.shape)}, not a matrix")
    return single(Linear(weight=tensor(matrix.T), bias=None))


READERS = {"Gemm": gemm, "MatMul": matmul}
