"""Which memory of which quadrant or processor a bus address belongs to."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from mxdeploy.chip.max78000 import memories as mem


class Region(Enum):
    """What lies behind a bus address inside a quadrant."""

    REGISTERS = "registers"
    BIAS = "bias memory"
    TRAM = "TRAM"
    KERNEL = "kernel memory"
    DATA = "data memory"
    NOTHING = "nothing"


class Place(NamedTuple):
    """A place on the accelerator's bus.

    Attributes:
        region: kind of memory.
        quadrant: 0..3.
        unit: processor 0..63 (TRAM, kernel memory), else 0.
        offset_bytes: from the start of the memory; of a data memory from the start of the
            quadrant's four data memories.
    """

    region: Region
    quadrant: int
    unit: int
    offset_bytes: int


_DATA_BYTES = mem.DATA_MEMORIES // mem.QUADRANTS * mem.DATA_STRIDE
_TRAM_END = mem.TRAM_OFFSET + mem.PROCESSORS_PER_QUADRANT * mem.TRAM_STRIDE
_KERNEL_END = mem.KERNEL_OFFSET + mem.PROCESSORS_PER_QUADRANT * mem.KERNEL_STRIDE
_TRAM_BYTES = mem.WORD_BYTES * mem.TRAM_ENTRIES
_KERNEL_BYTES = mem.KERNEL_WORD_ADDRESS_BYTES * mem.KERNEL_WORDS


def place_of(address: int) -> Place | None:
    """The place of a bus address; None outside the four quadrants."""
    quadrant, offset = divmod(address - mem.QUADRANT_BASE, mem.QUADRANT_STRIDE)
    if not 0 <= quadrant < mem.QUADRANTS:
        return None
    data = offset - mem.DATA_OFFSET
    if 0 <= data < _DATA_BYTES:
        return Place(Region.DATA, quadrant, 0, data)
    if mem.KERNEL_OFFSET <= offset < _KERNEL_END:
        local, byte = divmod(offset - mem.KERNEL_OFFSET, mem.KERNEL_STRIDE)
        region = Region.KERNEL if byte < _KERNEL_BYTES else Region.NOTHING
        return Place(region, quadrant, quadrant * mem.PROCESSORS_PER_QUADRANT + local, byte)
    if mem.TRAM_OFFSET <= offset < _TRAM_END:
        local, byte = divmod(offset - mem.TRAM_OFFSET, mem.TRAM_STRIDE)
        region = Region.TRAM if byte < _TRAM_BYTES else Region.NOTHING
        return Place(region, quadrant, quadrant * mem.PROCESSORS_PER_QUADRANT + local, byte)
    bias = offset - mem.BIAS_OFFSET
    if 0 <= bias < mem.WORD_BYTES * mem.BIAS_BYTES:
        return Place(Region.BIAS, quadrant, 0, bias)
    region = Region.REGISTERS if offset < mem.BIAS_OFFSET else Region.NOTHING
    return Place(region, quadrant, 0, offset)
