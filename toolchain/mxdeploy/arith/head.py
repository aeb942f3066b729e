"""The steps in front of the network (``ops/head.py``) on real numbers, and quantization.

All in single precision, operation by operation, so that the generated C code gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.arrays import DATA_MAX, DATA_MIN, Int8Array
from mxdeploy.ops.head import (
    Clip,
    HeadFunction,
    HeadMove,
    HeadOp,
    Pad,
    PerElement,
    Reshape,
    ShiftedCopies,
    SpaceToDepth,
    Transpose,
)

Floats = NDArray[np.float32]


def apply_head(head: Sequence[HeadOp], x: Floats) -> Floats:
    """Apply the steps to a batch.

    Args:
        head: the steps, in order.
        x: float32 (n, *shape of the model's input).

    Returns:
        float32 (n, *shape of the network's input).
    """
    for op in head:
        x = _changed(op, x) if isinstance(op, HeadFunction) else moved(op, x)
    return x


def quantized_input(x: Floats, scale: float) -> Int8Array:
    """Integers of the network's input: ``clip(round(x / scale), -128, 127)``, same shape.

    Single precision; halves round to even.
    """
    steps = np.round(x.astype(np.float32) / np.float32(scale))
    return np.clip(steps, DATA_MIN, DATA_MAX).astype(np.int8)


def _changed(op: HeadFunction, x: Floats) -> Floats:
    if isinstance(op, Clip):
        return np.clip(x, np.float32(op.low), np.float32(op.high))
    if isinstance(op, PerElement):
        x = x if op.scale is None else x * op.scale.array.astype(np.float32)
        return x if op.offset is None else x + op.offset.array.astype(np.float32)
    return x * _per_channel(op.scale.array, x) + _per_channel(op.offset.array, x)


def moved(op: HeadMove, x: NDArray[Any]) -> NDArray[Any]:
    """Elements in other places, and zeros put in; ``x`` has the batch in front."""
    match op:
        case Transpose():
            return x.transpose(0, *(axis + 1 for axis in op.axes))
        case Reshape():
            return x.reshape(len(x), *op.after)
        case Pad(pads=(top, left, bottom, right)):
            return _padded(x, ((0, 0), (0, 0), (top, bottom), (left, right))[: x.ndim])
        case SpaceToDepth():
            return _space_to_depth(op, x)
        case ShiftedCopies():
            return np.concatenate([_shifted(x, dy, dx) for dy, dx in op.offsets], axis=1)


def _padded(x: NDArray[Any], pads: tuple[tuple[int, int], ...]) -> NDArray[Any]:
    """Zeros put in, or elements taken away where the amount is negative."""
    grown = np.pad(x, tuple((max(0, before), max(0, after)) for before, after in pads))
    kept = zip(pads, grown.shape, strict=True)
    return grown[tuple(slice(max(0, -before), n - max(0, -after)) for (before, after), n in kept)]


def _per_channel(array: NDArray[np.generic], x: Floats) -> Floats:
    flat = array.astype(np.float32)
    return flat.reshape(-1, *(1,) * (x.ndim - 2)) if flat.ndim else flat


def _space_to_depth(op: SpaceToDepth, x: NDArray[Any]) -> NDArray[Any]:
    high, wide = op.block
    every = slice(None)
    parts = [
        x[(every, every, slice(row, None, high), slice(column, None, wide))[: x.ndim]]
        for row in range(high)
        for column in range(wide)
    ]
    return np.concatenate(parts, axis=1)


def _shifted(x: NDArray[Any], dy: int, dx: int) -> NDArray[Any]:
    """``out[..., y, x] = in[..., y + dy, x + dx]``, zero outside."""
    result = np.zeros_like(x)
    shifts = (dy, dx)[: x.ndim - 2]
    to = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(shifts, x.shape[2:], strict=True))
    source = tuple(
        slice(max(0, s), n - max(0, -s)) for s, n in zip(shifts, x.shape[2:], strict=True)
    )
    if all(s.start < s.stop for s in to):
        result[:, :, *to] = x[:, :, *source]
    return result
