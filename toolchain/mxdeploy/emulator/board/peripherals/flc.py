"""FLC: writes of 128 bits, page erase and mass erase of the flash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.peripherals import flash as reg
from mxdeploy.emulator.board.clock import TICKS_PER_SECOND
from mxdeploy.emulator.board.findings import flash_locked
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

ERASED = b"\xff"
WRITE_SECONDS = 30e-6
ERASE_SECONDS = 20e-3
"""Durations in the order of magnitude of the chip's; the data sheet's maxima are longer."""


class FlashController(RegisterBank):
    """The flash controller; reads and changes flash through two functions."""

    def __init__(
        self,
        host: Host,
        interrupt: int,
        read: Callable[[int, int], bytes],
        write: Callable[[int, bytes], None],
    ) -> None:
        """Locked."""
        self._interrupt = interrupt
        self._read_flash = read
        self._write_flash = write
        super().__init__("FLC0", reg.FLC, host)
        self.on_write(reg.Control, self._control)
        self.on_write(reg.Interrupt, self._clear_flags)
        self.on_write(reg.WriteLock, self._lock)

    def _lock(self, index: int, word: int) -> None:
        self.put(reg.WriteLock, self.word(reg.WriteLock, index) & ~word, index)

    def _clear_flags(self, _index: int, word: int) -> None:
        written, before = reg.Interrupt.decode(word), self.fields(reg.Interrupt)
        kept = replace(written, done=before.done & written.done, af=before.af & written.af)
        self.put(reg.Interrupt, kept.encode())
        self._request()

    def _request(self) -> None:
        flags = self.fields(reg.Interrupt)
        high = bool(flags.done & flags.doneie | flags.af & flags.afie)
        self.host.nvic.set_level(self._interrupt, high=high)

    def _control(self, _index: int, word: int) -> None:
        control = reg.Control.decode(word)
        self.put(reg.Control, replace(control, pend=self.fields(reg.Control).pend).encode())
        if not (control.wr or control.pge or control.me):
            return
        problem = self._problem(control)
        if problem:
            self.host.note(flash_locked(problem))
            self._end(failed=True)
            return
        busy = replace(self.fields(reg.Control), pend=1)
        self.put(reg.Control, busy.encode())
        seconds = WRITE_SECONDS if control.wr else ERASE_SECONDS
        self.host.defer(lambda: self._change(control))
        self.host.clock.schedule(int(seconds * TICKS_PER_SECOND), lambda: self._end(failed=False))

    def _offset(self) -> int:
        """Byte offset in flash; both absolute addresses and offsets are accepted."""
        return self.word(reg.Address) & mem.FLASH_BYTES - 1

    def _problem(self, control: reg.Control) -> str:
        """Why the operation is refused; empty when it is not."""
        if control.unlock != reg.UNLOCKED:
            return "it is locked"
        hertz = self.host.clock.frequency_hz
        if self.fields(reg.ClockDivider).clkdiv * 1_000_000 != hertz:
            return f"CLKDIV does not give 1 MHz from {hertz} Hz"
        page = self._offset() // mem.FLASH_PAGE_BYTES
        if not self.word(reg.WriteLock, page // 32) >> page % 32 & 1:
            return f"page {page} is locked"
        if control.pge and control.erase_code != reg.ERASE_PAGE:
            return "page erase without its erase code"
        if control.me and control.erase_code != reg.ERASE_ALL:
            return "mass erase without its erase code"
        return ""

    def _change(self, control: reg.Control) -> None:
        if control.me:
            self._write_flash(mem.FLASH_BASE, ERASED * mem.FLASH_BYTES)
            return
        if control.pge:
            page = self._offset() // mem.FLASH_PAGE_BYTES
            start = mem.FLASH_BASE + page * mem.FLASH_PAGE_BYTES
            self._write_flash(start, ERASED * mem.FLASH_PAGE_BYTES)
            return
        address = mem.FLASH_BASE + self._offset() // mem.FLASH_WRITE_BYTES * mem.FLASH_WRITE_BYTES
        data = b"".join(self.word(reg.Data, n).to_bytes(4, "little") for n in range(4))
        before = self._read_flash(address, mem.FLASH_WRITE_BYTES)
        if before != ERASED * mem.FLASH_WRITE_BYTES:
            self.host.note(flash_locked(f"write to 0x{address:08x}, which is not erased"))
        self._write_flash(address, bytes(a & b for a, b in zip(before, data, strict=True)))

    def _end(self, *, failed: bool) -> None:
        control = replace(self.fields(reg.Control), wr=0, pge=0, me=0, erase_code=0, pend=0)
        self.put(reg.Control, control.encode())
        flags = self.fields(reg.Interrupt)
        self.put(reg.Interrupt, replace(flags, done=1, af=flags.af | int(failed)).encode())
        self._request()
