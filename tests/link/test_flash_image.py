"""What can be programmed, and what is refused before anything is erased."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.errors import UsageError
from mxdeploy.link.flash_image import FlashImage, load_flash_image

BASE, SIZE, PAGE = 0x1000_0000, 0x8_0000, 0x2000
VECTORS = struct.pack("<II", 0x2002_0000, BASE + 0x101)


def elf(*pieces: tuple[int, bytes], machine: int = 40) -> bytes:
    """An ELF file by the tables of its specification: header, program headers, contents."""
    place = 52 + 32 * len(pieces)
    header = struct.pack(
        "<4s5B7xHHIIIIIHHHHHH", b"\x7fELF", 1, 1, 1, 0, 0, 2, machine, 1, BASE + 0x101, 52, 0,
        0, 52, 32, len(pieces), 0, 0, 0,
    )  # fmt: skip
    table, body = b"", b""
    for address, content in pieces:
        size = len(content)
        table += struct.pack("<8I", 1, place + len(body), address, address, size, size, 5, 4)
        body += content
    return header + table + body


def load(folder: Path, content: bytes) -> FlashImage:
    file = folder / "image"
    file.write_bytes(content)
    return load_flash_image(file)


def test_a_plain_file_is_filled_up_to_whole_flash_words(tmp_path: Path) -> None:
    image = load(tmp_path, VECTORS + b"\x01\x02")
    assert image.content == VECTORS + b"\x01\x02" + b"\xff" * 6
    assert (image.elf, image.board, image.network) == (None, "", "")


def test_an_elf_file_is_placed_by_its_load_addresses(tmp_path: Path) -> None:
    image = load(tmp_path, elf((BASE, VECTORS), (BASE + 0x40, b"tail")))
    assert image.content == (VECTORS.ljust(0x40, b"\xff") + b"tail").ljust(0x50, b"\xff")
    assert image.elf == tmp_path / "image"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (VECTORS[:4], "empty|start"),
        (b"\xff" * 32, "no stack"),
        (b"#!/bin/sh\necho hello\n", "no stack"),
        (struct.pack("<II", 0x2002_0000, BASE + 0x100), "Thumb"),
        (struct.pack("<II", 0x2002_0000, 0x2000_0001), "Thumb"),
        (struct.pack("<II", 0x2002_0004, BASE + 1), "no stack"),
        (VECTORS + bytes(SIZE), "do not fit"),
        (b"\x7fELF" + bytes(100), "ELF"),
        (elf((BASE, VECTORS))[:-4], "truncated"),
        (elf((BASE, VECTORS), machine=62), "not for Arm"),
        (elf((0x2000_0000, VECTORS)), "outside"),
        (elf((BASE, VECTORS), (BASE + SIZE - 2, b"four")), "outside"),
    ],
)
def test_other_files_are_refused_with_a_reason(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        load(tmp_path, content)
    assert caught.value.diagnostics[0].code == "MX7401"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_flash_image(tmp_path / "nothing.bin")
    assert caught.value.diagnostics[0].code == "MX7400"


@given(st.integers(1, 5 * PAGE // 16))
def test_pages_cover_the_image_and_no_more(words: int) -> None:
    content = bytes(n * 5 & 0xFF for n in range(16 * words))
    image = FlashImage(path=Path("x"), content=content)
    assert len(image.pages) == -(-len(content) // PAGE)
    assert image.padded == content.ljust(len(image.pages) * PAGE, b"\xff")
    assert all(len(image.page(address)) == PAGE for address in image.pages)
