"""TMR0..3: one-shot, continuous and compare mode, as one 32-bit or two 16-bit timers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000.peripherals import timers as reg
from mxdeploy.emulator.board.clock import TICKS_PER_SECOND, Clock, Event
from mxdeploy.emulator.board.findings import not_modelled
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

ONE_SHOT, CONTINUOUS, COMPARE = 0, 1, 5
_MODES = (ONE_SHOT, CONTINUOUS, COMPARE)
_HALF = 0xFFFF
_WORD = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a counter counts with."""

    running: bool = False
    clock_hz: int = clocks.PCLK_HZ
    prescaler: int = 0
    mode: int = ONE_SHOT
    mask: int = _WORD


class _Counter:
    """Counts up from its last known value; calls back at the end of each period."""

    def __init__(self, clock: Clock, period_over: Callable[[], None]) -> None:
        self._clock = clock
        self._period_over = period_over
        self.settings = _Settings()
        self.compare = 0
        self._count = 0
        self._since = 0
        self._event: Event | None = None

    def count(self) -> int:
        """Present count."""
        now = self.settings
        if not now.running:
            return self._count
        ticks = self._clock.ticks - self._since
        return self._count + ticks * now.clock_hz // (TICKS_PER_SECOND << now.prescaler) & now.mask

    def set_count(self, value: int) -> None:
        """Continue from ``value``."""
        self._count = value & self.settings.mask
        self._since = self._clock.ticks
        self._plan()

    def change(self, settings: _Settings) -> None:
        """Take over settings without losing the count."""
        count = self.count()
        self.settings = settings
        self.set_count(count)

    def set_compare(self, value: int) -> None:
        """New end of the period."""
        count = self.count()
        self.compare = value
        self.set_count(count)

    def _plan(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None
        now = self.settings
        if now.running:
            steps = (self.compare - self._count & now.mask) + 1
            ticks = -(-steps * (TICKS_PER_SECOND << now.prescaler) // now.clock_hz)
            self._event = self._clock.schedule(ticks, self._end)

    def _end(self) -> None:
        self._event = None
        if self.settings.mode == ONE_SHOT:
            self.settings = replace(self.settings, running=False)
        self.set_count(self.compare + 1 if self.settings.mode == COMPARE else 1)
        self._period_over()


class Timer(RegisterBank):
    """One timer block."""

    counters = frozenset((reg.Count.offset,))

    def __init__(self, name: str, host: Host, interrupt: int) -> None:
        """Stopped."""
        self._interrupt = interrupt
        self._a = _Counter(host.clock, self._period_a)
        self._b = _Counter(host.clock, self._period_b)
        super().__init__(name, reg.TMR, host)
        self.on_read(reg.Count, self._read_count)
        self.on_write(reg.Count, self._write_count)
        self.on_write(reg.Compare, self._write_compare)
        self.on_write(reg.InterruptFlags, self._clear_flags)
        self.on_write(reg.Control0, self._write_control0)
        self.on_write(reg.Control1, self._write_control1)
        host.clock.on_frequency.append(self._apply)

    def reset(self) -> None:
        """Stop and zero."""
        super().reset()
        for counter in (self._a, self._b):
            counter.change(_Settings())
            counter.compare = 0
            counter.set_count(0)
        self.host.nvic.set_level(self._interrupt, high=False)

    def _cascaded(self) -> bool:
        return bool(self.fields(reg.Control1).cascade)

    def _clock_hz(self, select: int) -> int:
        pclk = self.host.clock.frequency_hz // clocks.PCLK_DIVIDER
        return (pclk, clocks.ISO_HZ, clocks.IBRO_HZ, clocks.ERTCO_HZ)[select]

    def _apply(self) -> None:
        control, clock = self.fields(reg.Control0), self.fields(reg.Control1)
        for mode, running in ((control.mode_a, control.en_a), (control.mode_b, control.en_b)):
            if running and mode not in _MODES:
                self.host.refuse(not_modelled(f"{self.name} mode {reg.MODES.get(mode, mode)}"))
        mask = _WORD if clock.cascade else _HALF
        settings = _Settings(
            bool(control.en_a and control.clken_a),
            self._clock_hz(clock.clksel_a),
            control.clkdiv_a,
            control.mode_a,
            mask,
        )
        if settings != self._a.settings:
            self._a.change(settings)
        settings = _Settings(
            bool(control.en_b and control.clken_b and not clock.cascade),
            self._clock_hz(clock.clksel_b),
            control.clkdiv_b,
            control.mode_b,
            _HALF,
        )
        if settings != self._b.settings:
            self._b.change(settings)

    # --- registers --------------------------------------------------------------------------

    def _read_count(self, _index: int) -> int:
        if self._cascaded():
            return self._a.count()
        return self._a.count() | self._b.count() << 16

    def _write_count(self, _index: int, word: int) -> None:
        if self._cascaded():
            self._a.set_count(word)
        else:
            self._a.set_count(word & _HALF)
            self._b.set_count(word >> 16)
        flags = self.fields(reg.InterruptFlags)
        self.put(reg.InterruptFlags, replace(flags, wrdone_a=1, wrdone_b=1).encode())

    def _write_compare(self, _index: int, word: int) -> None:
        self.put(reg.Compare, word)
        if self._cascaded():
            self._a.set_compare(word)
        else:
            self._a.set_compare(word & _HALF)
            self._b.set_compare(word >> 16)

    def _clear_flags(self, _index: int, word: int) -> None:
        written, kept = reg.InterruptFlags.decode(word), self.fields(reg.InterruptFlags)
        cleared = replace(
            kept,
            irq_a=kept.irq_a & ~written.irq_a,
            irq_b=kept.irq_b & ~written.irq_b,
            wr_dis_a=written.wr_dis_a,
            wr_dis_b=written.wr_dis_b,
        )
        self.put(reg.InterruptFlags, cleared.encode())
        self._request()

    def _write_control0(self, _index: int, word: int) -> None:
        control = reg.Control0.decode(word)
        if control.rst_a or control.rst_b:
            self.reset()
        self.put(reg.Control0, replace(control, rst_a=0, rst_b=0).encode())
        clock = self.fields(reg.Control1)
        ready = replace(
            clock,
            clkrdy_a=control.clken_a,
            clken_a=control.en_a,
            clkrdy_b=control.clken_b,
            clken_b=control.en_b,
        )
        self.put(reg.Control1, ready.encode())
        self._apply()

    def _write_control1(self, _index: int, word: int) -> None:
        before = self.fields(reg.Control1)
        written = reg.Control1.decode(word)
        kept = replace(
            written,
            clkrdy_a=before.clkrdy_a,
            clken_a=before.clken_a,
            clkrdy_b=before.clkrdy_b,
            clken_b=before.clken_b,
        )
        self.put(reg.Control1, kept.encode())
        self._write_compare(0, self.word(reg.Compare))
        self._apply()
        self._request()

    # --- periods ----------------------------------------------------------------------------

    def _period_a(self) -> None:
        control = self.fields(reg.Control0)
        if control.mode_a == ONE_SHOT:
            self.put(reg.Control0, replace(control, en_a=0).encode())
            self.put(reg.Control1, replace(self.fields(reg.Control1), clken_a=0).encode())
        flags = self.fields(reg.InterruptFlags)
        self.put(reg.InterruptFlags, replace(flags, irq_a=1).encode())
        self._request()

    def _period_b(self) -> None:
        control = self.fields(reg.Control0)
        if control.mode_b == ONE_SHOT:
            self.put(reg.Control0, replace(control, en_b=0).encode())
            self.put(reg.Control1, replace(self.fields(reg.Control1), clken_b=0).encode())
        flags = self.fields(reg.InterruptFlags)
        self.put(reg.InterruptFlags, replace(flags, irq_b=1).encode())
        self._request()

    def _request(self) -> None:
        flags, enable = self.fields(reg.InterruptFlags), self.fields(reg.Control1)
        high = bool(flags.irq_a & enable.ie_a | flags.irq_b & enable.ie_b)
        self.host.nvic.set_level(self._interrupt, high=high)
