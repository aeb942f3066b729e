"""What a layer multiplies with its weights at some pixels: rows of a matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s3_quantize.layer_graph import is_matrix_product

FloatArray = NDArray[np.float32]


def columns_of(
    spec: LayerSpec, operand: NDArray[np.generic], positions: NDArray[np.intp]
) -> FloatArray:
    """The convolution of some pixels as a matrix product.

    Args:
        spec: geometry.
        operand: (n, channels, rows, columns), pooled and combined.
        positions: output pixels, as indices into rows x columns of the output.

    Returns:
        (n * positions, features * taps), such that the product with the transposed weights
        (outputs, features * taps) is the accumulator at those pixels.
    """
    data = operand.astype(np.float32)
    count = len(data)
    if is_matrix_product(spec):
        return data.reshape(count, -1)
    if spec.kind is Kind.CONV_TRANSPOSE2D:
        stuffed = np.zeros((*data.shape[:2], *spec.convolved_size), np.float32)
        stuffed[:, :, ::2, ::2] = data
        data = stuffed
    data = np.pad(data, ((0, 0), (0, 0), (spec.pad[0],) * 2, (spec.pad[1],) * 2))
    rows, places = positions // spec.out_size[1], positions % spec.out_size[1]
    kernel = spec.kernel
    result = np.empty((count, len(positions), data.shape[1], *kernel), np.float32)
    for row, column in np.ndindex(kernel):
        taken = data[:, :, rows + row, places + column]
        result[..., row, column] = taken.transpose(0, 2, 1)
    return result.reshape(count * len(positions), -1)
