"""The protocol's commands: what each packet does to the stopped chip, and the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.board import VirtualBoard
from mxdeploy.emulator.board.gdb.packets import MAXIMUM_BYTES
from mxdeploy.emulator.board.gdb.target import (
    REGISTERS,
    Target,
    is_flash,
    memory_xml,
    registers_xml,
)

OK = b"OK"
UNSUPPORTED = b""
ERROR_ARGUMENT = b"E01"
ERROR_MEMORY = b"E0e"
THREAD = b"1"
STOPPED = b"T%02xthread:" + THREAD + b";"
"""Stop reply; the number is that of a POSIX signal, as the protocol has it."""
SIGNAL_INTERRUPT, SIGNAL_TRAP, SIGNAL_FAULT = 2, 5, 11
_FEATURES = (
    b"PacketSize=%x;qXfer:features:read+;qXfer:memory-map:read+;QStartNoAckMode+;"
    b"vContSupported+" % MAXIMUM_BYTES
)
_RANGE = re.compile(rb"([0-9a-f]+),([0-9a-f]+)", re.IGNORECASE)
_WRITE = re.compile(rb"([0-9a-f]+),([0-9a-f]+):(.*)", re.IGNORECASE | re.DOTALL)
_POINT = re.compile(rb"[01],([0-9a-f]+),[0-9a-f]+", re.IGNORECASE)
_HELP = (
    "monitor reset    reset the board; it stops before the first instruction\n"
    "monitor status   what the board does\n"
)
Handler = Callable[[bytes], bytes | None]
"""Argument to answer; None when the answer comes after the program has stopped again."""


class Debugged(Protocol):
    """The board under the debugger."""

    @property
    def chip(self) -> VirtualBoard | None:
        """The chip while the power is on."""

    def reset(self) -> None:
        """The reset button."""

    def resume(self) -> None:
        """The core runs on, out of a lockup, too."""

    def write_flash(self, address: int, data: bytes) -> None:
        """Program flash."""

    def describe(self) -> str:
        """One line about what it does."""


class Session:
    """One debugger and the chip it is connected to.

    Attributes:
        running: the program runs; the answer to the command that let it run is still due.
        detached: the debugger wants to go.
        quiet: packets are no longer acknowledged.
    """

    def __init__(self, board: Debugged, chip: VirtualBoard) -> None:
        """Connected; the program is stopped."""
        self.running = False
        self.detached = False
        self.quiet = False
        self._board = board
        self._chip = chip
        self._target = Target(chip.machine)
        self._signal = SIGNAL_TRAP
        self._flash: dict[int, bytes] = {}
        """Pages erased and written by ``vFlash`` packets, until ``vFlashDone``."""
        self._letters: dict[bytes, Handler] = {
            b"?": lambda _: self.stop_reply(),
            b"g": lambda _: self._read_registers(),
            b"G": self._write_registers,
            b"p": lambda text: self._target.read_register(int(text, 16)).hex().encode(),
            b"P": self._write_register,
            b"m": self._read_memory,
            b"M": lambda text: self._write_memory(text, bytes.fromhex),
            b"X": lambda text: self._write_memory(text, None),
            b"Z": lambda text: self._point(text, chip.machine.cpu.set_breakpoint),
            b"z": lambda text: self._point(text, chip.machine.cpu.clear_breakpoint),
            b"c": lambda text: self._resume(text, step=False),
            b"s": lambda text: self._resume(text, step=True),
            b"H": lambda _: OK,
            b"T": lambda _: OK,
            b"D": lambda _: self._detach(),
            b"k": lambda _: self._detach(),
        }
        self._words: tuple[tuple[bytes, Handler], ...] = (
            (b"qSupported", lambda _: _FEATURES),
            (b"QStartNoAckMode", lambda _: self._no_acknowledgements()),
            (b"qXfer:features:read:target.xml:", lambda t: _part(registers_xml(), t)),
            (b"qXfer:memory-map:read::", lambda t: _part(memory_xml(), t)),
            (b"qfThreadInfo", lambda _: b"m" + THREAD),
            (b"qsThreadInfo", lambda _: b"l"),
            (b"qC", lambda _: b"QC" + THREAD),
            (b"qAttached", lambda _: b"1"),
            (b"qSymbol", lambda _: OK),
            (b"qRcmd,", self._monitor),
            (b"vCont?", lambda _: b"vCont;c;C;s;S"),
            (b"vCont;", self._continue),
            (b"vFlashErase:", self._erase),
            (b"vFlashWrite:", self._program),
            (b"vFlashDone", lambda _: self._finish_flash()),
            (b"vKill", lambda _: self._detach()),
        )

    def execute(self, packet: bytes) -> bytes | None:
        """Obey a packet; the answer, or None when it comes later."""
        for word, handler in self._words:
            if packet.startswith(word):
                return self._guarded(handler, packet[len(word) :])
        handler_of_letter = self._letters.get(packet[:1])
        if handler_of_letter is None:
            return UNSUPPORTED
        return self._guarded(handler_of_letter, packet[1:])

    @staticmethod
    def _guarded(handler: Handler, text: bytes) -> bytes | None:
        try:
            return handler(text)
        except LookupError:
            return ERROR_MEMORY
        except ValueError:
            return ERROR_ARGUMENT

    def stop_reply(self, signal: int | None = None) -> bytes:
        """Why the program has stopped, as told to the debugger."""
        if signal is not None:
            self._signal = signal
        return STOPPED % self._signal

    def close(self) -> None:
        """Leave nothing behind in the chip."""
        for address in self._chip.machine.cpu.breakpoints:
            self._chip.machine.cpu.clear_breakpoint(address)

    # --- registers and memory -------------------------------------------------------------------

    def _read_registers(self) -> bytes:
        content = b"".join(self._target.read_register(n) for n in range(len(REGISTERS)))
        return content.hex().encode()

    def _write_registers(self, text: bytes) -> bytes:
        content = bytes.fromhex(text.decode("ascii"))
        if len(content) != sum(size for _, size in REGISTERS):
            return ERROR_ARGUMENT
        place = 0
        for number, (_, size) in enumerate(REGISTERS):
            self._target.write_register(number, content[place : place + size])
            place += size
        return OK

    def _write_register(self, text: bytes) -> bytes:
        number, _, value = text.partition(b"=")
        self._target.write_register(int(number, 16), bytes.fromhex(value.decode("ascii")))
        return OK

    def _read_memory(self, text: bytes) -> bytes:
        match = _RANGE.fullmatch(text)
        if match is None:
            return ERROR_ARGUMENT
        size = min(int(match[2], 16), MAXIMUM_BYTES // 2)
        return self._target.read(int(match[1], 16), size).hex().encode()

    def _write_memory(self, text: bytes, decode: Callable[[str], bytes] | None) -> bytes:
        match = _WRITE.fullmatch(text)
        if match is None:
            return ERROR_ARGUMENT
        data = match[3] if decode is None else decode(match[3].decode("ascii"))
        if len(data) != int(match[2], 16):
            return ERROR_ARGUMENT
        if data:
            self._target.write(int(match[1], 16), data)
        return OK

    # --- running --------------------------------------------------------------------------------

    @staticmethod
    def _point(text: bytes, change: Callable[[int], None]) -> bytes:
        """Breakpoints of both kinds; watchpoints the debugger does by stepping."""
        match = _POINT.fullmatch(text)
        if match is None:
            return UNSUPPORTED
        change(int(match[1], 16) & ~1)
        return OK

    def _resume(self, text: bytes, *, step: bool) -> bytes | None:
        if text:
            self._target.write_register(
                [name for name, _ in REGISTERS].index("PC"), int(text, 16).to_bytes(4, "little")
            )
        self._board.resume()
        self._chip.step()  # also before running on: past the breakpoint it stands on
        if step:
            return self.stop_reply(SIGNAL_TRAP)
        self.running = True
        return None

    def _continue(self, text: bytes) -> bytes | None:
        action = text.split(b";")[0].split(b":")[0][:1].lower()
        if action not in (b"c", b"s"):
            return ERROR_ARGUMENT
        return self._resume(b"", step=action == b"s")

    def _detach(self) -> bytes:
        self.detached = True
        return OK

    def _no_acknowledgements(self) -> bytes:
        self.quiet = True
        return OK

    def _monitor(self, text: bytes) -> bytes:
        words = bytes.fromhex(text.decode("ascii")).decode("utf-8", "replace").split()
        if words and words[0] == "reset":
            self._board.reset()
            said = "reset; stopped before the first instruction\n"
        elif words == ["status"]:
            said = self._board.describe() + "\n"
        else:
            said = _HELP
        return said.encode().hex().encode()

    # --- flash ----------------------------------------------------------------------------------

    def _erase(self, text: bytes) -> bytes:
        match = _RANGE.fullmatch(text)
        if match is None:
            return ERROR_ARGUMENT
        address, size = int(match[1], 16), int(match[2], 16)
        if not is_flash(address, size) or (address | size) % mem.FLASH_PAGE_BYTES:
            return ERROR_MEMORY
        for page in range(address, address + size, mem.FLASH_PAGE_BYTES):
            self._flash[page] = b"\xff" * mem.FLASH_PAGE_BYTES
        return OK

    def _program(self, text: bytes) -> bytes:
        place, colon, data = text.partition(b":")
        address = int(place, 16)
        if not colon or not is_flash(address, len(data)):
            return ERROR_MEMORY
        while data:
            within = address % mem.FLASH_PAGE_BYTES
            content = self._flash.get(address - within)
            if content is None:
                return ERROR_MEMORY  # not erased
            piece = data[: mem.FLASH_PAGE_BYTES - within]
            end = within + len(piece)
            self._flash[address - within] = content[:within] + piece + content[end:]
            address, data = address + len(piece), data[len(piece) :]
        return OK

    def _finish_flash(self) -> bytes:
        for page, content in sorted(self._flash.items()):
            self._board.write_flash(page, content)
        self._flash.clear()
        return OK


def _part(document: str, text: bytes) -> bytes:
    """The asked part of a document, marked as last or not."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return ERROR_ARGUMENT
    start, size = int(match[1], 16), min(int(match[2], 16), MAXIMUM_BYTES // 2)
    data = document.encode()
    mark = b"l" if start + size >= len(data) else b"m"
    return mark + data[start : start + size]
