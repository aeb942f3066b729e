"""Firmware images: ELF files by their load addresses, or raw flash content."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.findings import bad_image
from mxdeploy.errors import UsageError

ELF_MAGIC = b"\x7fELF"
_IDENT_32_BIT_LITTLE = (1, 1)
_MACHINE_ARM = 40
_PT_LOAD = 1
_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SEGMENT = struct.Struct("<8I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is in flash at power-on.

    Attributes:
        flash: the whole flash, erased bytes are 0xFF.
        used_bytes: bytes from the start of flash to the last one of the image.
        elf: the ELF file for source lines and backtraces, if there is one.
    """

    flash: bytes
    used_bytes: int
    elf: bytes | None


def load_image(data: bytes) -> Image:
    """Read an ELF file, or take ``data`` as flash content from its first byte on.

    Raises:
        UsageError: not for this chip, or it does not fit the flash.
    """
    is_elf = data.startswith(ELF_MAGIC)
    pieces = _segments(data) if is_elf else [(mem.FLASH_BASE, data)]
    flash = bytearray(b"\xff" * mem.FLASH_BYTES)
    used = 0
    for address, content in pieces:
        offset = address - mem.FLASH_BASE
        if offset < 0 or offset + len(content) > mem.FLASH_BYTES:
            raise UsageError(
                bad_image(
                    f"{len(content)} bytes for 0x{address:08x} do not lie in flash "
                    f"(0x{mem.FLASH_BASE:08x}, {mem.FLASH_BYTES} bytes)"
                )
            )
        flash[offset : offset + len(content)] = content
        used = max(used, offset + len(content))
    if not used:
        raise UsageError(bad_image("the image is empty"))
    return Image(flash=bytes(flash), used_bytes=used, elf=data if is_elf else None)


def _segments(data: bytes) -> list[tuple[int, bytes]]:
    """Physical address and content of each segment that is loaded."""
    if len(data) < _HEADER.size:
        raise UsageError(bad_image("the ELF file is truncated"))
    header = _HEADER.unpack_from(data)
    if tuple(header[0][4:6]) != _IDENT_32_BIT_LITTLE or header[2] != _MACHINE_ARM:
        raise UsageError(bad_image("the ELF file is not for 32-bit little-endian Arm"))
    offset, entry_size, count = header[5], header[9], header[10]
    pieces = []
    for index in range(count):
        start = offset + index * entry_size
        if start + _SEGMENT.size > len(data):
            raise UsageError(bad_image("the ELF file is truncated"))
        kind, position, _, physical, size = _SEGMENT.unpack_from(data, start)[:5]
        if kind != _PT_LOAD or not size:
            continue
        if position + size > len(data):
            raise UsageError(bad_image("the ELF file is truncated"))
        pieces.append((physical, data[position : position + size]))
    return pieces
