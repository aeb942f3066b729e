"""In-flight pooling. Windows start at multiples of the stride; only full windows count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mxdeploy.arith.arrays import Int8Array


def pooled_size(size: tuple[int, int], window: tuple[int, int], stride: int) -> tuple[int, int]:
    """Rows and columns after pooling (zero or less when no window fits)."""
    return (size[0] - window[0]) // stride + 1, (size[1] - window[1]) // stride + 1


def max_pool(data: Int8Array, window: tuple[int, int], stride: int) -> Int8Array:
    """Signed maximum of each window of (..., rows, columns)."""
    views = _views(data, window, stride)
    result = next(views).copy()
    for view in views:
        np.maximum(result, view, out=result)
    return result


def average_pool(
    data: Int8Array, window: tuple[int, int], stride: int, *, rounding: bool = False
) -> Int8Array:
    """Mean of each window of (..., rows, columns).

    The fraction is dropped (toward zero), or with ``rounding`` rounded, exact halves away from
    zero. Dropping is what silicon was seen to do; rounding follows the vendor's simulator.
    """
    views = _views(data, window, stride)
    total = next(views).astype(np.int32)
    for view in views:
        total += view
    count = window[0] * window[1]
    magnitude = np.abs(total)
    mean = (2 * magnitude + count) // (2 * count) if rounding else magnitude // count
    return np.where(total < 0, -mean, mean).astype(np.int8)


def subsample(data: Int8Array, stride: int) -> Int8Array:
    """Every ``stride``-th row and column of (..., rows, columns)."""
    return data[..., ::stride, ::stride]


def _views(data: Int8Array, window: tuple[int, int], stride: int) -> Iterator[Int8Array]:
    """One strided view of the data for each position inside the window."""
    rows, columns = pooled_size((data.shape[-2], data.shape[-1]), window, stride)
    if rows < 1 or columns < 1:
        raise ValueError(f"no {window[0]}x{window[1]} window fits data of shape {data.shape}")
    for row in range(window[0]):
        for column in range(window[1]):
            yield data[
                ...,
                row : row + (rows - 1) * stride + 1 : stride,
                column : column + (columns - 1) * stride + 1 : stride,
            ]
