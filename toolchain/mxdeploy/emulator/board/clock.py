"""Virtual time: a tick counter that every clock of the chip divides exactly, and its events.

The core's instructions move time in steps of one CPU cycle each (an approximation: the real
core needs one to a few cycles per instruction), register accesses cost a fixed number of cycles.
While the program only polls, time jumps (see ``polling``): a delay of seconds costs milliseconds.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from mxdeploy.chip.max78000 import clocks

TICKS_PER_SECOND = math.lcm(
    clocks.IPO_HZ, clocks.ISO_HZ, clocks.IBRO_HZ, clocks.ERTCO_HZ, clocks.INRO_HZ
)
"""115.2 GHz: a whole number of ticks per cycle of every oscillator."""


@dataclass(order=True, slots=True)
class Event:
    """Something that happens at a given time, unless it is cancelled."""

    ticks: int
    order: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Forget it."""
        self.action = None


class Clock:
    """Time since power-on, the CPU's clock and the events to come."""

    def __init__(self, frequency_hz: int) -> None:
        """Start at zero with the CPU at ``frequency_hz``."""
        self.ticks = 0
        self.ticks_per_cycle = TICKS_PER_SECOND // frequency_hz
        self._cycles_base = 0
        self._ticks_base = 0
        self._events: list[Event] = []
        self._order = 0
        self.on_frequency: list[Callable[[], None]] = []
        """Called after the CPU's clock has changed."""

    @property
    def seconds(self) -> float:
        """Virtual seconds since power-on."""
        return self.ticks / TICKS_PER_SECOND

    @property
    def frequency_hz(self) -> int:
        """The CPU's clock."""
        return TICKS_PER_SECOND // self.ticks_per_cycle

    @property
    def cycles(self) -> int:
        """CPU cycles since power-on, at the clock frequencies they really had."""
        return self._cycles_base + (self.ticks - self._ticks_base) // self.ticks_per_cycle

    def set_frequency(self, frequency_hz: int) -> None:
        """Change the CPU's clock from now on."""
        self._cycles_base = self.cycles
        self._ticks_base = self.ticks
        self.ticks_per_cycle = TICKS_PER_SECOND // frequency_hz
        for action in self.on_frequency:
            action()

    def schedule(self, delay_ticks: int, action: Callable[[], None]) -> Event:
        """Call ``action`` after ``delay_ticks`` (at least one)."""
        self._order += 1
        event = Event(self.ticks + max(1, delay_ticks), self._order, action)
        heapq.heappush(self._events, event)
        return event

    def next_event(self) -> int | None:
        """Time of the next event in ticks; None when nothing is to come."""
        events = self._events
        while events and events[0].action is None:
            heapq.heappop(events)
        return events[0].ticks if events else None

    def run_events(self) -> None:
        """Let everything happen that is due."""
        while (due := self.next_event()) is not None and due <= self.ticks:
            event = heapq.heappop(self._events)
            if event.action is not None:
                event.action()

    def jump(self, ticks: int) -> None:
        """Move to a later time; never back."""
        self.ticks = max(self.ticks, ticks)


def ticks_of(count: int, frequency_hz: float) -> int:
    """Duration of ``count`` cycles of a clock of ``frequency_hz``, rounded up to a tick."""
    return math.ceil(count * TICKS_PER_SECOND / frequency_hz)


def cycles_in(ticks: int, frequency_hz: int) -> int:
    """Whole cycles of a clock within ``ticks``."""
    return ticks * frequency_hz // TICKS_PER_SECOND
