"""Frames: published examples, round trips, and damage that must be noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.link.protocol import description as d
from mxdeploy.link.protocol.frames import (
    LONGEST_ENCODED,
    Frame,
    FrameError,
    Splitter,
    cobs_decode,
    cobs_encode,
    crc32,
    decode,
)

ONE_TO_254 = bytes(range(1, 255))
COBS_EXAMPLES = [
    # Examples of the method's description (Cheshire and Baker; the usual collection of cases).
    ("00", "0101"),
    ("0000", "010101"),
    ("001100", "01021101"),
    ("11220033", "0311220233"),
    ("11223344", "0511223344"),
    ("11000000", "02110101 01"),
    (ONE_TO_254.hex(), "ff" + ONE_TO_254.hex()),
    ("00" + ONE_TO_254.hex(), "01ff" + ONE_TO_254.hex()),
    (ONE_TO_254.hex() + "ff", "ff" + ONE_TO_254.hex() + "02ff"),
    ((ONE_TO_254[1:] + b"\xff\0").hex(), "ff" + ONE_TO_254[1:].hex() + "ff" + "0101"),
    ((ONE_TO_254[2:] + b"\xff\0\x01").hex(), "fe" + ONE_TO_254[2:].hex() + "ff" + "0201"),
]  # fmt: skip

frames = st.builds(
    Frame,
    code=st.integers(0, 0x7F),
    sequence=st.integers(0, 0xFFFF),
    boot=st.integers(0, 0xFFFF_FFFF),
    status=st.none() | st.integers(0, 255),
    payload=st.binary(max_size=d.CHUNK_BYTES),
    version=st.integers(0, 255),
)


@pytest.mark.parametrize(("plain", "encoded"), COBS_EXAMPLES)
def test_cobs_examples(plain: str, encoded: str) -> None:
    assert cobs_encode(bytes.fromhex(plain)) == bytes.fromhex(encoded)
    assert cobs_decode(bytes.fromhex(encoded)) == bytes.fromhex(plain)


@given(st.binary(min_size=1, max_size=600) | st.binary(max_size=4).map(lambda b: b * 300))
def test_cobs_there_and_back(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert len(encoded) <= len(data) + len(data) // 254 + 1
    assert cobs_decode(encoded) == data


def test_the_checksum_is_the_usual_one() -> None:
    """The check value that every catalogue of CRCs gives for CRC-32."""
    assert crc32(b"123456789") == 0xCBF43926


@given(frames)
def test_frames_there_and_back(frame: Frame) -> None:
    encoded = frame.encode()
    assert encoded[0] == encoded[-1] == 0
    assert len(encoded) - 2 <= LONGEST_ENCODED
    assert decode(encoded[1:-1]) == frame


def test_layout_of_a_request_byte_by_byte() -> None:
    """As the page says: version, type, sequence, boot, fields, CRC (worked out by hand)."""
    frame = Frame(code=3, sequence=0x1234, boot=0x01020304, status=None, payload=b"\x09\x08")
    body = cobs_decode(frame.encode()[1:-1])
    assert body[:-4] == bytes.fromhex("01 03 3412 04030201 0908")
    assert body[-4:] == crc32(body[:-4]).to_bytes(4, "little")
    answer = Frame(code=3, sequence=1, boot=5, status=6, payload=b"")
    assert cobs_decode(answer.encode()[1:-1])[:-4] == bytes.fromhex("01 83 0100 05000000 06")


@given(frames, st.data())
def test_any_one_damaged_byte_is_noticed(frame: Frame, data: st.DataObject) -> None:
    encoded = bytearray(frame.encode()[1:-1])
    at = data.draw(st.integers(0, len(encoded) - 1))
    kind = data.draw(st.sampled_from(("flip", "lose", "double")))
    if kind == "flip":
        encoded[at] ^= data.draw(st.integers(1, 255))
    elif kind == "lose":
        del encoded[at]
    else:
        encoded.insert(at, encoded[at])
    try:
        found = decode(bytes(encoded))
    except FrameError:
        return
    # Losing one of several equal bytes and the like may leave the frame as it was.
    assert found == frame


@given(st.lists(frames, max_size=4), st.binary(max_size=40), st.integers(1, 50))
def test_frames_are_found_among_text_in_any_pieces(
    sent: list[Frame], noise: bytes, piece: int
) -> None:
    text = noise.replace(b"\0", b"x")
    stream = text + b"".join(frame.encode() + text for frame in sent)
    splitter = Splitter()
    found = [
        frame
        for at in range(0, len(stream), piece)
        for frame in splitter.feed(stream[at : at + piece])
    ]
    assert [f for f in found if f in sent] == sent
    assert len(found) == len(sent)


def test_endless_text_costs_no_memory() -> None:
    splitter = Splitter()
    for _ in range(100):
        assert list(splitter.feed(b"x" * 10_000)) == []
    assert len(splitter._open) <= LONGEST_ENCODED + 1
    frame = Frame(code=1, sequence=2, boot=3, status=None, payload=b"")
    assert list(splitter.feed(frame.encode())) == [frame]
    assert splitter.damaged == 1


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x05abc", b"\x02\x00", b"\x00"])
def test_what_is_no_frame(body: bytes) -> None:
    with pytest.raises(FrameError):
        decode(body)


def test_an_answer_without_a_status_is_damaged() -> None:
    body = bytes.fromhex("01 81 0100 05000000")
    body += crc32(body).to_bytes(4, "little")
    with pytest.raises(FrameError, match="no answer"):
        decode(cobs_encode(body))
