"""Kernels of the layers that a plan is made of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s2_legalize.arrange.axis import Prep, Way
from mxdeploy.stages.s2_legalize.arrange.convolution import NOTHING

Ways = tuple[Way, ...]
Indices = tuple[tuple[int, ...], ...]
Weights = NDArray[np.generic]


def own_kernel(weight: Weights, indices: Indices, ways: Ways) -> Weights:
    """The convolution's weights (out, in, *kernel) where the plan has its taps.

    Copies are further input channels, partial sums further output channels: channel ``c`` of copy
    ``j`` is channel ``j * channels + c``.
    """
    outputs, inputs = weight.shape[:2]
    copies = tuple(len(way.shifts) for way in ways)
    number = int(np.prod(copies))
    taps = tuple(way.taps for way in ways)
    parts = np.zeros((number, outputs, inputs, *taps), np.float32)
    for tap, index in numbered_taps(indices):
        if NOTHING in index:
            continue
        places = [way.places[t] for way, t in zip(ways, tap, strict=True)]
        part = int(np.ravel_multi_index([copy for copy, _ in places], copies))
        at: Any = (..., *(place for _, place in places))
        source: Any = (..., *index)
        parts[part][at] = weight[source]
    if ways[0].prep is Prep.SUM:
        return parts.reshape(number * outputs, inputs, *taps)
    return np.moveaxis(parts, 0, 1).reshape(outputs, number * inputs, *taps)


def copying_kernel(channels: int, ways: Ways) -> Weights:
    """One tap per channel: the kernel (copies * channels, channels, *kernel) that makes copies."""
    taps = tuple(way.copy_taps for way in ways)
    kernel = np.zeros((*(len(way.shifts) for way in ways), channels, channels, *taps), np.float32)
    for copy in product(*(range(len(way.shifts)) for way in ways)):
        place = tuple(_place(way, way.shifts[j]) for way, j in zip(ways, copy, strict=True))
        at: Any = (..., *place)
        kernel[copy][at] = np.eye(channels, dtype=np.float32)
    return kernel.reshape(-1, channels, *taps)


def adding_kernel(channels: int, ways: Ways) -> Weights:
    """The kernel (channels, copies * channels, *kernel) that adds up shifted partial sums."""
    copies = copying_kernel(channels, ways)
    parts = copies.reshape(-1, channels, channels, *copies.shape[2:])
    return np.moveaxis(parts, 0, 1).reshape(channels, -1, *copies.shape[2:])


def transposed(kernel: Weights) -> Tensor:
    """The weights (in, out, *kernel) of the transposed convolution that correlates ``kernel``."""
    flipped = np.flip(kernel, axis=tuple(range(2, kernel.ndim)))
    return Tensor(flipped.swapaxes(0, 1))


def correlated(weight: Weights) -> Weights:
    """Weights of a transposed convolution (in, out, *kernel) as (out, in, *kernel), not flipped."""
    return weight.swapaxes(0, 1)


def _place(way: Way, shift: int) -> int:
    """Where the one tap of a kernel stands that shifts by ``shift``."""
    if way.prep is Prep.ODD:
        return way.copy_pad + 2 * shift
    return way.copy_pad + shift // way.row


def numbered_taps(indices: Indices) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For every tap of the kernel: its numbers in the problem and its indices in the weights."""
    numbered = [list(enumerate(index)) for index in indices]
    for taps in product(*numbered):
        yield tuple(number for number, _ in taps), tuple(index for _, index in taps)
