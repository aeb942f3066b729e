"""Settings that do not change the model's results but would break the chip's.

The model reads a layer's whole input before it writes, and has no row cache. The chip does both
at once; these checks refuse programs for which that makes a difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.describe import LayerDescription, Operation
from mxdeploy.emulator.accelerator.execute import (
    in_quadrant,
    output_starts,
    output_step,
    passthrough_starts,
)
from mxdeploy.emulator.accelerator.store import LANES, Index
from mxdeploy.emulator.accelerator.view import LayerView

_FIELD = 3
"""Rows and columns of the receptive field that the row cache holds."""


def check_row_caches(views: Sequence[LayerView], layers: Sequence[LayerDescription]) -> None:
    """TPTR must have the values with which the row cache works.

    A 3x3 layer rolls over at its number of output columns - 1; streaming layers lie one behind the
    other; a flatten layer counts its passes; all others do not use the cache.

    Raises:
        NotModelledError: another value.
    """
    begin = 0
    for view, layer in zip(views, layers, strict=True):
        start, last = 0, 0
        if layer.flatten:
            start = layer.reading.passes - 1
            last = 2 * start + 1
        elif layer.kernels is not None and layer.kernels.size == (_FIELD, _FIELD):
            last = layer.out_size[1] - 1
        if layer.streaming:
            start, last = begin, last + begin
            begin += (last - start + 1) * layer.reading.passes
        pointer = view.common(reg.TramPointer)
        for field, wanted in (("tptr_sad", start), ("tptr_max", last)):
            if getattr(pointer, field) != wanted:
                raise view.impossible(pointer, field, f"the layer's row cache needs {wanted}")


def check_overwriting(view: LayerView, layer: LayerDescription) -> None:
    """A layer must not overwrite input that it has not read yet.

    Raises:
        NotModelledError: it does.
    """
    step = output_step(layer)
    for starts in _starts(layer):
        word = _first_overwritten(layer, starts, step)
        if word is not None:
            why = f"overwrites word {word} of its own input before it has read it"
            raise view.impossible(view.leading(reg.WritePointerBase), "word", f"the layer {why}")


def _starts(layer: LayerDescription) -> list[Index]:
    if layer.kernels is not None:
        return [output_starts(layer)]
    return [
        passthrough_starts(layer, quadrant).reshape(-1)
        for quadrant, _ in layer.writing.bases
        if in_quadrant(layer.reading, quadrant)
    ]


def _first_overwritten(layer: LayerDescription, starts: Index, step: int) -> int | None:
    reading = layer.reading
    pixels = layer.out_size[0] * layer.out_size[1]
    memories, first = np.divmod(starts, mem.DATA_WORDS)
    end = first + (pixels - 1) * step
    touches = np.isin(memories, [processor // LANES for processor in reading.processors])
    touches &= (end >= reading.word) & (first < reading.word + reading.words)
    if not touches.any():
        return None
    pixel = np.arange(pixels, dtype=np.intp)
    words = first[touches] + pixel[:, None] * step
    inside = (words >= reading.word) & (words < reading.word + reading.words)
    group, column = np.nonzero(inside)
    written = words[group, column]
    too_early = _last_read(layer, written - reading.word) > _emitted(layer, pixel)[group]
    return int(written[np.argmax(too_early)]) if too_early.any() else None


def _last_read(layer: LayerDescription, words: Index) -> Index:
    """When an input word is read last: raster number of the pooled pixel; -1 for never."""
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


def _emitted(layer: LayerDescription, pixel: Index) -> Index:
    """When output pixels are written: raster number of the last pooled pixel read before."""
    size = (1, 1) if layer.kernels is None else layer.kernels.size
    spread = 2 if layer.operation is Operation.TRANSPOSED else 1
    pooled = layer.pooled_size
    last = [
        np.minimum((place + size[axis] - 1 - layer.pad[axis]) // spread, pooled[axis] - 1)
        for axis, place in enumerate(np.divmod(pixel, layer.out_size[1]))
    ]
    emitted: Index = last[0] * pooled[1] + last[1]
    return emitted
