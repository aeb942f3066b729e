"""Which exception runs next: pending, enabled, active, and their priorities.

Pure state of the Armv7-M nested vectored interrupt controller and of the system exceptions; no
memory, no CPU. Numbers are exception numbers: 1..15 for the system, 16 + n for interrupt n.
"""

from __future__ import annotations

from mxdeploy.emulator.board.architecture import (
    EXCEPTIONS,
    FIRST_INTERRUPT,
    HARD_FAULT,
    NMI,
    PRIORITY_MASK,
    RESET,
)

THREAD_PRIORITY = 256
"""Weaker than every exception."""
_FIXED = {RESET: -3, NMI: -2, HARD_FAULT: -1}


class Nvic:
    """Pending, enabled and active exceptions."""

    def __init__(self) -> None:
        """Everything off."""
        self.reset()

    def reset(self) -> None:
        """Nothing is pending, active or enabled."""
        self.enabled = [n < FIRST_INTERRUPT for n in range(EXCEPTIONS)]
        self.pending: set[int] = set()
        self.active: list[int] = []
        self.priority = [0] * EXCEPTIONS
        self.group_mask = 0xFF
        self._level: set[int] = set()

    def set_priority(self, number: int, value: int) -> None:
        """Priority byte of an exception; only the upper three bits exist."""
        self.priority[number] = value & PRIORITY_MASK

    def set_group(self, prigroup: int) -> None:
        """AIRCR.PRIGROUP: bits above ``prigroup`` decide about preemption."""
        self.group_mask = 0xFF & ~((2 << prigroup) - 1)

    def pend(self, number: int) -> None:
        """Make an exception pending."""
        self.pending.add(number)

    def set_level(self, interrupt: int, *, high: bool) -> None:
        """State of a peripheral's request line; a rising line makes the interrupt pending."""
        number = FIRST_INTERRUPT + interrupt
        if high and number not in self._level:
            self._level.add(number)
            self.pending.add(number)
        elif not high:
            self._level.discard(number)

    def _rank(self, number: int) -> int:
        fixed = _FIXED.get(number)
        return self.priority[number] if fixed is None else fixed

    def _group(self, number: int) -> int:
        rank = self._rank(number)
        return rank if rank < 0 else rank & self.group_mask

    def execution_priority(self, primask: int, basepri: int, faultmask: int) -> int:
        """Priority an exception must beat; smaller is stronger."""
        current = min((self._group(n) for n in self.active), default=THREAD_PRIORITY)
        if basepri & PRIORITY_MASK:
            current = min(current, basepri & PRIORITY_MASK & self.group_mask)
        if primask:
            current = min(current, 0)
        if faultmask:
            current = min(current, -1)
        return current

    def best_pending(self) -> int | None:
        """The pending and enabled exception of strongest priority, lowest number first."""
        candidates = [n for n in self.pending if self.enabled[n]]
        return min(candidates, key=lambda n: (self._rank(n), n)) if candidates else None

    def next_exception(self, primask: int, basepri: int, faultmask: int) -> int | None:
        """The exception to enter now, if any."""
        if not self.pending:
            return None
        best = self.best_pending()
        if best is None:
            return None
        limit = self.execution_priority(primask, basepri, faultmask)
        return best if self._group(best) < limit else None

    def wakes(self, basepri: int) -> bool:
        """Whether WFI ends: PRIMASK does not count."""
        return self.next_exception(0, basepri, 0) is not None

    def enter(self, number: int) -> None:
        """The core starts the handler."""
        self.pending.discard(number)
        self.active.append(number)

    def leave(self, number: int) -> None:
        """The handler returned; a request line that is still high is pending again."""
        self.active.remove(number)
        if number in self._level:
            self.pending.add(number)
