"""Recognizes that the program only waits, so that time can jump.

A program that polls reads the same few registers again and again and writes none. What it reads
can change in two ways: by an event (a character sent, the accelerator ready), then time may jump
to the next event; or because the register is a counter, then time is made to run faster, by 1/64
of the time waited so far with each read, so that a delay is at most about 2 % too long.
"""

from __future__ import annotations

from mxdeploy.chip.max78000.peripherals import INSTANCES
from mxdeploy.chip.max78000.peripherals import uart as uart_reg
from mxdeploy.emulator.board.clock import Clock

ENOUGH_READS = 8
SPEED_SHIFT = 6
MAXIMUM_REGISTERS = 16
MINIMUM_READS_PER_STRETCH = 6
"""A program that computes between its reads is not waiting."""
CONSUMED = frozenset(
    place.base + uart_reg.Fifo.offset for place in INSTANCES if place.block == "UART"
)
"""Registers that give something away with each read: equal bytes in a row are no waiting."""


class Polling:
    """Watches the register accesses of the program."""

    def __init__(self, clock: Clock) -> None:
        """Nothing seen yet."""
        self._clock = clock
        self.seen: dict[int, int] = {}
        self._repeats = 0
        self._start = 0
        self._counts_time = False
        self._reads = 0
        self.external: frozenset[int] = frozenset()
        """Registers whose change comes from outside, at the speed of real time."""
        self.paced = False
        """Whether something outside is connected, so that such waits must not be shortened."""

    def reset(self) -> None:
        """The program does something else."""
        self.seen.clear()
        self._repeats = 0
        self._counts_time = False
        self._start = self._clock.ticks

    def waits_for_outside(self) -> bool:
        """Whether one of the polled registers changes by what comes from outside."""
        return not self.external.isdisjoint(self.seen)

    @property
    def counts_time(self) -> bool:
        """Whether one of the polled registers is a counter."""
        return self._counts_time

    def end_stretch(self) -> int:
        """Called after a stretch of instructions that was not stopped; its number of reads."""
        reads, self._reads = self._reads, 0
        if reads < MINIMUM_READS_PER_STRETCH:
            self.reset()
        return reads

    def note_read(self, address: int, value: int, *, counter: bool) -> bool:
        """Record a read; True when the program should be stopped until the next event."""
        self._reads += 1
        if address in CONSUMED:
            self.reset()
            return False
        if counter:
            self._repeats += 1
            self._counts_time = True
            self.seen.setdefault(address, 0)
        else:
            before = self.seen.get(address)
            if before == value:
                self._repeats += 1
            else:
                if before is not None or len(self.seen) >= MAXIMUM_REGISTERS:
                    self.reset()
                self.seen[address] = value
        if self._repeats < ENOUGH_READS:
            return False
        return not self._counts_time or self._speed_up()

    def _speed_up(self) -> bool:
        if self.paced and self.waits_for_outside():
            return True
        now = self._clock.ticks
        target = now + max(1, now - self._start >> SPEED_SHIFT)
        event = self._clock.next_event()
        if event is not None and target >= event:
            return True
        self._clock.ticks = target
        return False
