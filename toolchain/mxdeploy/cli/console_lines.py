"""The lines for people among what a board sends."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.link.protocol.description import BODY_BYTES

LONGEST_LINE_BYTES = 4096
"""More than that without an end of line is not text."""


class ConsoleLines:
    """Takes bytes as they come, gives whole lines of text; the protocol's frames are left out.

    A zero byte, which text never has, begins and ends a frame. One that was cut off by a reset is
    noticed by its length, or because what should be text is none.
    """

    def __init__(self) -> None:
        """Nothing received yet."""
        self._text = bytearray()
        self._frame_bytes: int | None = None

    def feed(self, data: bytes) -> Iterator[str]:
        """Lines that are complete now, without their ends."""
        for byte in data:
            if byte == 0:
                begins = self._frame_bytes is None and _is_text(bytes(self._text))
                self._frame_bytes = 0 if begins else None
                self._text.clear()
            elif self._frame_bytes is not None:
                self._frame_bytes += 1
                if self._frame_bytes > 2 * BODY_BYTES:
                    self._frame_bytes = None
            elif byte == ord("\n"):
                line = bytes(self._text.removesuffix(b"\r"))
                self._text.clear()
                if _is_text(line):
                    yield line.decode()
            elif len(self._text) < LONGEST_LINE_BYTES:
                self._text.append(byte)


def _is_text(line: bytes) -> bool:
    try:
        return line.decode().replace("\t", " ").isprintable()
    except UnicodeDecodeError:
        return False
