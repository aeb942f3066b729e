"""Backwards through the write equations: which layer, channel and pixel a word belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.emulator.accelerator.addresses import Region, place_of
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.execute import (
    in_quadrant,
    output_starts,
    output_step,
    passthrough_starts,
)
from mxdeploy.emulator.accelerator.store import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an output byte or word comes from.

    Attributes:
        layer: number of the layer that wrote it last.
        index: first axis of the layer's output: a slot, or a pass-through's channel.
        row: output row.
        column: output column.
    """

    layer: int
    index: int
    row: int
    column: int


def origin_of(layers: Sequence[LayerDescription], address: int, lane: int) -> Origin | None:
    """The layer's output that lies in byte ``lane`` of the word at a bus address, if any."""
    place = place_of(address)
    if place is None or place.region is not Region.DATA:
        return None
    per_quadrant = mem.DATA_MEMORIES // mem.QUADRANTS * mem.DATA_WORDS
    word = place.quadrant * per_quadrant + place.offset_bytes // 4
    for layer in reversed(layers):
        found = _index_and_pixel(layer, word, lane)
        if found is not None:
            row, column = divmod(found[1], layer.out_size[1])
            return Origin(layer=layer.number, index=found[0], row=row, column=column)
    return None


def _index_and_pixel(layer: LayerDescription, word: int, lane: int) -> tuple[int, int] | None:
    if layer.kernels is None:
        return _in_passthrough(layer, word, lane)
    hit = _hit(output_starts(layer), output_step(layer), word, layer)
    if hit is None:
        return None
    start, pixel = hit
    if layer.scaling is not None and layer.scaling.wide:
        return start, pixel
    groups = -(-layer.kernels.columns // LANES)
    output_pass, group = divmod(start, groups)
    column = group * LANES + lane
    slot = output_pass * layer.kernels.columns + column
    return (slot, pixel) if column < layer.kernels.columns and slot < layer.slots else None


def _in_passthrough(layer: LayerDescription, word: int, lane: int) -> tuple[int, int] | None:
    reading = layer.reading
    for quadrant, _ in layer.writing.bases:
        here = in_quadrant(reading, quadrant)
        if not here:
            continue
        starts = passthrough_starts(layer, quadrant).reshape(-1)
        hit = _hit(starts, output_step(layer), word, layer)
        if hit is None:
            continue
        time_slot, input_pass = divmod(hit[0], reading.passes)
        position = time_slot * LANES + lane
        if position < len(here):
            return input_pass * len(reading.processors) + here[position], hit[1]
    return None


def _hit(starts: Index, step: int, word: int, layer: LayerDescription) -> tuple[int, int] | None:
    """(index of the start, pixel) whose word this is."""
    rows, columns = layer.out_size
    pixel, rest = np.divmod(word - starts, step)
    hits = np.flatnonzero((rest == 0) & (pixel >= 0) & (pixel < rows * columns))
    return (int(hits[-1]), int(pixel[hits[-1]])) if hits.size else None
