"""WDT0: late interrupt and late reset; the window mode is not modelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000.peripherals import timers as reg
from mxdeploy.emulator.board.clock import Event, cycles_in, ticks_of
from mxdeploy.emulator.board.findings import not_modelled
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

FEED_SEQUENCE = (0xA5, 0x5A)
LONGEST_PERIOD_LOG2 = 31


class Watchdog(RegisterBank):
    """The watchdog timer, clocked by PCLK."""

    counters = frozenset((reg.WatchdogCount.offset,))

    def __init__(self, name: str, host: Host, interrupt: int) -> None:
        """Off."""
        self._interrupt = interrupt
        self.on_expired: Callable[[], None] = lambda: None
        self._started = 0
        self._last_byte = 0
        self._events: list[Event] = []
        super().__init__(name, reg.WDT, host)
        self.on_write(reg.WatchdogControl, self._control)
        self.on_write(reg.WatchdogReset, self._feed)
        self.on_write(reg.WatchdogClock, self._select_clock)
        self.on_read(reg.WatchdogCount, self._count)

    def reset(self) -> None:
        """Stop."""
        super().reset()
        self._cancel()
        self.host.nvic.set_level(self._interrupt, high=False)

    def _pclk_hz(self) -> float:
        return self.host.clock.frequency_hz / clocks.PCLK_DIVIDER

    def _control(self, _index: int, word: int) -> None:
        control = reg.WatchdogControl.decode(word)
        if control.win_en:
            self.host.refuse(not_modelled(f"{self.name} window mode"))
        was_on = self.fields(reg.WatchdogControl).en
        self.put(reg.WatchdogControl, replace(control, clkrdy=1).encode())
        if not control.int_late:
            self.host.nvic.set_level(self._interrupt, high=False)
        if control.en and not was_on:
            self._start()
        elif not control.en:
            self._cancel()

    def _select_clock(self, _index: int, word: int) -> None:
        if word:
            self.host.refuse(not_modelled(f"{self.name} clock source {word}"))

    def _count(self, _index: int) -> int:
        if not self._events:
            return 0
        return cycles_in(self.host.clock.ticks - self._started, int(self._pclk_hz()))

    def _feed(self, _index: int, word: int) -> None:
        if (self._last_byte, word) == FEED_SEQUENCE and self.fields(reg.WatchdogControl).en:
            self._start()
        self._last_byte = word

    def _cancel(self) -> None:
        for event in self._events:
            event.cancel()
        self._events.clear()

    def _start(self) -> None:
        self._cancel()
        self._started = self.host.clock.ticks
        control = self.fields(reg.WatchdogControl)
        for enabled, value, action in (
            (control.wdt_int_en, control.int_late_val, self._late_interrupt),
            (control.wdt_rst_en, control.rst_late_val, self._late_reset),
        ):
            if enabled:
                ticks = ticks_of(1 << LONGEST_PERIOD_LOG2 - value, self._pclk_hz())
                self._events.append(self.host.clock.schedule(ticks, action))

    def _late_interrupt(self) -> None:
        control = replace(self.fields(reg.WatchdogControl), int_late=1)
        self.put(reg.WatchdogControl, control.encode())
        self.host.nvic.set_level(self._interrupt, high=True)

    def _late_reset(self) -> None:
        self.on_expired()
