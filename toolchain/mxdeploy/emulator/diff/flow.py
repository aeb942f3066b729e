"""Where each layer's input channels come from: the addresses of the registers, followed back.

Words of data memory get the number of the layer and output slot that wrote them last. So slots
that nobody reads (dummies of an output map with holes) and input channels that nobody wrote are
recognised, whatever the placement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.execute import (
    in_quadrant,
    output_starts,
    output_step,
    passthrough_starts,
)
from mxdeploy.emulator.accelerator.store import TOTAL_WORDS, Index

Codes = NDArray[np.int32]

FROM_INPUT = -1
"""Source of what no layer wrote: the network's input."""
_INPUT, _ZERO = -1, -2
_SLOTS = 1 << 14
"""More than a layer has slots: codes are ``layer index * _SLOTS + slot``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow:
    """A layer's connections.

    Attributes:
        sources: per operand, indices of the layers it comes from, ascending; FROM_INPUT for the
            network's input.
        inputs: input channels (of the first operand) that exist, in the layer's order.
        origins: for each of them the layer and the output slot that it comes from, (channels, 2);
            FROM_INPUT twice for the network's input.
        outputs: output slots that a later layer reads, ascending; empty for an output of the
            network.
    """

    sources: tuple[tuple[int, ...], ...]
    inputs: Index
    origins: Index
    outputs: Index


def follow(layers: Sequence[LayerDescription], given: Sequence[int]) -> tuple[Flow, ...]:
    """The connections of all layers.

    Args:
        layers: in order of execution.
        given: words of data memory that the host writes before the start.
    """
    memory = np.full((TOTAL_WORDS, LANES), _ZERO, np.int32)
    memory[np.array(given, np.intp)] = _INPUT
    memory[_words(layers[0])] = _INPUT  # also what comes through a FIFO
    stream = memory
    reads: list[list[Codes]] = []
    seen = [np.zeros(0, np.int32)]
    for index, layer in enumerate(layers):
        reads.append(_read(layer, stream if layer.streaming else memory))
        seen.append(_seen(layer, stream if layer.streaming else memory))
        following = layers[index + 1] if index + 1 < len(layers) else None
        if following is not None and following.streaming:
            # The ring between two streaming layers: its first pixel says which lane is which.
            stream = np.full((TOTAL_WORDS, LANES), _ZERO, np.int32)
            _write(index, layer, stream, pixels=1)
        else:
            _write(index, layer, memory, pixels=layer.out_size[0] * layer.out_size[1])
    used = np.unique(np.concatenate(seen))
    return tuple(
        Flow(
            sources=tuple(_sources(codes) for codes in operands),
            inputs=np.flatnonzero(operands[0] != _ZERO),
            origins=_origins(operands[0]),
            outputs=(used[used // _SLOTS == index] % _SLOTS).astype(np.intp),
        )
        for index, operands in enumerate(reads)
    )


def _sources(codes: Codes) -> tuple[int, ...]:
    """Indices of layers; what only zeros were written to does not count."""
    found = np.unique(codes[codes != _ZERO] // _SLOTS)
    return tuple(int(index) for index in found)


def _origins(codes: Codes) -> Index:
    kept = codes[codes != _ZERO].astype(np.intp)
    origins = np.stack(np.divmod(kept, _SLOTS), 1)
    origins[kept < 0] = FROM_INPUT
    return origins


def _read(layer: LayerDescription, memory: Codes) -> list[Codes]:
    """Per operand, the codes of the first pixel's channels: pass by pass, ascending processors."""
    reading = layer.reading
    processors = reading.processors
    if layer.independent:  # every quadrant reads the same data
        first = processors[0] // mem.PROCESSORS_PER_QUADRANT
        processors = tuple(processors[ordinal] for ordinal in in_quadrant(reading, first))
    memories, lanes = np.divmod(np.array(processors, np.intp), LANES)
    passes = np.arange(reading.passes, dtype=np.intp)[:, None] * reading.operands
    found = []
    for operand in range(reading.operands):
        words = memories * mem.DATA_WORDS + reading.word + passes + operand
        found.append(memory[words % TOTAL_WORDS, lanes].reshape(-1))
    return found


def _seen(layer: LayerDescription, memory: Codes) -> Codes:
    """The codes of all pixels: a layer may read the passes of another one as pixels."""
    return np.unique(memory[_words(layer)])


def _words(layer: LayerDescription) -> tuple[Index, Index]:
    """Words and lanes that a layer reads."""
    memories, lanes = np.divmod(np.array(layer.reading.processors, np.intp), LANES)
    words = layer.reading.word + np.arange(layer.reading.words, dtype=np.intp)[:, None]
    return (memories * mem.DATA_WORDS + words) % TOTAL_WORDS, lanes


def _write(index: int, layer: LayerDescription, memory: Codes, *, pixels: int) -> None:
    if layer.kernels is None:
        for quadrant, _ in layer.writing.bases:
            here = in_quadrant(layer.reading, quadrant)
            if here:
                starts = passthrough_starts(layer, quadrant).reshape(-1)
                codes = _passthrough_codes(layer, here)
                _put(memory, starts, output_step(layer), _numbered(index, codes), pixels)
        return
    starts = output_starts(layer)
    if layer.scaling is not None and layer.scaling.wide:
        codes = np.repeat(np.arange(layer.slots, dtype=np.int32)[:, None], LANES, 1)
    else:
        codes = _convolution_codes(layer)[: len(starts)]
    _put(memory, starts, output_step(layer), _numbered(index, codes), pixels)


def _numbered(index: int, slots: Codes) -> Codes:
    return np.where(slots < 0, _ZERO, slots + index * _SLOTS).astype(np.int32)


def _convolution_codes(layer: LayerDescription) -> Codes:
    """(words of a pixel, lanes): the slot, or -1 where a column does not exist."""
    kernels, _ = layer.products
    lanes = -(-kernels.columns // LANES) * LANES
    codes = np.full((layer.output_passes, lanes), -1, np.int32)
    codes[:, : kernels.columns] = np.arange(layer.output_passes * kernels.columns).reshape(
        layer.output_passes, -1
    )
    codes[codes >= layer.slots] = -1
    return codes.reshape(-1, LANES)


def _passthrough_codes(layer: LayerDescription, here: list[int]) -> Codes:
    """(time slots * passes, lanes): the channel, or -1 where no processor is enabled."""
    passes, processors = layer.reading.passes, len(layer.reading.processors)
    slots = -(-len(here) // LANES)
    codes = np.full((slots * LANES, passes), -1, np.int32)
    codes[: len(here)] = np.array(here)[:, None] + np.arange(passes) * processors
    return codes.reshape(slots, LANES, passes).transpose(0, 2, 1).reshape(-1, LANES)


def _put(memory: Codes, starts: Index, step: int, codes: Codes, pixels: int) -> None:
    """Write every pixel's words; the last store to a word stays, as on the chip."""
    words = starts + np.arange(pixels, dtype=np.intp)[:, None] * step
    memory[words.reshape(-1) % TOTAL_WORDS] = np.tile(codes, (pixels, 1))
