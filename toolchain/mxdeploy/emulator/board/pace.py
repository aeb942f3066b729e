"""Virtual time tied to the wall clock: never ahead of it, never hurrying to catch up for long."""

from __future__ import annotations

import time
from collections.abc import Callable

from mxdeploy.emulator.board.clock import TICKS_PER_SECOND

SLACK_SECONDS = 0.02
"""How far virtual time may have fallen behind and still catch up: the grain of the host's waits."""


class Pace:
    """The relation between the two clocks."""

    def __init__(self, ticks: int, now: Callable[[], float] = time.monotonic) -> None:
        """Both clocks are together at virtual time ``ticks``."""
        self._now = now
        self._ticks = ticks
        self._moment = now()

    def wait_seconds(self, ticks: int) -> float:
        """Real seconds until virtual time may be ``ticks``; 0 when it may be now."""
        due = self._moment + (ticks - self._ticks) / TICKS_PER_SECOND
        late = self._now() - due
        if late > SLACK_SECONDS:  # the computer was too slow: that time is lost
            self._moment += late - SLACK_SECONDS
        return max(0.0, -late)

    def ticks(self) -> int:
        """Virtual time that may be reached now."""
        return self._ticks + int((self._now() - self._moment) * TICKS_PER_SECOND)
