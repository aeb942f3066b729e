"""Power, isolation, reset and clock of the four quadrants."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem

ALL_QUADRANTS = (1 << mem.QUADRANTS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerState:
    """What the power and clock registers outside the accelerator say.

    Attributes:
        power: quadrants with power, one bit each (GCFR REG0).
        ram: quadrants whose kernel memory has power (GCFR REG1).
        isolation: isolated quadrants (GCFR REG2).
        reset: quadrants held in reset (GCFR REG3).
        clock: whether the CNN clock runs (GCR PCLKDIS0).
        initialized: quadrants that were in reset while they had power; the registers of others
            hold nothing defined.
    """

    power: int = 0
    ram: int = 0
    isolation: int = 0
    reset: int = 0
    clock: bool = False
    initialized: int = 0

    def changed(
        self, *, power: int, ram: int, isolation: int, reset: int, clock: bool
    ) -> PowerState:
        """The state after a register write."""
        return PowerState(
            power=power,
            ram=ram,
            isolation=isolation,
            reset=reset,
            clock=clock,
            initialized=(self.initialized | reset) & power,
        )

    @property
    def usable(self) -> int:
        """Quadrants whose registers and memories can be accessed."""
        if not self.clock:
            return 0
        return self.power & self.initialized & ~(self.isolation | self.reset)

    def obstacle(self, quadrant: int) -> str:
        """Why the quadrant cannot be accessed; empty when it can."""
        bit = 1 << quadrant
        if not self.clock:
            return "the CNN clock does not run (PCLKDIS0 bit 25)"
        reasons = (
            (not self.power & bit, "has no power (GCFR REG0)"),
            (self.reset & bit, "is held in reset (GCFR REG3)"),
            (self.isolation & bit, "is isolated (GCFR REG2)"),
            (not self.initialized & bit, "was not reset after power-up (GCFR REG3)"),
        )
        text = next((reason for active, reason in reasons if active), "")
        return f"quadrant {quadrant} {text}" if text else ""
