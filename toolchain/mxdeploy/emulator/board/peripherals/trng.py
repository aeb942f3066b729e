"""TRNG: numbers that look random but are the same in every run."""

from __future__ import annotations

from mxdeploy.chip.max78000.peripherals import timers as reg
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

_SEED = 0x9E37_79B9
_WORD = 0xFFFF_FFFF


class RandomNumbers(RegisterBank):
    """Xorshift in place of noise, so that runs are repeatable."""

    def __init__(self, host: Host) -> None:
        """A number is always ready."""
        self._state = _SEED
        super().__init__("TRNG", reg.TRNG, host)
        self.on_read(reg.RandomStatus, lambda _i: reg.RandomStatus(rdy=1).encode())
        self.on_read(reg.RandomData, self._next)

    def _next(self, _index: int) -> int:
        state = self._state
        state ^= state << 13 & _WORD
        state ^= state >> 17
        state ^= state << 5 & _WORD
        self._state = state
        return state
