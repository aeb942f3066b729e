"""What the size report and the flash images need to know about a linked file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIIIIIII")
_MAGIC = b"\x7fELF\x01\x01"
_PT_LOAD = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of memory that the file describes.

    Attributes:
        load_address: where its bytes lie before the start (flash).
        address: where it lies when the program runs.
        content: bytes in the file.
        size_bytes: length in memory; the rest is not initialized.
    """

    load_address: int
    address: int
    content: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """A linked 32-bit little-endian file."""

    entry: int
    segments: tuple[Segment, ...]


def read_elf(content: bytes) -> Elf:
    """Entry point and loadable segments, in file order.

    Raises:
        ValueError: not a linked 32-bit little-endian file, or a truncated one.
    """
    if content[: len(_MAGIC)] != _MAGIC or len(content) < _HEADER.size:
        raise ValueError("not a 32-bit little-endian ELF file")
    header = _HEADER.unpack_from(content)
    entry, table, count = header[4], header[5], header[10]
    if table + count * _PROGRAM_HEADER.size > len(content):
        raise ValueError("the ELF file is truncated")
    found = (_segment(content, table + i * _PROGRAM_HEADER.size) for i in range(count))
    return Elf(entry=entry, segments=tuple(s for s in found if s is not None and s.size_bytes))


def _segment(content: bytes, place: int) -> Segment | None:
    kind, offset, address, load_address, stored, size, _, _ = _PROGRAM_HEADER.unpack_from(
        content, place
    )
    if kind != _PT_LOAD:
        return None
    data = content[offset : offset + stored]
    if len(data) != stored:
        raise ValueError("the ELF file is truncated")
    return Segment(load_address=load_address, address=address, content=data, size_bytes=size)
