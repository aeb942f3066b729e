"""Frames: a header, fields and a CRC, as bytes without zeros between two zeros (COBS).

COBS: S. Cheshire and M. Baker, Consistent Overhead Byte Stuffing, IEEE/ACM Transactions on
Networking 7 (1999).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from mxdeploy.link.protocol import description as d

DELIMITER = 0
LONGEST_RUN = 254
"""Bytes that one COBS code byte can announce."""
_CRC_BYTES = 4


class FrameError(ValueError):
    """Damaged: not COBS, a wrong CRC, or too short to be a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A request, or (``status`` is not None) an answer.

    Attributes:
        code: code of the command, without the answer's bit.
        sequence: number of the request.
        boot: boot number, 0 in a request that begins a session.
        status: how it went; a number, because another version may have others.
        payload: the fields.
        version: version of the sender.
    """

    code: int
    sequence: int
    boot: int
    status: int | None
    payload: bytes
    version: int = d.VERSION

    def encode(self) -> bytes:
        """As it goes over the line, delimiters included."""
        values: dict[str, d.Value] = {
            "version": self.version,
            "type": self.code | (d.ANSWER_BIT if self.status is not None else 0),
            "sequence": self.sequence,
            "boot": self.boot,
            "status": self.status or 0,
        }
        body = d.pack(d.HEADER if self.status is None else d.ANSWER_HEADER, values) + self.payload
        body += d.pack((d.CRC,), {"crc": crc32(body)})
        return b"\0" + cobs_encode(body) + b"\0"


def crc32(data: bytes) -> int:
    """The checksum of frames and inputs."""
    return zlib.crc32(data)


def cobs_encode(data: bytes) -> bytes:
    """``data`` without zeros: each code byte says where the next zero was."""
    out = bytearray()
    for number, run in enumerate(pieces := data.split(b"\0")):
        whole, rest = divmod(len(run), LONGEST_RUN)
        for first in range(0, whole * LONGEST_RUN, LONGEST_RUN):
            out += b"\xff" + run[first : first + LONGEST_RUN]
        # A full run at the very end needs no code byte for nothing.
        if rest or not whole or number + 1 < len(pieces):
            out += bytes((rest + 1,)) + run[whole * LONGEST_RUN :]
    return bytes(out)


def cobs_decode(data: bytes) -> bytes:
    """What ``cobs_encode`` was given.

    Raises:
        FrameError: ``data`` holds a zero or ends too early.
    """
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        run = data[at + 1 : at + code]
        if code == DELIMITER or len(run) != code - 1 or DELIMITER in run:
            raise FrameError("not COBS")
        out += run
        at += code
        if code <= LONGEST_RUN and at < len(data):
            out.append(DELIMITER)
    return bytes(out)


def decode(encoded: bytes) -> Frame:
    """The frame between two delimiters.

    Raises:
        FrameError: it is damaged.
    """
    body = cobs_decode(encoded)
    least = d.fixed_bytes(d.HEADER) + _CRC_BYTES
    if len(body) < least:
        raise FrameError(f"{len(body)} bytes are no frame")
    content, crc = body[:-_CRC_BYTES], int.from_bytes(body[-_CRC_BYTES:], "little")
    if crc32(content) != crc:
        raise FrameError("wrong CRC")
    is_answer = bool(content[1] & d.ANSWER_BIT)
    header = d.ANSWER_HEADER if is_answer else d.HEADER
    size = d.fixed_bytes(header)
    if len(content) < size:
        raise FrameError(f"{len(body)} bytes are no answer")
    # All header fields are numbers.
    fields = {name: int(value) for name, value in d.unpack(header, content[:size]).items()}
    return Frame(
        version=fields["version"],
        code=fields["type"] & ~d.ANSWER_BIT,
        sequence=fields["sequence"],
        boot=fields["boot"],
        status=fields["status"] if is_answer else None,
        payload=content[size:],
    )


LONGEST_ENCODED = d.BODY_BYTES + d.BODY_BYTES // LONGEST_RUN + 1
"""Bytes between two delimiters."""


class Splitter:
    """Finds frames in a stream of bytes that may also hold text and damage."""

    def __init__(self) -> None:
        """Nothing received yet."""
        self._open = bytearray()
        self.damaged = 0
        """Pieces between delimiters that were neither empty nor a frame (text counts as well)."""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Frames that are complete now."""
        self._open += data
        *done, rest = bytes(self._open).split(b"\0")
        # What is longer than any frame is not one; its end alone keeps the memory bounded.
        self._open = bytearray(rest[-LONGEST_ENCODED - 1 :])
        for piece in done:
            if not piece:
                continue
            try:
                yield decode(piece)
            except FrameError:
                self.damaged += 1
