"""What the bootloader does with an S-record file: program flash, or compare it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.bootloader_assumptions import (
    Assumptions,
    Checksums,
    LoadError,
    Unerased,
)

ERASED = b"\xff"
_ADDRESS_BYTES = {b"1": 2, b"2": 3, b"3": 4}
_IGNORED = (b"0", b"5", b"6")
ENDS = (b"S7", b"S8", b"S9")


class Flash(Protocol):
    """The flash memory, by absolute addresses."""

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address`` on."""

    def erase_page(self, address: int) -> None:
        """Erase the page that begins at ``address``."""

    def program(self, address: int, data: bytes) -> None:
        """Write 16 bytes at a multiple of 16; bits are only cleared."""


class BadRecordError(Exception):
    """A record that fails the file."""


@dataclass(slots=True, kw_only=True)
class RecordFile:
    """A file on its way in, record by record."""

    flash: Flash
    assumptions: Assumptions
    verify: bool
    first: int | None = None
    end: int = 0
    failed: bool = False

    def take(self, line: bytes) -> bool:
        """One line of the file; True when the file is over, well or badly."""
        if not line.strip():
            return False
        try:
            self._record(line.strip())
        except BadRecordError:
            self.failed = True
            if self.assumptions.load_error is LoadError.AT_ONCE:
                return True
        return line[:2].upper() in ENDS

    def answer(self) -> tuple[str, ...]:
        """What the loader says at the end."""
        if self.failed or self.first is None:
            return (rom.VERIFY_FAILED if self.verify else rom.LOAD_FAILED,)
        return (
            rom.VERIFY_SUCCESS if self.verify else rom.LOAD_SUCCESS,
            f"{rom.BASE_ADDRESS} 0x{self.first:08x}",
            f"{rom.LENGTH} 0x{self.end - self.first:08x}",
        )

    def _record(self, line: bytes) -> None:
        kind = line[1:2]
        body = self._body(line)
        if line[:2].upper() in ENDS or kind in _IGNORED:
            return
        width = _ADDRESS_BYTES.get(kind)
        if width is None or len(body) < width:
            raise BadRecordError
        address, data = int.from_bytes(body[:width], "big"), body[width:]
        self._check_place(address, data)
        if self.failed or not data:
            return  # the rest of a bad file changes nothing
        if self.verify:
            if self.flash.read(address, len(data)) != data:
                raise BadRecordError
        else:
            self._program(address, data)
        self.first = address if self.first is None else min(self.first, address)
        self.end = max(self.end, address + len(data))

    def _body(self, line: bytes) -> bytes:
        """Address and data of a record."""
        try:
            content = bytes.fromhex(line[2:].decode("ascii"))
        except ValueError as error:
            raise BadRecordError from error
        if line[:1].upper() != b"S" or not content or content[0] != len(content) - 1:
            raise BadRecordError
        if self.assumptions.checksums is Checksums.CHECKED and (sum(content) + 1) & 0xFF:
            raise BadRecordError
        return content[1:-1]

    @staticmethod
    def _check_place(address: int, data: bytes) -> None:
        offset = address - mem.FLASH_BASE
        if offset < 0 or offset + len(data) > mem.FLASH_BYTES:
            raise BadRecordError
        if address % mem.WORD_BYTES or len(data) % mem.WORD_BYTES:
            raise BadRecordError

    def _program(self, address: int, data: bytes) -> None:
        """Write whole cells; what the record leaves of a cell stays erased."""
        before = address % mem.FLASH_WRITE_BYTES
        after = -(before + len(data)) % mem.FLASH_WRITE_BYTES
        padded = ERASED * before + data + ERASED * after
        for start in range(0, len(padded), mem.FLASH_WRITE_BYTES):
            self._cell(address - before + start, padded[start : start + mem.FLASH_WRITE_BYTES])

    def _cell(self, address: int, data: bytes) -> None:
        if self.flash.read(address, mem.FLASH_WRITE_BYTES) != ERASED * mem.FLASH_WRITE_BYTES:
            if self.assumptions.unerased is Unerased.FAIL:
                raise BadRecordError
            if self.assumptions.unerased is Unerased.ERASE:
                self._make_room(address)
        self.flash.program(address, data)

    def _make_room(self, address: int) -> None:
        """Erase the page, but keep what this file has written to it."""
        page = address - address % mem.FLASH_PAGE_BYTES
        written = (
            range(max(page, self.first or page), address, mem.FLASH_WRITE_BYTES)
            if self.end > page
            else ()
        )
        kept = [(place, self.flash.read(place, mem.FLASH_WRITE_BYTES)) for place in written]
        self.flash.erase_page(page)
        for place, content in kept:
            self.flash.program(place, content)
