"""UART0 while the ROM uses it: in bulk, or at the speed of the line."""

from __future__ import annotations

import time

from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.emulator.board.board import IDLE_SECONDS, Console

BYTES_PER_SECOND = rom.BAUD / 10
"""A start bit, eight data bits and a stop bit each."""
PIECE_BYTES = 64
"""Bytes that arrive together at line speed: 5.6 ms."""


class RomLine:
    """Passes bytes to and from the bootloader."""

    def __init__(self, outside: Console, *, paced: bool) -> None:
        """``paced``: each byte takes its time."""
        self._outside = outside
        self._paced = paced
        self._waiting = bytearray()
        self._free_at = time.monotonic()

    def receive(self) -> bytes:
        """What has arrived; waits a moment for it."""
        if not self._waiting:
            self._waiting += self._outside.receive(IDLE_SECONDS)
        if not self._paced:
            piece = bytes(self._waiting)
        else:
            piece = bytes(self._waiting[:PIECE_BYTES])
            self._pass(len(piece))
        del self._waiting[: len(piece)]
        return piece

    def send(self, data: bytes) -> None:
        """Send; the time it takes passes first."""
        if self._paced:
            self._pass(len(data))
        if data:
            self._outside.transmit(data)

    def _pass(self, count: int) -> None:
        """Let the time of ``count`` bytes pass, and keep what comes meanwhile."""
        self._free_at = max(self._free_at, time.monotonic()) + count / BYTES_PER_SECOND
        while count and (left := self._free_at - time.monotonic()) > 0:
            if self._outside.stopped():
                return
            self._waiting += self._outside.receive(min(left, IDLE_SECONDS))
