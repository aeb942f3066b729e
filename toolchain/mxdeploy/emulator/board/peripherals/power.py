"""GCFR (power of the accelerator), ICC (cache), SIMO (supplies)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mxdeploy.chip.max78000.peripherals import power as reg
from mxdeploy.chip.max78000.peripherals import powerseq as seq
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

_ALL_OUTPUTS_READY = seq.OutputReady(
    buckoutrdya=1, buckoutrdyb=1, buckoutrdyc=1, buckoutrdyd=1
).encode()


class CnnPower(RegisterBank):
    """GCFR: power, memory power, isolation and reset of the quadrants."""

    def __init__(self, host: Host) -> None:
        """Everything off."""
        self.on_change: Callable[[], None] = lambda: None
        super().__init__("GCFR", reg.GCFR, host)
        self.on_write(reg.CnnPower, self._power)
        self.on_write(reg.CnnRamPower, self._ram)
        self.on_write(reg.CnnIsolation, self._isolation)
        self.on_write(reg.CnnReset, self._reset_lines)

    def _power(self, _index: int, word: int) -> None:
        self.put(reg.CnnPower, word)
        self.host.defer(self.on_change)

    def _ram(self, _index: int, word: int) -> None:
        self.put(reg.CnnRamPower, word)
        self.host.defer(self.on_change)

    def _isolation(self, _index: int, word: int) -> None:
        self.put(reg.CnnIsolation, word)
        self.host.defer(self.on_change)

    def _reset_lines(self, _index: int, word: int) -> None:
        self.put(reg.CnnReset, word)
        self.host.defer(self.on_change)

    @property
    def state(self) -> tuple[int, int, int, int]:
        """Power, memory power, isolation and reset; bit q = quadrant q."""
        return (
            self.word(reg.CnnPower),
            self.word(reg.CnnRamPower),
            self.word(reg.CnnIsolation),
            self.word(reg.CnnReset),
        )


class Cache(RegisterBank):
    """ICC: always ready; the program does not notice the cache otherwise."""

    def __init__(self, name: str, host: Host) -> None:
        """Off."""
        super().__init__(name, reg.ICC, host)
        self.on_read(
            reg.CacheControl, lambda _i: replace(self.fields(reg.CacheControl), rdy=1).encode()
        )


class Supplies(RegisterBank):
    """SIMO: all outputs reach their voltage at once."""

    def __init__(self, host: Host) -> None:
        """As after a reset."""
        super().__init__("SIMO", seq.SIMO, host)
        self.on_read(seq.OutputReady, lambda _i: _ALL_OUTPUTS_READY)
