"""The ELF reader, against damaged files (sound ones are compared in test_compile)."""

from __future__ import annotations

import struct

import pytest

from mxdeploy.stages.s7_compile.elf import read_elf


def file(segments: list[tuple[int, int, int, bytes, int]]) -> bytes:
    """A minimal linked file: (kind, address, load address, content, size in memory)."""
    offset = 52 + 32 * len(segments)
    headers, data = b"", b""
    for kind, address, load, content, size in segments:
        place = offset + len(data)
        headers += struct.pack("<8I", kind, place, address, load, len(content), size, 5, 4)
        data += content
    identity = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    head = struct.pack(
        "<16sHHIIIIIHHHHHH",
        identity,
        2,
        40,
        1,
        0x1000_0101,
        52,
        0,
        0,
        52,
        32,
        len(segments),
        0,
        0,
        0,
    )
    return head + headers + data


def test_load_segments_only() -> None:
    content = file(
        [
            (1, 0x1000_0000, 0x1000_0000, b"code", 4),
            (6, 0, 0, b"not loaded", 10),
            (1, 0x2000_0000, 0x1000_0004, b"da", 64),
            (1, 0x2000_0100, 0x2000_0100, b"", 0),
        ]
    )
    elf = read_elf(content)
    assert elf.entry == 0x1000_0101
    assert [(s.address, s.load_address, s.content, s.size_bytes) for s in elf.segments] == [
        (0x1000_0000, 0x1000_0000, b"code", 4),
        (0x2000_0000, 0x1000_0004, b"da", 64),
    ]


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x02\x01" + bytes(60), b"MZ" + bytes(60)])
def test_not_an_elf_file(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a 32-bit"):
        read_elf(content)


def test_truncated() -> None:
    content = file([(1, 0x1000_0000, 0x1000_0000, b"code", 4)])
    for length in (60, len(content) - 1):
        with pytest.raises(ValueError, match="truncated"):
            read_elf(content[:length])
