"""Registers that say where a layer reads and writes in data memory."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s5_lower.placed import PlacedLayer

IDLE_TIME_SLOT_WORDS = 2048
"""Time-slot offset of pass-through with a single time slot (no effect)."""


def write_pointer_base(placed: PlacedLayer, quadrant: int) -> reg.WritePointerBase:
    """First word written, and the data memory of the first output processor.

    Pass-through writes from each quadrant on its own: there, of the quadrant's first one.
    """
    first, mask = 0, placed.target.processors
    if placed.passthrough:
        first, mask = quadrant * mem.PROCESSORS_PER_QUADRANT, placed.target.in_quadrant(quadrant)
    lowest = first + (mask & -mask).bit_length() - 1 if mask else 0
    return reg.WritePointerBase(
        word=placed.target.offset_bytes // mem.WORD_BYTES,
        instance=lowest // mem.PROCESSORS_PER_MEMORY,
    )


def write_pointer_time_slot_offset(placed: PlacedLayer) -> reg.WritePointerTimeSlotOffset:
    """Pass-through: the next data memory for the next four processors; 1 with 1x1 kernels.

    The value for 1x1 kernels has no effect; working programs write it.
    """
    words = 0
    if placed.passthrough:
        several = placed.source.processors.bit_count() > mem.PROCESSORS_PER_MEMORY
        several |= placed.combines and placed.plan.in_passes > 1
        words = mem.DATA_WORDS if several else IDLE_TIME_SLOT_WORDS
    elif placed.spec.kind is not Kind.CONV1D and placed.spec.kernel == (1, 1):
        words = 1
    return reg.WritePointerTimeSlotOffset(offset_words=words)


def write_pointer_mask_offset(placed: PlacedLayer) -> reg.WritePointerMaskOffset:
    """The next data memory for the next four output channels."""
    return reg.WritePointerMaskOffset(offset_words=0 if placed.passthrough else mem.DATA_WORDS)


def write_pointer_channel_offset(placed: PlacedLayer) -> reg.WritePointerChannelOffset:
    """Distance of output passes: one word, or four of a 32-bit output."""
    words = 0
    if placed.plan.out_passes > 1:
        words = placed.target.bits // int(limits.DATA_BITS) * (placed.target.gap + 1)
    return reg.WritePointerChannelOffset(offset_words=words)


def read_pointer_base(placed: PlacedLayer) -> reg.ReadPointerBase:
    """First word read, the same in each data memory."""
    return reg.ReadPointerBase(word=placed.source.offset_bytes // mem.WORD_BYTES)
