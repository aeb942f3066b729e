"""What a layer reads of memories that nobody wrote since power-up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.emulator.accelerator.coverage import missing_bytes
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.doubts import Doubt, doubt
from mxdeploy.emulator.accelerator.execute import Bank
from mxdeploy.emulator.accelerator.memory import BiasMemory, KernelMemory
from mxdeploy.emulator.accelerator.store import Store
from mxdeploy.errors import Diagnostic

_EIGHTHS = 3
"""MCNT counts eighths of a kernel: its low three bits are a bit position."""


def unwritten_kernels(layer: LayerDescription, kernels: KernelMemory) -> tuple[Diagnostic, ...]:
    """Kernel words that the layer reads and nobody wrote."""
    spec = layer.kernels
    if spec is None:
        return ()
    count = spec.slots * layer.reading.passes
    numbers = (spec.first >> _EIGHTHS, spec.first + (count - 1) * spec.weight_bits >> _EIGHTHS)
    first = numbers[0] * spec.elements + spec.skipped_bytes
    last = numbers[1] * spec.elements + spec.skipped_bytes + spec.elements - 1
    words = slice(first // mem.KERNEL_WORD_BYTES, last // mem.KERNEL_WORD_BYTES + 1)
    processors = np.array(layer.reading.processors, np.intp)
    missing = ~kernels.written[processors, words]
    if not missing.any():
        return ()
    ordinal, word = (int(i) for i in np.argwhere(missing)[0])
    processor = int(processors[ordinal])
    address = mem.kernel_address(processor, words.start + word)
    what = (
        f"reads {int(missing.sum())} kernel words that nobody wrote, first word "
        f"{words.start + word} of processor {processor} (0x{address:08x})"
    )
    return (doubt(Doubt.NEVER_WRITTEN, f"layer {layer.number}", what),)


def unwritten_biases(layer: LayerDescription, biases: BiasMemory) -> tuple[Diagnostic, ...]:
    """Bias bytes that the layer reads and nobody wrote."""
    found = []
    for quadrant, first in layer.scaling.bias if layer.scaling else ():
        slots = layer.kernels.slots if layer.kernels else 0
        missing = np.flatnonzero(~biases.written[quadrant, first : first + slots])
        if not missing.size:
            continue
        entry = first + int(missing[0])
        what = (
            f"reads {missing.size} biases that nobody wrote, first byte {entry} of quadrant "
            f"{quadrant} (0x{mem.bias_address(quadrant, entry):08x})"
        )
        found.append(doubt(Doubt.NEVER_WRITTEN, f"layer {layer.number}", what))
    return tuple(found)


def unwritten_data(
    layer: LayerDescription, banks: Sequence[Bank], source: Store
) -> tuple[Diagnostic, ...]:
    """Bytes of data memory that a convolution reads, that matter to it, and that nobody wrote.

    A byte does not matter when no window covers its pixel, or when all weights of its channel are
    zero. A pass-through hands what it does not know on to its output, which then counts as not
    written.
    """
    reading = layer.reading
    hits = missing_bytes(layer, source) if banks else None
    if hits is None:
        return ()
    passes = np.arange(reading.words) // reading.operands % reading.passes
    hits = hits & _matters(layer, banks)[:, passes]
    if not hits.any():
        return ()
    word, ordinal = (int(i) for i in np.argwhere(hits.T)[0])
    processor = reading.processors[ordinal]
    address = mem.data_address(processor // LANES, reading.word + word)
    what = (
        f"reads {int(hits.sum())} bytes of data memory that nobody wrote, first for processor "
        f"{processor} in word 0x{address:08x} (input word {word})"
    )
    return (doubt(Doubt.NEVER_WRITTEN, f"layer {layer.number}", what),)


def _matters(layer: LayerDescription, banks: Sequence[Bank]) -> NDArray[np.bool_]:
    """(processors, passes): whether a weight of the channel is not zero."""
    reading = layer.reading
    count = len(reading.processors)
    matters = np.zeros(count * reading.passes, np.bool_)
    for bank in banks:
        for part in bank.parts:
            weights = part.weights.matrix.reshape(part.weights.outputs, len(part.channels), -1)
            matters[part.channels] |= weights.any(axis=(0, 2))
    return matters.reshape(reading.passes, count).T
