"""What all peripherals share: declared registers, their words, handlers, clock gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from mxdeploy.chip.bits import UndeclaredBitsError
from mxdeploy.chip.max78000.peripherals import Block, PeripheralRegister
from mxdeploy.emulator.board.clock import Clock
from mxdeploy.emulator.board.findings import (
    BoardFault,
    Finding,
    gated,
    undeclared_bits,
    unknown_register,
)
from mxdeploy.emulator.board.nvic import Nvic

Reader = Callable[[int], int]
"""index of a repeated register -> word."""
Writer = Callable[[int, int], None]
"""(index of a repeated register, word with undeclared bits removed)."""
R = TypeVar("R", bound=PeripheralRegister)
DECODED_KEPT = 256
"""Decoded registers are frozen and kept: programs come back to the same few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a peripheral may do to the rest of the board.

    Attributes:
        clock: virtual time and its events.
        nvic: interrupt requests.
        defer: do something between this instruction and the next.
        refuse: an error in strict mode, a note in lenient mode.
        note: a warning for the person at the board.
    """

    clock: Clock
    nvic: Nvic
    defer: Callable[[Callable[[], None]], None]
    refuse: Callable[[Finding], None]
    note: Callable[[Finding], None]


@dataclass(frozen=True, slots=True)
class _Slot:
    register: type[PeripheralRegister]
    index: int
    writable: int
    reset: int


def _writable_mask(register: type[PeripheralRegister]) -> int:
    if register.access == "r":
        return 0
    return sum(b.mask for b in register.bit_fields().values() if b.access != "r")


class RegisterBank:
    """The registers of one peripheral, as plain words unless a handler says otherwise."""

    counters: frozenset[int] = frozenset()

    def __init__(self, name: str, block: Block, host: Host) -> None:
        """All registers at their reset values."""
        self.name = name
        self.base = 0
        """Bus address, once attached."""
        self.host = host
        self.clock_gate: str | None = None
        """The register field that has stopped the clock; None while the clock runs."""
        self._decoded: dict[tuple[type[PeripheralRegister], int], PeripheralRegister] = {}
        self._slots: dict[int, _Slot] = {}
        self._words: dict[int, int] = {}
        self._readers: dict[int, tuple[Reader, int]] = {}
        self._writers: dict[int, tuple[Writer, int]] = {}
        for register in block.registers:
            mask, reset = _writable_mask(register), register.reset_word()
            for index in range(register.count):
                offset = register.offset + index * register.stride
                self._slots[offset] = _Slot(register, index, mask, reset)
        self.reset()

    def reset(self) -> None:
        """Registers to their reset values; subclasses also stop what is going on."""
        self._words = {offset: slot.reset for offset, slot in self._slots.items()}

    # --- for subclasses ---------------------------------------------------------------------

    def on_read(self, register: type[PeripheralRegister], reader: Reader) -> None:
        """Compute the register's word when it is read."""
        for index in range(register.count):
            self._readers[register.offset + index * register.stride] = (reader, index)

    def on_write(self, register: type[PeripheralRegister], writer: Writer) -> None:
        """Handle writes to the register instead of storing the word."""
        for index in range(register.count):
            self._writers[register.offset + index * register.stride] = (writer, index)

    def word(self, register: type[PeripheralRegister], index: int = 0) -> int:
        """The stored word."""
        return self._words[register.offset + index * register.stride]

    def put(self, register: type[PeripheralRegister], word: int, index: int = 0) -> None:
        """Change the stored word."""
        self._words[register.offset + index * register.stride] = word

    def fields(self, register: type[R], index: int = 0) -> R:
        """The stored word, decoded."""
        word = self.word(register, index)
        key = (register, word)
        decoded = self._decoded.get(key)
        if decoded is None:
            if len(self._decoded) >= DECODED_KEPT:
                self._decoded.clear()
            decoded = self._decoded[key] = register.decode(word, lenient=True)
        return cast("R", decoded)

    # --- the bus ----------------------------------------------------------------------------

    def read(self, offset: int, size: int) -> int:
        """A load; parts of a word are cut out of it."""
        slot_offset = offset & ~3
        word = self._read_word(slot_offset)
        if size == 4 and offset == slot_offset:  # noqa: PLR2004 - a whole word
            return word
        return word >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def _read_word(self, offset: int) -> int:
        self._require_clock()
        reader = self._readers.get(offset)
        if reader is not None:
            return reader[0](reader[1])
        word = self._words.get(offset)
        if word is None:
            self._unknown("read", offset)
            return 0
        return word

    def write(self, offset: int, size: int, value: int) -> None:
        """A store; parts of a word are merged into the stored word."""
        self._require_clock()
        slot_offset = offset & ~3
        slot = self._slots.get(slot_offset)
        if slot is None:
            self._unknown("write", offset)
            return
        if size < 4:  # noqa: PLR2004 - less than a word
            shift = 8 * (offset & 3)
            mask = (1 << 8 * size) - 1 << shift
            value = self._words[slot_offset] & ~mask | value << shift & mask
        declared = slot.register.declared_mask()
        if value & ~declared:
            error = UndeclaredBitsError(slot.register, value)
            self.host.refuse(undeclared_bits(f"{self.name}: {error}"))
            value &= declared
        writer = self._writers.get(slot_offset)
        if writer is not None:
            writer[0](writer[1], value)
        else:
            kept = self._words[slot_offset] & ~slot.writable
            self._words[slot_offset] = kept | value & slot.writable

    def _require_clock(self) -> None:
        if self.clock_gate is not None:
            raise BoardFault(gated(self.name, self.clock_gate))

    def _unknown(self, kind: str, offset: int) -> None:
        where = f"{self.name} has no register at offset 0x{offset:x}"
        self.host.refuse(unknown_register(kind, where, self.base + offset))


class Unmodelled:
    """A peripheral that exists on the chip but not on the virtual board."""

    counters: frozenset[int] = frozenset()

    def __init__(self, name: str, base: int, host: Host) -> None:
        """Refuses all accesses; in lenient mode it is memory."""
        self._name = name
        self._base = base
        self._host = host
        self._words: dict[int, int] = {}

    def read(self, offset: int, size: int) -> int:
        """Refuse."""
        del size
        self._refuse("read", offset)
        return self._words.get(offset, 0)

    def write(self, offset: int, size: int, value: int) -> None:
        """Refuse."""
        del size
        self._refuse("write", offset)
        self._words[offset] = value

    def _refuse(self, kind: str, offset: int) -> None:
        where = f"{self._name} is not part of the virtual board"
        self._host.refuse(unknown_register(kind, where, self._base + offset))
