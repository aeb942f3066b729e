"""From accumulators to 8-bit data: bias, shift with rounding, saturation, activation."""

from __future__ import annotations

import numpy as np

from mxdeploy.arith.arrays import DATA_MAX, DATA_MIN, Int8Array, Int32Array

FRACTION_BITS = 7
"""An accumulator has seven more fraction bits than data: 128 counts as 1."""


def add_bias(sums: Int32Array, bias: Int8Array) -> Int32Array:
    """Add ``bias << 7`` per channel: (..., channels, rows, columns) and (channels,)."""
    return sums + (bias.astype(np.int32) << FRACTION_BITS)[:, np.newaxis, np.newaxis]


def rescale(sums: Int32Array, shift: int) -> Int8Array:
    """``floor(sums * 2**shift / 128 + 1/2)``, saturated: exact halves go up.

    Args:
        sums: accumulators.
        shift: positive to the left, -15..15 on the chip.
    """
    right = FRACTION_BITS - shift
    if right > 0:
        return saturate((sums + (1 << (right - 1))) >> right)
    # Saturating first changes nothing (whatever leaves the range stays out) and cannot overflow.
    return saturate(saturate(sums).astype(np.int32) << -right)


def saturate(values: Int32Array) -> Int8Array:
    """Clip to -128..127."""
    return np.clip(values, DATA_MIN, DATA_MAX).astype(np.int8)


def relu(data: Int8Array) -> Int8Array:
    """Negative values become zero."""
    return np.maximum(data, 0)


def absolute(data: Int8Array) -> Int8Array:
    """Magnitude; that of -128 saturates to 127."""
    return saturate(np.abs(data.astype(np.int32)))
