"""Two tensors of weights or biases: how many values differ, which is the first, is one permuted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.arrays import Int8Array

_CHANNEL_AXES = (0, 1)
_PIXELS = 3
"""Weights have outputs, inputs and the rows and columns of a kernel; biases only outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first value that differs.

    Attributes:
        output: output channel.
        input: input channel, None for a bias.
        tap: (row, column) in the kernel, None for a bias.
        a: value in A.
        b: value in B.
    """

    output: int
    input: int | None
    tap: tuple[int, int] | None
    a: int
    b: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberDiff:
    """How two tensors differ.

    Attributes:
        count: values compared; 0 when the shapes differ.
        different: values that differ; 1 when the shapes differ.
        channels: output channels with a difference.
        first: the first of them.
        shapes: both shapes in words when they differ.
        permuted: what would have to be reordered to make them equal, empty when that is not it.
    """

    count: int
    different: int = 0
    channels: int = 0
    first: First | None = None
    shapes: str = ""
    permuted: str = ""


def compare_numbers(
    a: Int8Array | None, b: Int8Array | None, *, fits: bool = False
) -> NumberDiff | None:
    """Compare weights or biases; None when one of the layers has none.

    Zeros at the end of the channels may be channels or not: whether they are there is no
    difference.

    Args:
        a: (outputs, inputs, rows, columns) or (outputs).
        b: the same of the other program.
        fits: the numbers of channels are known to agree.
    """
    if a is None or b is None:
        return None
    if a.shape[1:2] != b.shape[1:2] and a.shape[2:] == b.shape[2:]:
        a, b = _used_inputs(a), _used_inputs(b)
    x, y = padded(a, b, _CHANNEL_AXES)
    if x.shape != y.shape or not (fits or _only_zeros_more(a, b)):
        return NumberDiff(count=0, different=1, shapes=f"{_shape(a)} against {_shape(b)}")
    wrong = np.argwhere(x != y)
    if not len(wrong):
        return NumberDiff(count=x.size)
    place = tuple(int(n) for n in wrong[0])
    kernel = len(place) > 1
    return NumberDiff(
        count=x.size,
        different=len(wrong),
        channels=len(np.unique(wrong[:, 0])),
        first=First(
            output=place[0],
            input=place[1] if kernel else None,
            tap=(place[2], place[3]) if kernel else None,
            a=int(x[place]),
            b=int(y[place]),
        ),
        permuted=_permuted(x, y),
    )


def _used_inputs(weights: Int8Array) -> Int8Array:
    """Without input channels that have no weights.

    The pixels of a flattened input have such channels when they do not fill all processors.
    """
    used: Int8Array = weights[:, weights.any((0, 2, 3))]
    return used


def _only_zeros_more(a: Int8Array, b: Int8Array) -> bool:
    """Whether channels that only one of them has are all zero."""
    common = tuple(slice(min(n, m)) for n, m in zip(a.shape, b.shape, strict=True))
    return all(np.count_nonzero(x) == np.count_nonzero(x[common]) for x in (a, b))


def padded(
    a: NDArray[Any], b: NDArray[Any], axes: Sequence[int]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both with zeros at the end of some axes, so that these are equally long."""

    def fill(array: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        missing = [
            (0, max(0, there - here) if axis in axes else 0)
            for axis, (here, there) in enumerate(zip(array.shape, other.shape, strict=True))
        ]
        return np.pad(array, missing)

    return fill(a, b), fill(b, a)


def _permuted(a: NDArray[Any], b: NDArray[Any]) -> str:
    if _same_rows(a, b):
        return "output channels"
    if a.ndim > _PIXELS and _same_rows(a.swapaxes(0, 1), b.swapaxes(0, 1)):
        return "input channels"
    return ""


def _same_rows(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return sorted(row.tobytes() for row in a) == sorted(row.tobytes() for row in b)


def _shape(array: Int8Array) -> str:
    return "x".join(map(str, array.shape))
