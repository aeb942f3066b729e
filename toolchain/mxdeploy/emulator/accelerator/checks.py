"""Settings that do not change the model's results but would change the chip's.

The model reads a layer's whole input before it writes, and has no row cache. The chip does both
at once; these checks find the programs for which that makes a difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.doubts import Doubt, doubt
from mxdeploy.emulator.accelerator.execute import (
    in_quadrant,
    output_starts,
    output_step,
    passthrough_starts,
)
from mxdeploy.emulator.accelerator.store import Index
from mxdeploy.emulator.accelerator.view import LayerView
from mxdeploy.errors import Diagnostic

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


def overwriting(layer: LayerDescription) -> tuple[Diagnostic, ...]:
    """Warns of a layer that overwrites input that it has not read yet."""
    step = output_step(layer)
    for starts in _starts(layer):
        word = _first_overwritten(layer, starts, step)
        if word is not None:
            what = f"overwrites word {word} of its own input before it has read it"
            return (doubt(Doubt.OVERWRITES_INPUT, f"layer {layer.number}", what),)
    return ()


def early_start(layer: LayerDescription, before: LayerDescription) -> tuple[Diagnostic, ...]:
    """Warns of a streaming layer that starts before its first window is complete.

    It waits for entries in the row cache of the layer before: those after which that layer has
    written the rows, and the pixels of the last one, that the first pooling window covers.
    """
    if layer.stream is None:
        return ()
    window = (1, 1) if layer.pooling is None else layer.pooling.window
    kernel = (1, 1) if before.kernels is None else before.kernels.size
    entries = before.convolved_size[1] + 2 * before.pad[1]
    needed = entries * (kernel[0] + window[0] - 2) + kernel[1] - 1 + window[1]
    if layer.stream.start >= needed:
        return ()
    what = f"starts after {layer.stream.start} entries, its first window needs {needed}"
    return (doubt(Doubt.STREAM_START, f"layer {layer.number}", what),)


@dataclass(frozen=True, slots=True)
class _Claim:
    """Words ``first`` to before ``end`` of a data memory, needed while layers stream."""

    memory: int
    first: int
    end: int
    what: str


def ring_conflicts(layers: Sequence[LayerDescription]) -> Iterator[Diagnostic]:
    """Warns of rings that do not hold a window, leave their memory, or meet.

    All rings, and the output of the last layer that streams, exist side by side.
    """
    streams = [layer for layer in layers if layer.streaming]
    if not streams:
        return
    for layer in streams:
        what = _bad_ring(layer)
        if what:
            yield doubt(Doubt.STREAM_RING, f"layer {layer.number}", what)
    claims = [claim for layer in streams for claim in _ring(layer)]
    for one, other in combinations([*claims, *_output(streams[-1])], 2):
        meet = one.first < other.end and other.first < one.end
        if one.what != other.what and one.memory == other.memory and meet:
            what = f"{one.what} and {other.what} share words of data memory {one.memory}"
            yield doubt(Doubt.STREAM_RING, "stream", what)
            return


def _bad_ring(layer: LayerDescription) -> str:
    reading = layer.reading
    words = 0 if layer.stream is None else layer.stream.ring_words
    rows, columns = (1, 1) if layer.pooling is None else layer.pooling.window
    window = (rows - 1) * reading.columns + columns
    needed = (-(-window // LANES) if reading.chw else window) * reading.passes
    if words < needed:
        return f"its ring has {words} words, a window needs {needed}"
    if reading.word + words > mem.DATA_WORDS:
        return f"its ring ends at word {reading.word + words} of a data memory"
    return ""


def _ring(layer: LayerDescription) -> Iterator[_Claim]:
    first = layer.reading.word
    words = 0 if layer.stream is None else layer.stream.ring_words
    for memory in sorted({processor // LANES for processor in layer.reading.processors}):
        yield _Claim(memory, first, first + words, f"the ring of layer {layer.number}")


def _output(layer: LayerDescription) -> Iterator[_Claim]:
    step, pixels = output_step(layer), layer.out_size[0] * layer.out_size[1]
    for start in (int(start) for starts in _starts(layer) for start in starts):
        memory, first = divmod(start, mem.DATA_WORDS)
        end = first + (pixels - 1) * step + 1
        yield _Claim(memory, first, end, f"the output of layer {layer.number}")


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
    words = first[touches] + np.arange(pixels, dtype=np.intp)[:, None] * step
    inside = (words >= reading.word) & (words < reading.word + reading.words)
    # A convolution writes all passes at once; a pass-through's starts take turns with its passes.
    traffic = layer.traffic
    passes = np.arange(len(starts), dtype=np.intp) % traffic.out_passes
    writes = traffic.writes()[:, passes[touches]]
    written = words[inside]
    too_early = traffic.last_reads()[written - reading.word] > writes[inside]
    return int(written[np.argmax(too_early)]) if too_early.any() else None
