"""Convolutions and matrix products: data and weights in, 32-bit accumulators out.

All convolutions are correlations (the kernel is not flipped) with stride 1.
"""

from __future__ import annotations

import numpy as np

from mxdeploy.arith.arrays import FloatArray, Int8Array, Int32Array
from mxdeploy.arith.products import PreparedWeights, exact_product, prepare_weights

_UNFOLDED = 1 << 22
"""Values that are unfolded at a time: the memory that a convolution needs stays small."""


def conv2d(
    data: Int8Array, weights: Int8Array | PreparedWeights, *, pad: tuple[int, int] = (0, 0)
) -> Int32Array:
    """Two-dimensional convolution with zero padding.

    Args:
        data: (..., channels, rows, columns).
        weights: (outputs, channels, kernel rows, kernel columns), or the same prepared once.
        pad: zero rows above and below, zero columns left and right.

    Returns:
        (..., outputs, rows + 2 pad - kernel rows + 1, columns + 2 pad - kernel columns + 1).
    """
    prepared = weights if isinstance(weights, PreparedWeights) else prepare_weights(weights)
    *leading, channels, rows, columns = data.shape
    kernel_rows, kernel_columns = prepared.kernel
    size = (rows + 2 * pad[0] - kernel_rows + 1, columns + 2 * pad[1] - kernel_columns + 1)
    inputs = channels * kernel_rows * kernel_columns
    if inputs != prepared.matrix.shape[1] or min(size) < 1:
        raise ValueError(
            f"data {data.shape} with pad {pad} do not fit weights for {prepared.matrix.shape[1]} "
            f"inputs of kernel {prepared.kernel}"
        )
    padded = data
    if pad != (0, 0):
        padded = np.zeros((*leading, channels, rows + 2 * pad[0], columns + 2 * pad[1]), np.int8)
        padded[..., pad[0] : pad[0] + rows, pad[1] : pad[1] + columns] = data
    sums = np.empty((*leading, prepared.outputs, *size), np.int32)
    step = max(1, _UNFOLDED // (inputs * size[1]))
    for first in range(0, size[0], step):
        part = sums[..., first : first + step, :]
        unfolded = _unfold(padded[..., first : first + step + kernel_rows - 1, :], prepared)
        part[:] = exact_product(prepared, unfolded).reshape(part.shape)
    return sums


def conv1d(data: Int8Array, weights: Int8Array, *, pad: int = 0) -> Int32Array:
    """One-dimensional convolution: (..., channels, length), (outputs, channels, taps)."""
    return conv2d(data[..., np.newaxis], weights[..., np.newaxis], pad=(pad, 0))[..., 0]


def conv_transpose2d(
    data: Int8Array, weights: Int8Array | PreparedWeights, *, pad: tuple[int, int] = (1, 1)
) -> Int32Array:
    """Transposed 3x3 convolution with stride 2, as the chip computes it.

    A zero follows every column and a row of zeros follows every row; then comes a plain 3x3
    convolution.

    Args:
        data: (..., channels, rows, columns).
        weights: (outputs, channels, 3, 3), already flipped in both directions with respect to the
            framework's kernel.
        pad: the chip's padding, 2 - the framework's.
    """
    *leading, rows, columns = data.shape
    stuffed = np.zeros((*leading, 2 * rows, 2 * columns), np.int8)
    stuffed[..., ::2, ::2] = data
    return conv2d(stuffed, weights, pad=pad)


def linear(data: Int8Array, weights: Int8Array) -> Int32Array:
    """Fully connected: (..., inputs) and (outputs, inputs) to (..., outputs)."""
    kernel = weights[..., np.newaxis, np.newaxis]
    return conv2d(data[..., np.newaxis, np.newaxis], kernel)[..., 0, 0]


def _unfold(padded: Int8Array, weights: PreparedWeights) -> FloatArray:
    """Columns (..., channels * taps, pixels) of padded data, in the weights' type."""
    *leading, channels, rows, columns = padded.shape
    kernel_rows, kernel_columns = weights.kernel
    size = (rows - kernel_rows + 1, columns - kernel_columns + 1)
    taps: FloatArray = np.empty(
        (*leading, channels, kernel_rows, kernel_columns, *size), weights.matrix.dtype
    )
    for row in range(kernel_rows):
        for column in range(kernel_columns):
            taps[..., row, column, :, :] = padded[
                ..., row : row + size[0], column : column + size[1]
            ]
    return taps.reshape(*leading, channels * kernel_rows * kernel_columns, size[0] * size[1])
