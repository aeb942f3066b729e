"""The register file: the words behind all declared registers of the accelerator."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple, TypeVar, cast

from mxdeploy.chip.bits import Register, UndeclaredBitsError
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.errors import undeclared_bits

R = TypeVar("R", bound=Register)
_log = logging.getLogger(__name__)


class Slot(NamedTuple):
    """A declared register at one address.

    Attributes:
        register: its class.
        address: bus address.
        quadrant: 0..3, or None for a register of the whole block.
        layer: layer or stream number, or None.
        writable: bits that software can change.
    """

    register: type[Register]
    address: int
    quadrant: int | None
    layer: int | None
    writable: int


@cache
def register_slots() -> Mapping[int, Slot]:
    """Bus address -> register, for every declared register."""
    slots = [Slot(cls, cls.address(), None, None, _writable(cls)) for cls in reg.BLOCK_REGISTERS]
    for single in reg.QUADRANT_REGISTERS:
        bits = _writable(single)
        slots += [Slot(single, single.address(q), q, None, bits) for q in range(mem.QUADRANTS)]
    for each in (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS):
        bits = _writable(each)
        for quadrant in range(mem.QUADRANTS):
            first = each.address(quadrant, 0)
            slots += [Slot(each, first + 4 * n, quadrant, n, bits) for n in range(each.count)]
    return MappingProxyType({slot.address: slot for slot in slots})


def is_cleared_gap(address: int) -> bool:
    """Whether this is where registers would be if all of them existed for all layers.

    Stream registers exist for the first eight layers, IFRM stands alone in the space of a register
    with 32 of them. Programs that clear every register of every layer store zeros in between,
    without effect.
    """
    quadrant, offset = divmod(address - mem.QUADRANT_BASE, mem.QUADRANT_STRIDE)
    if not 0 <= quadrant < mem.QUADRANTS or offset % 4:
        return False
    index, byte = divmod(offset - mem.LAYER_REGISTERS_OFFSET, mem.LAYER_REGISTER_STRIDE)
    frame, _ = divmod(reg.InputFrame.offset - mem.LAYER_REGISTERS_OFFSET, mem.LAYER_REGISTER_STRIDE)
    if index == frame:
        return byte > 0
    return byte >= 4 * mem.STREAMS and index in {cls.index for cls in reg.STREAM_REGISTERS}


class RegisterFile:
    """Words of all registers; what was never written has its reset value.

    Attributes:
        version: changes whenever a register other than CTRL does.
    """

    def __init__(self, *, lenient: bool) -> None:
        """All registers at their reset values; ``lenient`` ignores undeclared bits."""
        self.version = 0
        self._lenient = lenient
        self._words: dict[int, int] = {}
        self._reset: dict[type[Register], int] = {}
        self._decoded: dict[tuple[type[Register], int], Register] = {}

    def reset(self, quadrant: int) -> None:
        """Give all registers of a quadrant their reset values."""
        slots = register_slots()
        for address in [a for a in self._words if slots[a].quadrant == quadrant]:
            del self._words[address]
        self.version += 1

    def write(self, slot: Slot, word: int) -> None:
        """Store the writable bits of ``word``.

        Raises:
            AcceleratorAccessError: the word has undeclared bits (not when lenient).
        """
        if word & ~slot.register.declared_mask():
            error = UndeclaredBitsError(slot.register, word)
            if not self._lenient:
                raise undeclared_bits(slot.address, error)
            _log.warning("0x%08x: %s (ignored)", slot.address, error)
        kept = self.word(slot.register, slot.address) & ~slot.writable
        self._words[slot.address] = kept | word & slot.writable
        self.version += slot.register is not reg.Ctrl

    def force(self, register: type[Register], address: int, word: int) -> None:
        """Store a word as the hardware does, read-only bits included."""
        self._words[address] = register.decode(word).encode()

    def word(self, register: type[Register], address: int) -> int:
        """The register's word."""
        found = self._words.get(address)
        if found is not None:
            return found
        if register not in self._reset:
            self._reset[register] = register.reset_word()
        return self._reset[register]

    def get(self, register: type[R], address: int) -> R:
        """The register's fields."""
        return self.decoded(register, self.word(register, address))

    def decoded(self, register: type[R], word: int) -> R:
        """``register.decode(word)``, remembered: most words occur in all quadrants."""
        key = (register, word)
        value = self._decoded.get(key)
        if value is None:
            value = self._decoded[key] = register.decode(word)
        return cast("R", value)


def _writable(register: type[Register]) -> int:
    return sum(spec.mask for spec in register.bit_fields().values() if spec.access != "r")
