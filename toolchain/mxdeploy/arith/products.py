"""Exact integer matrix products on floating-point hardware.

Every product of a weight and a data byte is an integer, and so is every partial sum. A float
format represents all integers up to a power of two; while no partial sum can pass it, the result
is exact whatever the order of summation. The bound depends on the weights alone: the sum of their
absolute values times 128.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mxdeploy.arith.arrays import DATA_MIN, FloatArray, Int32Array, IntegerArray

FLOAT32_EXACT = 1 << 24
"""All integers up to here are float32 numbers."""
INT32_LIMIT = 1 << 31
"""Accumulators are returned as int32; sums must stay below this magnitude."""

_BLOCK = 64
_BLOCK_PRODUCTS = (1 << 19) - 1


@dataclass(frozen=True, slots=True, eq=False)
class PreparedWeights:
    """A weight matrix in the narrowest float type that keeps its products exact.

    Attributes:
        matrix: (outputs, inputs) float32 or float64.
        kernel: rows and columns of the kernel; ``inputs`` is channels * rows * columns.
        bound: no sum of products can have a larger magnitude, whatever the data.
    """

    matrix: FloatArray
    kernel: tuple[int, int]
    bound: int

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.matrix.shape[0])


def prepare_weights(weights: IntegerArray) -> PreparedWeights:
    """Bring ``weights`` (outputs, channels, kernel rows, kernel columns) into product form.

    Raises:
        OverflowError: some data could overflow 32 bits.
    """
    outputs, _, rows, columns = weights.shape
    flat = weights.reshape(outputs, -1)
    magnitude = int(np.abs(flat.astype(np.int32)).sum(axis=1).max(initial=0))
    bound = magnitude * -DATA_MIN
    if bound >= INT32_LIMIT:
        raise OverflowError(f"weights whose magnitudes add up to {magnitude} can overflow 32 bits")
    dtype = np.dtype(np.float32 if bound < FLOAT32_EXACT else np.float64)
    matrix: FloatArray = flat.astype(dtype)
    return PreparedWeights(matrix, (int(rows), int(columns)), bound)


def exact_product(weights: PreparedWeights, columns: FloatArray) -> Int32Array:
    """``weights.matrix @ columns``, exact.

    Args:
        weights: (outputs, inputs).
        columns: (..., inputs, pixels), integers -128..127 in the weights' float type.

    Returns:
        (..., outputs, pixels) accumulators.
    """
    matrix = weights.matrix
    *leading, inputs, pixels = columns.shape
    sums: FloatArray = np.zeros((*leading, len(matrix), pixels), matrix.dtype)
    several = columns.reshape(-1, inputs, pixels)
    for one, result in zip(several, sums.reshape(-1, len(matrix), pixels), strict=True):
        _add_product(matrix, one, result)
    return sums.astype(np.int32)


def _add_product(matrix: FloatArray, columns: FloatArray, sums: FloatArray) -> None:
    """``sums += matrix @ columns``, block by block.

    BLAS libraries spread larger products over all cores. A layer's products are over before the
    threads have found a free core, so that several busy processes would slow each other down
    tenfold and more; blocks of this size stay in the calling thread.
    """
    pixels = columns.shape[1]
    for row in range(0, matrix.shape[0], _BLOCK):
        for first in range(0, matrix.shape[1], _BLOCK):
            block = matrix[row : row + _BLOCK, first : first + _BLOCK]
            inputs = columns[first : first + _BLOCK]
            width = _BLOCK_PRODUCTS // block.size
            for left in range(0, pixels, width):
                right = left + width
                sums[row : row + _BLOCK, left:right] += block @ inputs[:, left:right]
