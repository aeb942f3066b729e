"""Frames of the protocol: ``$data#checksum``, acknowledgements, and the interrupt character."""

from __future__ import annotations

from dataclasses import dataclass, field

INTERRUPT = b"\x03"
ACKNOWLEDGE = b"+"
REPEAT = b"-"
_ESCAPE = ord("}")
_FLIP = 0x20
_RESERVED = frozenset(b"$#}*")
MAXIMUM_BYTES = 0x4000
"""Longest packet either side sends; told to the debugger as ``PacketSize``."""


def frame(data: bytes) -> bytes:
    """A packet around ``data``, with reserved characters escaped."""
    escaped = bytearray()
    for byte in data:
        if byte in _RESERVED:
            escaped += bytes((_ESCAPE, byte ^ _FLIP))
        else:
            escaped.append(byte)
    return b"$%b#%02x" % (bytes(escaped), sum(escaped) & 0xFF)


def _unescape(data: bytes) -> bytes:
    plain, place = bytearray(), 0
    while place < len(data):
        if data[place] == _ESCAPE and place + 1 < len(data):
            place += 1
            plain.append(data[place] ^ _FLIP)
        else:
            plain.append(data[place])
        place += 1
    return bytes(plain)


@dataclass(slots=True)
class PacketReader:
    """Finds packets in what arrives in pieces.

    Attributes:
        acknowledging: answer each packet with ``+`` or ``-``.
    """

    acknowledging: bool = True
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Take a piece.

        Returns:
            packets (``INTERRUPT`` for the interrupt character), and acknowledgements to send.
        """
        self._buffer += data
        packets: list[bytes] = []
        answers = b""
        while self._buffer:
            if self._buffer[:1] == INTERRUPT:
                del self._buffer[0]
                packets.append(INTERRUPT)
            elif self._buffer[:1] != b"$":  # acknowledgements, and noise
                del self._buffer[0]
            else:
                end = self._buffer.find(b"#")
                if end < 0 or end + 3 > len(self._buffer):
                    if len(self._buffer) > 2 * MAXIMUM_BYTES:
                        self._buffer.clear()
                    break
                packet, answer = self._packet(end)
                packets += packet
                answers += answer
        return packets, answers

    def _packet(self, end: int) -> tuple[list[bytes], bytes]:
        content = bytes(self._buffer[1:end])
        checksum = bytes(self._buffer[end + 1 : end + 3])
        del self._buffer[: end + 3]
        if self.acknowledging and checksum.lower() != b"%02x" % (sum(content) & 0xFF):
            return [], REPEAT
        return [_unescape(content)], ACKNOWLEDGE if self.acknowledging else b""
