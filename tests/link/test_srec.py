"""S-record files: read back by the rules of the format alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.link.srec import END_LINE, srec_lines

FLASH, END = 0x1000_0000, 0x1008_0000


def read_back(lines: tuple[bytes, ...]) -> dict[int, bytes]:
    """Address and data of each S3 record; every rule of the format is checked."""
    found: dict[int, bytes] = {}
    for line in lines:
        assert line.endswith(b"\r\n")
        body = bytes.fromhex(line[2:-2].decode())
        assert body[0] == len(body) - 1
        assert sum(body) & 0xFF == 0xFF
        if line[:2] == b"S3":
            found[int.from_bytes(body[1:5], "big")] = body[5:-1]
    kinds = [line[:2] for line in lines]
    assert (kinds[0], kinds[-1]) == (b"S0", b"S7")
    assert set(kinds[1:-1]) == {b"S3"}
    return found


def test_a_small_file_by_hand() -> None:
    assert srec_lines(FLASH, bytes.fromhex("00112233445566778899aabbccddeeff"))[1:] == (
        b"S3151000000000112233445566778899AABBCCDDEEFFE2\r\n",
        b"S70510000000EA\r\n",
    )
    assert END_LINE == b"S70510000000EA\r\n"


@given(st.integers(FLASH, END - 1), st.binary(min_size=1, max_size=300))
def test_round_trip(address: int, data: bytes) -> None:
    data = data[: END - address]
    records = read_back(srec_lines(address, data))
    assert all(place % 16 == 0 and len(piece) == 16 for place, piece in records.items())
    places = sorted(records)
    assert places == list(range(places[0], places[-1] + 16, 16)), "there is a gap"
    content = b"".join(records[place] for place in places)
    start = address - places[0]
    assert content[start : start + len(data)] == data
    assert set(content[:start] + content[start + len(data) :]) <= {0xFF}


@pytest.mark.parametrize(
    ("address", "size"), [(0x2000_0000, 16), (FLASH - 1, 16), (END - 15, 16), (END, 1), (FLASH, 0)]
)
def test_only_flash_is_written(address: int, size: int) -> None:
    with pytest.raises(ValueError, match=r"flash|nothing"):
        srec_lines(address, bytes(size))
