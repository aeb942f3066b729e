"""Values that are only read through average pooling: what counts is the average.

An average of rounded and saturated integers is truncated to an integer itself. The mean of a
sparse value is far smaller than its largest elements, so that a scale which covers those leaves the
average few integers. A finer one that cuts off more may be much better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import Network
from mxdeploy.ops.layer import Pool, PoolKind
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_of

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
Places = NDArray[np.intp]

_SAMPLES = 1 << 18
"""Elements that are averaged at each scale."""


def averaging_pool(network: Network, name: str) -> Pool | None:
    """The average pooling through which all readers of a value read it; None: some do not."""
    readers = network.consumers(name)
    if name in network.outputs or not readers or any(is_join(reader) for reader in readers):
        return None
    pools = {layer_of(reader).spec.pool for reader in readers}
    pool = next(iter(pools))
    if len(pools) > 1 or pool is None or pool.kind is not PoolKind.AVERAGE:
        return None
    combined = any(layer_of(reader).spec.eltwise is not None for reader in readers)
    return None if combined else pool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Averaged:
    """How a value is averaged.

    Attributes:
        windows: samples (windows, pixels of a window) that are averaged, as indices.
        centred: whether the readers' biases take up a mean error of each channel.
    """

    windows: Places
    centred: bool


def averaged(network: Network, name: str, positions: Places) -> Averaged | None:
    """How a value is averaged of which these pixels are known; None if it is not.

    Windows of which pixels are missing are left out.
    """
    pool, producer = averaging_pool(network, name), network.producer(name)
    if pool is None or producer is None:
        return None
    size = layer_of(producer).spec.out_size
    place = np.full(size[0] * size[1], -1)
    place[positions] = np.arange(len(positions))
    found = place[windows(pool, size)]
    whole = found[(found >= 0).all(axis=1)]
    if not len(whole):
        return None
    centred = all(layer_of(reader).bias is not None for reader in network.consumers(name))
    return Averaged(windows=whole, centred=centred)


def windows(pool: Pool, size: tuple[int, int]) -> Places:
    """The pixels (windows, pixels of a window) that are averaged, by place in rows x columns."""
    rows, columns = pool.output_size(size)
    tops = np.arange(rows)[:, np.newaxis] * pool.stride
    lefts = np.arange(columns) * pool.stride
    corners = (tops * size[1] + lefts).reshape(-1, 1)
    inside = np.arange(pool.size[0])[:, np.newaxis] * size[1] + np.arange(pool.size[1])
    return (corners + inside.reshape(1, -1)).astype(np.intp)


def some_windows(pool: Pool, size: tuple[int, int], pixels: int) -> Places:
    """Pixels of whole windows, about so many (at least one window), without regular pattern."""
    known = windows(pool, size)
    count = max(1, pixels // known.shape[1])
    return np.unique(known[np.random.default_rng(0).permutation(len(known))[:count]])


def average_error(
    samples: FloatArray, wanted: FloatArray, scales: DoubleArray, averaged: Averaged
) -> DoubleArray:
    """Mean square error of averages at each scale: rounding, saturation and truncation.

    Args:
        samples: (n, channels, positions), before the value's clip.
        wanted: the same, clipped.
        scales: real values of one integer step.
        averaged: what is averaged.
    """
    step = max(1, samples.size // _SAMPLES)
    raw = samples[::step][:, :, averaged.windows]
    target = wanted[::step][:, :, averaged.windows].mean(axis=3, dtype=np.float64)
    errors = np.empty(len(scales))
    for index, scale in enumerate(scales):
        integers = np.floor(raw / np.float32(scale) + np.float32(0.5))
        np.clip(integers, DATA_MIN, DATA_MAX, out=integers)
        error = np.trunc(integers.mean(axis=3, dtype=np.float64)) * scale - target
        if averaged.centred:
            error -= error.mean(axis=(0, 2), keepdims=True)
        errors[index] = float(np.square(error).mean())
    return errors
