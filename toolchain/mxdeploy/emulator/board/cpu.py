"""Executes the program in stretches of instructions, with exceptions, WFI and faults between."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from mxdeploy.emulator.board import architecture as arm
from mxdeploy.emulator.board import engine as eng
from mxdeploy.emulator.board.bus import Bus
from mxdeploy.emulator.board.clock import Clock
from mxdeploy.emulator.board.exceptions import Exceptions
from mxdeploy.emulator.board.findings import (
    BoardFault,
    Finding,
    breakpoint_hit,
    execution_outside,
    flash_store,
    fpu_disabled,
    svc_masked,
    undefined_instruction,
    unmapped,
)
from mxdeploy.emulator.board.nvic import Nvic

STRETCH = 1024
"""Instructions executed at once while registers are accessed; also the precision of time then."""
LONGEST_STRETCH = 1 << 16
QUIET_SHARE = 16
"""A computation without register accesses runs in stretches of 1/16 of what it took so far."""
MASKED_STRETCH = 1
"""While a pending exception is masked: it must run as soon as it is unmasked, however shortly."""

WFI = 0xBF30
WFI_BYTES = 2
_HINTS = (0xBF10, 0xBF20)
"""YIELD and WFE: unicorn reports them as invalid after having skipped them."""
_FETCH_ERRORS = (eng.ERROR_FETCH_UNMAPPED, eng.ERROR_FETCH_PROTECTED)


class Outcome(Enum):
    """How a stretch of instructions ended."""

    RAN = auto()
    POLLING = auto()
    ASLEEP = auto()
    BREAK = auto()
    """At a breakpoint; its instruction has not been executed."""


class Cpu:
    """The core with its exception model."""

    def __init__(self, engine: eng.Engine, bus: Bus, clock: Clock, nvic: Nvic) -> None:
        """Take over the engine's hooks."""
        self._engine = engine
        self._bus = bus
        self._clock = clock
        self._nvic = nvic
        self.exceptions = Exceptions(engine, nvic)
        self.fpu_enabled = False
        self._asleep = False
        self._quiet = 0
        """Instructions since the program last read a register."""
        self._wfi_next = -1
        self._cause: int | None = None
        self._memory_fault: tuple[int, int] | None = None
        self._watched: set[int] = set()
        self._breakpoints: dict[int, int] = {}
        """Hooks by address."""
        self._break_hit = False
        self._single = False
        self.explain_unmapped: Callable[[str, int, int], Finding] = unmapped
        engine.on_interrupt(self._on_interrupt)
        engine.on_invalid_memory(self._on_invalid_memory)
        engine.on_invalid_instruction(self._on_invalid_instruction)

    def watch_wfi(self, address: int) -> None:
        """Notice the WFI at ``address``: the engine does not tell why it stopped."""

        def about_to_sleep() -> None:
            if self._halfword(address) == WFI:  # flash may have been written since
                self._wfi_next = address + WFI_BYTES

        if address not in self._watched:
            self._watched.add(address)
            self._engine.on_address(address, about_to_sleep)

    def return_to_sleep(self) -> None:
        """Point at the WFI that the core sleeps in, for a report."""
        self._engine.set("PC", self._wfi_next - WFI_BYTES)

    def reset(self, stack_pointer: int, entry: int, vector_table: int) -> None:
        """State after a reset, ready to run at ``entry``."""
        self._engine.set_all(eng.CORE, (0,) * len(eng.CORE))
        self._engine.set_all(eng.FLOAT, (0,) * len(eng.FLOAT))
        for name in ("PRIMASK", "BASEPRI", "FAULTMASK"):
            self._engine.set(name, 0)
        self._engine.set("XPSR", arm.XPSR_THUMB)
        self._engine.set("CONTROL", 0)
        self._engine.set("PSP", 0)
        self._engine.set("MSP", stack_pointer)
        self._engine.set("LR", 0xFFFF_FFFF)
        self._engine.set("PC", entry & ~1)
        self.exceptions.vector_table = vector_table
        self.exceptions.automatic_fpu_state = True
        self.fpu_enabled = False
        self._asleep = False
        self._quiet = 0

    # --- debugging --------------------------------------------------------------------------

    @property
    def breakpoints(self) -> frozenset[int]:
        """Addresses of instructions at which the program stops."""
        return frozenset(self._breakpoints)

    def set_breakpoint(self, address: int) -> None:
        """Stop before the instruction at ``address``."""

        def hit() -> None:
            if not (self._single or self._bus.completing):
                self._break_hit = True
                self._engine.stop()

        if address not in self._breakpoints:
            self._breakpoints[address] = self._engine.on_address(address, hit)
            self._engine.forget_code()

    def clear_breakpoint(self, address: int) -> None:
        """No longer stop there."""
        handle = self._breakpoints.pop(address, None)
        if handle is not None:
            self._engine.remove_hook(handle)
            self._engine.forget_code()

    def step_instruction(self) -> Outcome:
        """Execute one instruction, breakpoint or not; interrupts wait meanwhile.

        Raises:
            BoardFault: the program did something the chip would fault on.
        """
        self._single = True
        self._asleep = False  # a debugger steps over WFI
        try:
            return self.run_stretch()
        finally:
            self._single = False

    # --- execution --------------------------------------------------------------------------

    def run_stretch(self) -> Outcome:
        """Execute until the next event, at most ``STRETCH`` instructions.

        Raises:
            BoardFault: the program did something the chip would fault on.
        """
        if self._asleep:
            if not self._nvic.wakes(self._engine.get("BASEPRI")):
                return Outcome.ASLEEP
            self._asleep = False
        if not self._single or arm.SVCALL in self._nvic.pending:
            self.exceptions.deliver()
        pc = self._engine.get("PC")
        count = self._budget()
        start = self._clock.ticks
        self._cause = None
        self._memory_fault = None
        self._wfi_next = -1
        self._break_hit = False
        before = None if self.fpu_enabled else self._engine.get_all(eng.CORE)
        error = self._engine.run(pc, count)
        if before is not None and self._engine.get("CONTROL") & arm.CONTROL_FPCA:
            self._find_fpu_use(before, count)
        return self._after(error, start, count)

    def _find_fpu_use(self, before: tuple[int, ...], count: int) -> None:
        """The engine has an FPU that is always on: find out afterwards who used it.

        The stretch is rehearsed instruction by instruction with the registers it began with;
        memory may have changed since, so the place is nearly always, not always, exact.
        """
        engine = self._engine
        self._bus.rehearsal = True
        engine.set("CONTROL", engine.get("CONTROL") & ~arm.CONTROL_FPCA)
        engine.set_all(eng.CORE, before)
        for _ in range(count):
            pc = engine.get("PC")
            if engine.run(pc, 1) or engine.get("CONTROL") & arm.CONTROL_FPCA:
                engine.set("PC", pc)
                break
        raise BoardFault(fpu_disabled())

    def _budget(self) -> int:
        count = max(STRETCH, min(LONGEST_STRETCH, self._quiet // QUIET_SHARE))
        if self._nvic.pending or self._single:
            count = MASKED_STRETCH
        event = self._clock.next_event()
        if event is None:
            return count
        cycles = -(-(event - self._clock.ticks) // self._clock.ticks_per_cycle)
        return max(1, min(count, cycles))

    def _after(self, error: int, start: int, count: int) -> Outcome:
        bus = self._bus
        bus.raise_fault()
        if self._cause is not None:
            self._software_exception(self._cause)
        elif error:
            raise BoardFault(self._finding(error))
        elif self._break_hit:
            return Outcome.BREAK
        elif bus.stopped_at is not None:
            self._quiet = 0
            bus.finish_access()
        elif self._wfi_next == self._engine.get("PC"):
            self._asleep = True
            return Outcome.ASLEEP
        else:
            self._clock.jump(start + count * self._clock.ticks_per_cycle)
            reads = bus.polling.end_stretch()
            self._quiet = 0 if reads else self._quiet + count
            bus.run_deferred()
        if bus.poll_stop:
            bus.poll_stop = False
            return Outcome.POLLING
        return Outcome.RAN

    # --- exceptions that instructions cause ---------------------------------------------------

    def _software_exception(self, cause: int) -> None:
        if cause == eng.INTERRUPT_EXCEPTION_RETURN:
            self.exceptions.leave(self._engine.get("PC") | 1)
        elif cause == eng.INTERRUPT_SVC:
            self._nvic.pend(arm.SVCALL)
            if self._nvic.next_exception(*self.exceptions.masks()) != arm.SVCALL:
                raise BoardFault(svc_masked())
        elif cause == eng.INTERRUPT_BREAKPOINT:
            raise BoardFault(breakpoint_hit(self._halfword(self._engine.get("PC")) & 0xFF))
        else:
            raise BoardFault(undefined_instruction(self._halfword(self._engine.get("PC"))))

    def _on_interrupt(self, number: int) -> None:
        self._cause = number
        self._engine.stop()

    def _on_invalid_memory(self, _kind: int, address: int, size: int) -> None:
        if self._memory_fault is None:
            self._memory_fault = (address, size)

    def _on_invalid_instruction(self) -> bool:
        return self._halfword(self._engine.get("PC") - 2) in _HINTS

    def _halfword(self, address: int) -> int:
        try:
            return int.from_bytes(self._engine.read(address & ~1, 2), "little")
        except LookupError:
            return 0

    def _finding(self, error: int) -> Finding:
        pc = self._engine.get("PC")
        if self._memory_fault is None or error == eng.ERROR_INVALID_INSTRUCTION:
            return undefined_instruction(self._halfword(pc))
        address, size = self._memory_fault
        if error in _FETCH_ERRORS:
            return execution_outside(address)
        if error == eng.ERROR_WRITE_PROTECTED:
            return flash_store(address, size)
        kind = "store" if error == eng.ERROR_WRITE_UNMAPPED else "load"
        return self.explain_unmapped(kind, address, size)
