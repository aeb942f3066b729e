"""Flash images: read back by readers written here from the formats' definitions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.stages.s7_compile.elf import Elf, Segment
from mxdeploy.stages.s7_compile.images import flash_image, intel_hex, s_records

BASE = 0x1000_0000


def read_hex(text: str) -> tuple[dict[int, int], int | None]:
    """Memory content and start address of an Intel HEX file."""
    memory: dict[int, int] = {}
    upper, start, ended = 0, None, False
    for line in text.splitlines():
        assert not ended, "a record after the end"
        assert line[0] == ":"
        record = bytes.fromhex(line[1:])
        assert sum(record) % 256 == 0, "checksum"
        count, address, kind, data = record[0], record[1:3], record[3], record[4:-1]
        assert len(data) == count
        if kind == 0:
            first = (upper << 16) + int.from_bytes(address, "big")
            assert first % 65536 + count <= 65536, "a record crosses 64 KB"
            memory |= {first + i: byte for i, byte in enumerate(data)}
        elif kind == 4:
            upper = int.from_bytes(data, "big")
        elif kind == 5:
            start = int.from_bytes(data, "big")
        else:
            assert kind == 1
            ended = True
    assert ended
    return memory, start


def read_srec(text: str) -> tuple[dict[int, int], int, list[tuple[int, int]]]:
    """Memory content, start address, and (address, length) of the data records."""
    memory: dict[int, int] = {}
    records = []
    start = -1
    for line in text.splitlines():
        body = bytes.fromhex(line[2:])
        assert sum(body) % 256 == 255, "checksum"
        assert body[0] == len(body) - 1
        if line[:2] == "S3":
            address, data = int.from_bytes(body[1:5], "big"), body[5:-1]
            records.append((address, len(data)))
            memory |= {address + i: byte for i, byte in enumerate(data)}
        elif line[:2] == "S7":
            start = int.from_bytes(body[1:5], "big")
        else:
            assert line[:2] == "S0"
    return memory, start, records


@given(st.binary(max_size=300), st.integers(0, 0x7_0000), st.integers(0, 2**32 - 1))
def test_hex_round_trip(image: bytes, offset: int, entry: int) -> None:
    base = BASE + offset // 16 * 16
    memory, start = read_hex(intel_hex(image, base, entry))
    assert memory == {base + i: byte for i, byte in enumerate(image)}
    assert start == entry


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_srec_round_trip(image: bytes, entry: int) -> None:
    memory, start, _ = read_srec(s_records(image, BASE, entry))
    assert memory == {BASE + i: byte for i, byte in enumerate(image)}
    assert start == entry


def test_hex_across_64_kilobytes() -> None:
    memory, _ = read_hex(intel_hex(bytes(32), BASE + 0xFFF0, 0))
    assert sorted(memory) == list(range(BASE + 0xFFF0, BASE + 0x1_0010))


def test_known_hex_record() -> None:
    """The data record that introductions to the format show."""
    data = bytes.fromhex("214601360121470136007EFE09D21901")
    assert ":10010000214601360121470136007EFE09D2190140" in intel_hex(data, 0x100, 0).splitlines()


def test_known_srec_records() -> None:
    """The header of introductions to the format, and an S3 record summed by hand.

    0x09 + 0x10 + 0x01 + 0x02 + 0x03 + 0x04 = 0x23, complement 0xDC.
    """
    lines = s_records(bytes([1, 2, 3, 4]), BASE, BASE + 1, title="hello     \0\0").splitlines()
    assert lines[0] == "S00F000068656C6C6F202020202000003C"
    assert lines[1] == "S3091000000001020304DC"
    assert lines[2] == "S70510000001E9"


def elf(*segments: tuple[int, bytes]) -> Elf:
    parts = (Segment(load_address=a, address=a, content=c, size_bytes=len(c)) for a, c in segments)
    return Elf(entry=BASE, segments=tuple(parts))


def test_gaps_and_the_end_are_erased_flash() -> None:
    image = flash_image(elf((BASE, b"ab"), (BASE + 4, b"c")), BASE, 1024)
    assert image == b"ab\xff\xffc" + b"\xff" * 11


def test_records_suit_the_loader() -> None:
    """Addresses on 16 bytes, lengths multiples of 4, no gaps."""
    image = flash_image(elf((BASE, bytes(70))), BASE, 1024)
    _, _, records = read_srec(s_records(image, BASE, BASE))
    assert records == [(BASE + i, 16) for i in range(0, 80, 16)]


@pytest.mark.parametrize("address", [BASE - 1, BASE + 1020, 0x2000_0000])
def test_nothing_outside_flash(address: int) -> None:
    with pytest.raises(ValueError, match="outside the flash"):
        flash_image(elf((address, bytes(8))), BASE, 1024)
