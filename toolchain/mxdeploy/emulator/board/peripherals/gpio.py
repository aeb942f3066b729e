"""GPIO0..2: pin functions, outputs with a record of their changes, inputs, interrupts."""

from __future__ import annotations

from collections.abc import Callable

from mxdeploy.chip.max78000.peripherals import PeripheralRegister
from mxdeploy.chip.max78000.peripherals import gpio as reg
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

_SET_CLEAR: tuple[tuple[type[PeripheralRegister], ...], ...] = (
    (reg.En0, reg.En0Set, reg.En0Clear),
    (reg.En1, reg.En1Set, reg.En1Clear),
    (reg.En2, reg.En2Set, reg.En2Clear),
    (reg.OutputEnable, reg.OutputEnableSet, reg.OutputEnableClear),
    (reg.Output, reg.OutputSet, reg.OutputClear),
    (reg.InterruptEnable, reg.InterruptEnableSet, reg.InterruptEnableClear),
    (reg.WakeEnable, reg.WakeEnableSet, reg.WakeEnableClear),
)


class Gpio(RegisterBank):
    """One port of up to 32 pins."""

    def __init__(self, name: str, host: Host, interrupt: int) -> None:
        """All pins are inputs."""
        self._interrupt = interrupt
        self.driven = 0
        """Levels that the outside drives; pulled up where nothing does."""
        self.driven_mask = 0
        self.on_output: Callable[[int, int], None] = lambda _levels, _enabled: None
        self._levels = 0
        super().__init__(name, reg.GPIO, host)
        for target, setter, clearer in _SET_CLEAR:
            self._define(target, setter, clearer)
        self.on_read(reg.Input, lambda _i: self.levels())
        self.on_write(reg.InterruptFlagsClear, self._clear_flags)

    def reset(self) -> None:
        """Registers to their reset values."""
        super().reset()
        self.host.nvic.set_level(self._interrupt, high=False)
        self._changed()

    def _define(
        self,
        target: type[PeripheralRegister],
        setter: type[PeripheralRegister],
        clearer: type[PeripheralRegister],
    ) -> None:
        def assign(_index: int, word: int) -> None:
            self.put(target, word)
            self._changed()

        self.on_write(target, assign)
        self.on_write(setter, lambda _i, word: assign(0, self.word(target) | word))
        self.on_write(clearer, lambda _i, word: assign(0, self.word(target) & ~word))
        for alias in (setter, clearer):
            self.on_read(alias, lambda _i: self.word(target))

    def is_alternate_1(self, pin: int) -> bool:
        """Whether the pin is switched to its first alternate function."""
        words = (self.word(reg.En0), self.word(reg.En1), self.word(reg.En2))
        return not any(word >> pin & 1 for word in words)

    @property
    def listens(self) -> bool:
        """Whether a change of a pin may request an interrupt."""
        return bool(self.word(reg.InterruptEnable))

    def levels(self) -> int:
        """What IN shows: outputs as driven, inputs from the outside or their pull resistors."""
        output = self.word(reg.OutputEnable) & self.word(reg.En0)
        pulled_up = self.word(reg.PadControl0) & ~self.word(reg.PadControl1)
        outside = self.driven & self.driven_mask | pulled_up & ~self.driven_mask
        return self.word(reg.Output) & output | outside & ~output

    def drive(self, pin: int, *, high: bool | None) -> None:
        """Drive a pin from the outside (a button); None lets go of it."""
        bit = 1 << pin
        self.driven_mask = self.driven_mask & ~bit if high is None else self.driven_mask | bit
        self.driven = self.driven | bit if high else self.driven & ~bit
        self._changed()

    def held_low(self, pin: int) -> bool:
        """Whether the outside drives the pin low, whatever the registers say."""
        return bool(self.driven_mask & ~self.driven & 1 << pin)

    def _changed(self) -> None:
        before, self._levels = self._levels, self.levels()
        self.on_output(self.word(reg.Output), self.word(reg.OutputEnable))
        rising, falling = self._levels & ~before, before & ~self._levels
        polarity, both = self.word(reg.InterruptPolarity), self.word(reg.DualEdge)
        edges = rising & (polarity | both) | falling & (~polarity | both)
        level = ~(self._levels ^ polarity)
        mode, enabled = self.word(reg.InterruptMode), self.word(reg.InterruptEnable)
        hits = (edges & mode | level & ~mode) & enabled & 0xFFFF_FFFF
        self.put(reg.InterruptFlags, self.word(reg.InterruptFlags) | hits)
        self._request()

    def _clear_flags(self, _index: int, word: int) -> None:
        self.put(reg.InterruptFlags, self.word(reg.InterruptFlags) & ~word)
        self._request()

    def _request(self) -> None:
        high = bool(self.word(reg.InterruptFlags) & self.word(reg.InterruptEnable))
        self.host.nvic.set_level(self._interrupt, high=high)
