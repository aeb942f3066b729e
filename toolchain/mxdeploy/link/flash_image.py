"""What is programmed: flash content from a build folder, an ELF file or a ``.bin`` file."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from mxdeploy.builds import open_build
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.stages.s7_compile.elf import read_elf
from mxdeploy.stages.s7_compile.images import flash_image

ERASED = b"\xff"
HELLO_DIGEST_DIGITS = 16
"""Digits of the network's digest in the firmware's ``@hello`` line."""
_ELF_MAGIC = b"\x7fELF"
_MACHINE = struct.Struct("<18xH")
_MACHINE_ARM = 40
_VECTORS = struct.Struct("<II")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashImage:
    """Content of flash from its first byte on.

    Attributes:
        path: the file it was read from.
        content: bytes from 0x10000000 on, whole 128-bit words.
        elf: the ELF file, for tools that take one; None for a plain ``.bin`` file.
        board: the board it was built for; empty when unknown.
        network: the network's digest as the firmware prints it; empty when unknown.
    """

    path: Path
    content: bytes
    elf: Path | None = None
    board: str = ""
    network: str = ""

    @property
    def pages(self) -> range:
        """Addresses of the pages it covers."""
        end = mem.FLASH_BASE + len(self.content)
        return range(mem.FLASH_BASE, end, mem.FLASH_PAGE_BYTES)

    def page(self, address: int) -> bytes:
        """A whole page as it shall be; what the image leaves free is erased."""
        start = address - mem.FLASH_BASE
        piece = self.content[start : start + mem.FLASH_PAGE_BYTES]
        return piece.ljust(mem.FLASH_PAGE_BYTES, ERASED)

    def is_of(self, network: str) -> bool:
        """Whether the digits that an application says belong to this image."""
        if self.network:
            return network == self.network
        return network.encode("ascii") in self.content  # the firmware has its digest as text

    @property
    def padded(self) -> bytes:
        """All of its pages."""
        return b"".join(self.page(address) for address in self.pages)


def load_flash_image(path: Path) -> FlashImage:
    """Read what shall be programmed.

    Args:
        path: a build folder, an ELF file, or flash content from 0x10000000 on.

    Raises:
        UsageError: not readable, not for this chip, or it does not fit the flash.
    """
    if path.is_dir():
        build = open_build(path)
        info = build.info
        image = _image(build.elf, _read(build.elf))
        digest = info.network_digest[:HELLO_DIGEST_DIGITS]
        return FlashImage(
            path=build.elf, content=image, elf=build.elf, board=info.board, network=digest
        )
    data = _read(path)
    elf = path if data.startswith(_ELF_MAGIC) else None
    return FlashImage(path=path, content=_image(path, data), elf=elf)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(
            Diagnostic(
                code="MX7400",
                where=str(file),
                what=f"cannot be read: {error.strerror or error}",
                fix="name a build folder that was compiled, an ELF file or a .bin file",
            )
        ) from error


def _image(file: Path, data: bytes) -> bytes:
    """Flash content, checked to be a program of this chip."""
    try:
        content = _flash_content(data)
    except (ValueError, struct.error) as error:
        raise UsageError(_not_an_image(file, str(error))) from error
    problem = _problem(content)
    if problem:
        raise UsageError(_not_an_image(file, problem))
    return content


def _flash_content(data: bytes) -> bytes:
    if not data.startswith(_ELF_MAGIC):
        return data + ERASED * (-len(data) % mem.FLASH_WRITE_BYTES)
    elf = read_elf(data)
    if _MACHINE.unpack_from(data)[0] != _MACHINE_ARM:
        raise ValueError("the ELF file is not for Arm")
    return flash_image(elf, mem.FLASH_BASE, mem.FLASH_BYTES)


def _problem(content: bytes) -> str:
    """Why the chip could not start this; empty when it can."""
    if len(content) > mem.FLASH_BYTES:
        return f"{len(content)} bytes do not fit the flash of {mem.FLASH_BYTES} bytes"
    if len(content) < _VECTORS.size:
        return "it is empty"
    stack, start = _VECTORS.unpack_from(content)
    if not mem.SRAM_BASE <= stack <= mem.SRAM_BASE + mem.SRAM_BYTES:
        return f"its first word, 0x{stack:08x}, is no stack in SRAM"
    if not start & 1 or not mem.FLASH_BASE <= start < mem.FLASH_BASE + mem.FLASH_BYTES:
        return f"its second word, 0x{start:08x}, is no Thumb address in flash to start at"
    return ""


def _not_an_image(file: Path, reason: str) -> Diagnostic:
    return Diagnostic(
        code="MX7401",
        where=str(file),
        what=f"is no program for the MAX78000: {reason}",
        why="a program begins with its stack and its start address, at 0x10000000",
        fix="name a build folder that was compiled, an ELF file or a .bin file",
    )
