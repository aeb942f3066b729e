"""Content of the flash, if wished kept in a file from one run of the board to the next."""

from __future__ import annotations

import time
from pathlib import Path

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.image import Image
from mxdeploy.errors import DeviceError, Diagnostic, UsageError
from mxdeploy.files import complete_file

ERASED = b"\xff"
SAVE_DELAY_SECONDS = 0.5
"""A change is written to the file after so much time without another one."""
SAVE_LATEST_SECONDS = 5.0
"""A change is written after so much time in any case."""


class FlashStore:
    """512 KiB of flash, by absolute addresses; what the bootloader programs."""

    def __init__(self, path: Path | None = None, *, image: Image | None = None) -> None:
        """Read the file, if there is one, and program the image.

        Args:
            path: file of exactly the flash's size; made when it is missing.
            image: pages it touches get its content, all others keep theirs.

        Raises:
            UsageError: the file cannot be read, or has another size.
            DeviceError: it cannot be written.
        """
        self._path = path
        self._content = bytearray(ERASED * mem.FLASH_BYTES)
        self._first_change: float | None = None
        self._last_change = 0.0
        exists = path is not None and self._load(path)
        if image is not None:
            self._program_image(image)
        if path is not None and (image is not None or not exists):
            self._mark()
            self.save()

    @property
    def content(self) -> bytes:
        """The whole flash."""
        return bytes(self._content)

    def _load(self, path: Path) -> bool:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UsageError(_unreadable(path, error)) from error
        if len(content) != mem.FLASH_BYTES:
            raise UsageError(_wrong_size(path, len(content)))
        self._content[:] = content
        return True

    def _program_image(self, image: Image) -> None:
        for start in range(0, mem.FLASH_BYTES, mem.FLASH_PAGE_BYTES):
            page = image.flash[start : start + mem.FLASH_PAGE_BYTES]
            if page != ERASED * mem.FLASH_PAGE_BYTES:
                self._content[start : start + mem.FLASH_PAGE_BYTES] = page

    # --- the flash of the bootloader ----------------------------------------------------------

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address`` on."""
        start = address - mem.FLASH_BASE
        return bytes(self._content[start : start + size])

    def erase_page(self, address: int) -> None:
        """Erase the page that begins at ``address``."""
        self.write(address, ERASED * mem.FLASH_PAGE_BYTES)

    def program(self, address: int, data: bytes) -> None:
        """Write; bits are only cleared."""
        before = self.read(address, len(data))
        self.write(address, bytes(a & b for a, b in zip(before, data, strict=True)))

    def write(self, address: int, data: bytes) -> None:
        """Replace content, as the flash controller has already computed it."""
        start = address - mem.FLASH_BASE
        if start < 0 or start + len(data) > mem.FLASH_BYTES:
            raise ValueError(f"{len(data)} bytes at 0x{address:08x} are not flash")
        self._content[start : start + len(data)] = data
        self._mark()

    # --- the file -----------------------------------------------------------------------------

    def _mark(self) -> None:
        self._last_change = time.monotonic()
        if self._first_change is None:
            self._first_change = self._last_change

    def tick(self) -> None:
        """Write the file if it is time to."""
        if self._first_change is None or self._path is None:
            return
        now = time.monotonic()
        quiet = now - self._last_change > SAVE_DELAY_SECONDS
        if quiet or now - self._first_change > SAVE_LATEST_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the file if anything has changed; it is always complete, old or new.

        Raises:
            DeviceError: it cannot be written.
        """
        if self._first_change is None or self._path is None:
            return
        try:
            with complete_file(self._path) as partial:
                partial.write_bytes(self._content)
        except OSError as error:
            raise DeviceError(_unwritable(self._path, error)) from error
        self._first_change = None


def _unreadable(path: Path, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7320",
        where=str(path),
        what=f"the flash file cannot be read: {error.strerror or error}",
        fix="name a file that an earlier run has written, or one that does not exist yet",
    )


def _wrong_size(path: Path, size: int) -> Diagnostic:
    return Diagnostic(
        code="MX7321",
        where=str(path),
        what=f"the flash file has {size} bytes",
        why=f"it holds the whole flash, {mem.FLASH_BYTES} bytes",
        fix="name a file that an earlier run has written; an image is given with --image",
    )


def _unwritable(path: Path, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7322",
        where=str(path),
        what=f"the flash file cannot be written: {error.strerror or error}",
        fix="make room, or name a file in a folder that can be written",
    )
