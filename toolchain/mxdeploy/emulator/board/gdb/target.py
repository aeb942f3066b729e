"""Registers and memory of the stopped chip, as the debugger numbers and sees them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.peripherals import REGIONS
from mxdeploy.emulator.board import architecture as arm
from mxdeploy.emulator.board.engine import CORE, DOUBLE
from mxdeploy.emulator.board.findings import BoardFault
from mxdeploy.emulator.board.machine import Machine
from mxdeploy.errors import MxdeployError

WORD, DOUBLE_WORD = 4, 8
REGISTERS = (*((n, WORD) for n in CORE), *((n, DOUBLE_WORD) for n in DOUBLE), ("FPSCR", WORD))
"""Name and size in bytes, in the order of the target description."""
_TYPES = {"SP": "data_ptr", "PC": "code_ptr", "LR": "int", "XPSR": "int"}


def registers_xml() -> str:
    """The target description: a Cortex-M4 with its floating-point unit."""
    core = "".join(
        f'<reg name="{name.lower()}" bitsize="32" type="{_TYPES.get(name, "uint32")}"/>'
        for name in CORE
    )
    floats = "".join(
        f'<reg name="{name.lower()}" bitsize="64" type="ieee_double"/>' for name in DOUBLE
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
        '<target version="1.0"><architecture>arm</architecture>'
        f'<feature name="org.gnu.gdb.arm.m-profile">{core}</feature>'
        f'<feature name="org.gnu.gdb.arm.vfp">{floats}'
        '<reg name="fpscr" bitsize="32" type="int" group="float"/></feature></target>'
    )


def memory_xml() -> str:
    """The memory map: the debugger programs flash page by page, and touches nothing unmapped."""
    places = [(mem.SRAM_BASE, mem.SRAM_BYTES)]
    places += [(place.base, place.size_bytes) for place in REGIONS if place.kind == "window"]
    plain = "".join(
        f'<memory type="ram" start="0x{base:x}" length="0x{size:x}"/>' for base, size in places
    )
    return (
        '<?xml version="1.0"?><memory-map>'
        f'<memory type="flash" start="0x{mem.FLASH_BASE:x}" length="0x{mem.FLASH_BYTES:x}">'
        f'<property name="blocksize">0x{mem.FLASH_PAGE_BYTES:x}</property></memory>'
        f"{plain}</memory-map>"
    )


def is_flash(address: int, size: int) -> bool:
    """Whether the range lies in flash, all of it."""
    return address >= mem.FLASH_BASE and address + size <= mem.FLASH_BASE + mem.FLASH_BYTES


class Target:
    """What a debugger does to a chip."""

    def __init__(self, machine: Machine) -> None:
        """Debug this chip."""
        self._machine = machine

    def read_register(self, number: int) -> bytes:
        """A register by its number, little-endian; raises ``LookupError``."""
        name, size = REGISTERS[number]
        word = self._machine.engine.get(name)
        if name == "XPSR":
            word |= arm.XPSR_THUMB  # always set on this core; the engine does not show it
        return word.to_bytes(size, "little")

    def write_register(self, number: int, value: bytes) -> None:
        """Change a register; raises ``LookupError``, or ``ValueError`` for a wrong size."""
        name, size = REGISTERS[number]
        if len(value) != size:
            raise ValueError(name)
        word = int.from_bytes(value, "little")
        self._machine.engine.set(name, word & ~1 if name == "PC" else word)

    def read(self, address: int, size: int) -> bytes:
        """Memory, or registers of peripherals with all that reading them does.

        Raises:
            LookupError: there is nothing, or it does not answer.
        """
        bus = self._machine.bus
        if bus.answers(address):
            return b"".join(
                bus.peek(place, length).to_bytes(length, "little")
                for place, length in _accesses(address, size)
            )
        with self._direct():
            return self._machine.engine.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        """Change SRAM, or registers of peripherals; flash is programmed otherwise.

        Raises:
            LookupError: there is nothing that can be written.
        """
        if is_flash(address, 1) or is_flash(address + len(data) - 1, 1):
            raise LookupError("flash")
        bus = self._machine.bus
        if bus.answers(address):
            for place, length in _accesses(address, len(data)):
                start = place - address
                word = int.from_bytes(data[start : start + length], "little")
                bus.poke(place, length, word)
            return
        with self._direct():
            self._machine.engine.write(address, data)
            self._machine.engine.forget_code()

    @contextmanager
    def _direct(self) -> Iterator[None]:
        """Memory behind the bus can have something to say, too (the accelerator's, unpowered)."""
        bus = self._machine.bus
        try:
            yield
            bus.raise_fault()
        except (BoardFault, MxdeployError) as error:
            raise LookupError("no answer") from error
        finally:
            bus.abandon()


def _accesses(address: int, size: int) -> list[tuple[int, int]]:
    """A range as the accesses of at most a word that a debug port makes of it."""
    accesses = []
    end = address + size
    while address < end:
        length = next(n for n in (4, 2, 1) if address % n == 0 and address + n <= end)
        accesses.append((address, length))
        address += length
    return accesses
