"""SysTick: the core's own timer, counting down in CPU cycles."""

from __future__ import annotations

from mxdeploy.chip.max78000.peripherals import core as reg
from mxdeploy.emulator.board.architecture import SYSTICK
from mxdeploy.emulator.board.clock import Event
from mxdeploy.emulator.board.findings import not_modelled
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank


class SysTick(RegisterBank):
    """Counts from RVR to zero and again."""

    counters = frozenset((reg.SysTickCurrent.offset,))

    def __init__(self, host: Host) -> None:
        """Off."""
        self._event: Event | None = None
        self._base = 0
        self._frozen = 0
        super().__init__("SysTick", reg.SYSTICK, host)
        self.on_read(reg.SysTickControl, self._read_control)
        self.on_write(reg.SysTickControl, self._write_control)
        self.on_write(reg.SysTickReload, self._write_reload)
        self.on_read(reg.SysTickCurrent, lambda _i: self.value())
        self.on_write(reg.SysTickCurrent, self._clear)
        host.clock.on_frequency.append(self._plan)

    def reset(self) -> None:
        """Off."""
        super().reset()
        self._frozen = 0
        self._plan()

    def _enabled(self) -> bool:
        return bool(self.fields(reg.SysTickControl).enable)

    def _reload(self) -> int:
        return self.fields(reg.SysTickReload).reload

    def value(self) -> int:
        """The present count; at ``_base`` it was zero."""
        if not self._enabled() or not self._reload():
            return self._frozen
        elapsed = self.host.clock.cycles - self._base
        return self._reload() - (elapsed - 1) % (self._reload() + 1) if elapsed > 0 else 0

    def _restart_at_zero(self) -> None:
        self._base = self.host.clock.cycles
        self._frozen = 0
        self._plan()

    def _plan(self) -> None:
        if self._event is not None:
            self._event.cancel()
            self._event = None
        if not self._enabled() or not self._reload():
            return
        period = self._reload() + 1
        clock = self.host.clock
        left = period - (clock.cycles - self._base) % period
        self._event = clock.schedule(left * clock.ticks_per_cycle, self._zero)

    def _zero(self) -> None:
        control = self.fields(reg.SysTickControl)
        self.put(reg.SysTickControl, control.encode() | reg.SysTickControl(countflag=1).encode())
        if control.tickint:
            self.host.nvic.pend(SYSTICK)
        self._plan()

    # --- registers --------------------------------------------------------------------------

    def _read_control(self, _index: int) -> int:
        word = self.word(reg.SysTickControl)
        self.put(reg.SysTickControl, word & ~reg.SysTickControl(countflag=1).encode())
        return word

    def _write_control(self, _index: int, word: int) -> None:
        control = reg.SysTickControl.decode(word)
        if control.enable and not control.clksource:
            self.host.refuse(not_modelled("SysTick with the external clock (CSR.clksource = 0)"))
        value, was_on = self.value(), self._enabled()
        flag = self.word(reg.SysTickControl) & reg.SysTickControl(countflag=1).encode()
        self.put(reg.SysTickControl, word & ~reg.SysTickControl(countflag=1).encode() | flag)
        if control.enable and not was_on:
            passed = self._reload() + 1 - value if value else 0
            self._base = self.host.clock.cycles - passed
        elif not control.enable:
            self._frozen = value
        self._plan()

    def _write_reload(self, _index: int, word: int) -> None:
        self.put(reg.SysTickReload, word)
        if self._enabled():
            self._restart_at_zero()

    def _clear(self, _index: int, _word: int) -> None:
        self.put(
            reg.SysTickControl,
            self.word(reg.SysTickControl) & ~reg.SysTickControl(countflag=1).encode(),
        )
        self._restart_at_zero()
