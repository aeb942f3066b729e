"""Which bytes of its input a layer needs, and which of them somebody wrote."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.chip.max78000.order import NEVER
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.memory import ALL_LANES, Bytes
from mxdeploy.emulator.accelerator.store import Store


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
    missing = np.where(layer.traffic.last_reads() == NEVER, np.uint8(0), missing)
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


def _pixel_lanes(layer: LayerDescription) -> Bytes:
    """The bytes of each CHW word that are pixels: all, but for the last word."""
    reading = layer.reading
    number = np.arange(reading.words) // reading.passes
    pixels = np.clip(reading.rows * reading.columns - LANES * number, 0, LANES)
    return ((1 << pixels) - 1 & ALL_LANES).astype(np.uint8)
