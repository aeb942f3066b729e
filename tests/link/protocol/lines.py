"""Lines for tests: the firmware on a virtual board in this process, and noise on any line.

Time is the board's own, so that waiting costs nothing and tests are repeatable.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from mxdeploy.link.protocol.client import Client, Line, Patience


class BoardLine:
    """The console of a virtual board as the host sees it."""

    url = "board:"

    def __init__(self, board: Any) -> None:
        """A board that has started."""
        self.board = board
        self._seen = len(board.uart_output)
        self._idle_seconds = 0.0

    def clock(self) -> float:
        """Seconds: the board's, and those in which it had nothing to do."""
        return self.board.seconds + self._idle_seconds

    def write(self, data: bytes) -> None:
        self.board.uart_feed(data)

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        from mxdeploy.emulator.board import StopReason
        from mxdeploy.emulator.board.clock import TICKS_PER_SECOND

        start = self.clock()
        if timeout_seconds > 0 and len(self.board.uart_output) == self._seen:
            seen = self._seen
            # An idle board jumps to its next event, which may be far beyond the time-out.
            clock = self.board._machine.clock
            alarm = clock.schedule(int(timeout_seconds * TICKS_PER_SECOND) + 1, lambda: None)
            reason = self.board.run(
                lambda: len(self.board.uart_output) > seen,
                limit_seconds_virtual=timeout_seconds,
            )
            alarm.cancel()
            if reason is StopReason.IDLE:
                self._idle_seconds += max(0.0, timeout_seconds - (self.clock() - start))
        found = self.board.uart_output[self._seen : self._seen + size]
        self._seen += len(found)
        return found


class NoisyLine:
    """Flips, loses and doubles bytes in both directions, from a seed."""

    def __init__(self, line: Line, seed: int, rate: float) -> None:
        """``rate``: share of the bytes that something happens to."""
        self.url = line.url
        self.faults = 0
        self._line = line
        self._random = random.Random(seed)
        self._rate = rate

    def write(self, data: bytes) -> None:
        self._line.write(self._mangled(data))

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        return self._mangled(self._line.read(size, timeout_seconds=timeout_seconds))

    def _mangled(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            if self._random.random() >= self._rate:
                out.append(byte)
                continue
            self.faults += 1
            kind = self._random.choice(("flip", "lose", "double"))
            if kind == "flip":
                out.append(byte ^ 1 << self._random.randrange(8))
            elif kind == "double":
                out += bytes((byte, byte))
        return bytes(out)


def client_on(
    board: Any, wrap: Callable[[BoardLine], Line] = lambda line: line
) -> tuple[Client, BoardLine]:
    """A client on a board, in the board's time."""
    line = BoardLine(board)
    return Client(wrap(line), Patience(), clock=line.clock), line
