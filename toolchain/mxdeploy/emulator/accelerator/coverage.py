"""Which bytes of its input a layer needs, and which of them somebody wrote."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.memory import ALL_LANES, Bytes
from mxdeploy.emulator.accelerator.store import LANES, Index, Store


def missing_bytes(layer: LayerDescription, source: Store) -> NDArray[np.bool_] | None:
    """(processors, input words): read by a processor, covered by a window, and never written.

    None when all bytes were written.
    """
    reading = layer.reading
    memories, lanes = np.divmod(np.array(reading.processors, np.intp), LANES)
    used, where = np.unique(memories, return_inverse=True)
    missing = source.missing(used, reading.word, reading.words)
    if not missing.any():
        return None
    missing = np.where(last_read(layer, np.arange(reading.words)) >= 0, missing, np.uint8(0))
    if reading.chw:
        hits: NDArray[np.bool_] = (missing & _pixel_lanes(layer))[where] != 0
    else:
        hits = (missing[where] >> lanes[:, None].astype(np.uint8) & 1) != 0
    return hits if hits.any() else None


def known_channels(layer: LayerDescription, source: Store) -> NDArray[np.bool_]:
    """(processors, passes): all bytes of the channel that the layer needs were written."""
    reading = layer.reading
    missing = missing_bytes(layer, source)
    if missing is None:
        return np.ones((len(reading.processors), reading.passes), np.bool_)
    shape = (len(reading.processors), -1, reading.passes, reading.operands)
    unknown: NDArray[np.bool_] = np.any(missing.reshape(shape), axis=(1, 3))
    return np.logical_not(unknown)


def last_read(layer: LayerDescription, words: Index) -> Index:
    """When an input word is read last: raster number of the pooled pixel; -1 for never.

    Args:
        layer: the layer.
        words: numbers of words, counted from the first one that the layer reads.
    """
    reading, pooling = layer.reading, layer.pooling
    pixel = words // (reading.passes * reading.operands)
    if reading.chw:
        pixel = np.minimum(pixel * LANES + LANES - 1, reading.rows * reading.columns - 1)
    window, stride = ((1, 1), 1) if pooling is None else (pooling.window, pooling.stride)
    pooled = layer.pooled_size
    places, read = [], np.ones(words.shape, bool)
    for axis, place in enumerate(np.divmod(pixel, reading.columns)):
        number = np.minimum(place // stride, pooled[axis] - 1)
        read &= place - number * stride < window[axis]
        places.append(number)
    return np.where(read, places[0] * pooled[1] + places[1], -1)


def _pixel_lanes(layer: LayerDescription) -> Bytes:
    """The bytes of each CHW word that are pixels: all, but for the last word."""
    reading = layer.reading
    number = np.arange(reading.words) // reading.passes
    pixels = np.clip(reading.rows * reading.columns - LANES * number, 0, LANES)
    return ((1 << pixels) - 1 & ALL_LANES).astype(np.uint8)
