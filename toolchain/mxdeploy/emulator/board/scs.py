"""The core's private registers: NVIC, SCB, FPU, DWT and debug control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mxdeploy.chip.max78000.peripherals import PeripheralRegister
from mxdeploy.chip.max78000.peripherals import core as reg
from mxdeploy.emulator.board import architecture as arm
from mxdeploy.emulator.board.findings import not_modelled
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

_LINES_PER_WORD = 32
_PRIORITIES_PER_WORD = 4
_FIRST_CONFIGURABLE = 4
WRITE_KEY = 0x05FA
_FPU_ON = 3
_WORD = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreControls:
    """What the core's registers change in the core.

    Attributes:
        look_again: an exception may have become ready: check before the next instruction.
        set_vector_table: VTOR.
        set_fpu: CPACR.
        set_automatic_fpu_state: FPCCR.ASPEN.
        system_reset: AIRCR.SYSRESETREQ.
        active_exception: IPSR.
    """

    look_again: Callable[[], None]
    set_vector_table: Callable[[int], None]
    set_fpu: Callable[[bool], None]
    set_automatic_fpu_state: Callable[[bool], None]
    system_reset: Callable[[], None]
    active_exception: Callable[[], int]


class InterruptRegisters(RegisterBank):
    """The NVIC's registers."""

    def __init__(self, host: Host, controls: CoreControls) -> None:
        """All interrupts off."""
        self._controls = controls
        super().__init__("NVIC", reg.NVIC, host)
        nvic = host.nvic
        for enable in (reg.InterruptSetEnable, reg.InterruptClearEnable):
            self.on_read(enable, lambda i: self._gather(i, lambda n: nvic.enabled[n]))
        for pending in (reg.InterruptSetPending, reg.InterruptClearPending):
            self.on_read(pending, lambda i: self._gather(i, lambda n: n in nvic.pending))
        self.on_read(reg.InterruptActive, lambda i: self._gather(i, lambda n: n in nvic.active))
        self.on_write(reg.InterruptSetEnable, self._each(lambda n: self._enable(n, on=True)))
        self.on_write(reg.InterruptClearEnable, self._each(lambda n: self._enable(n, on=False)))
        self.on_write(reg.InterruptSetPending, self._each(nvic.pend))
        self.on_write(reg.InterruptClearPending, self._each(nvic.pending.discard))
        self.on_write(reg.InterruptPriority, self._priority)

    def _numbers(self, index: int) -> range:
        first = arm.FIRST_INTERRUPT + index * _LINES_PER_WORD
        return range(first, min(first + _LINES_PER_WORD, arm.EXCEPTIONS))

    def _gather(self, index: int, state: Callable[[int], bool]) -> int:
        return sum(1 << bit for bit, n in enumerate(self._numbers(index)) if state(n))

    def _each(self, action: Callable[[int], None]) -> Callable[[int, int], None]:
        def write(index: int, word: int) -> None:
            for bit, number in enumerate(self._numbers(index)):
                if word >> bit & 1:
                    action(number)
            self._controls.look_again()

        return write

    def _enable(self, number: int, *, on: bool) -> None:
        self.host.nvic.enabled[number] = on

    def _priority(self, index: int, word: int) -> None:
        self.put(reg.InterruptPriority, word & arm.PRIORITY_MASK * 0x0101_0101, index)
        first = arm.FIRST_INTERRUPT + index * _PRIORITIES_PER_WORD
        for n, value in enumerate(word.to_bytes(4, "little")):
            self.host.nvic.set_priority(first + n, value)
        self._controls.look_again()


class SystemControlBlock(RegisterBank):
    """The SCB's registers."""

    def __init__(self, host: Host, controls: CoreControls) -> None:
        """As after a reset."""
        self._controls = controls
        super().__init__("SCB", reg.SCB, host)
        self.on_read(reg.InterruptControlState, self._state)
        self.on_write(reg.InterruptControlState, self._pend)
        self.on_write(reg.VectorTable, self._vector_table)
        self.on_write(reg.ResetControl, self._reset_control)
        self.on_write(reg.SystemControl, self._sleep_control)
        self.on_write(reg.HandlerPriority, self._priority)
        self.on_write(reg.CoprocessorAccess, self._coprocessor)
        for register in (reg.FaultStatus, reg.HardFaultStatus):
            self._define_write_1_to_clear(register)

    def _define_write_1_to_clear(self, register: type[PeripheralRegister]) -> None:
        self.on_write(register, lambda _i, word: self.put(register, self.word(register) & ~word))

    def _state(self, _index: int) -> int:
        nvic = self.host.nvic
        best = nvic.best_pending()
        interrupts = [n for n in nvic.pending if n >= arm.FIRST_INTERRUPT]
        return reg.InterruptControlState(
            vectactive=self._controls.active_exception(),
            rettobase=int(len(nvic.active) <= 1),
            vectpending=best or 0,
            isrpending=int(bool(interrupts)),
            pendstset=int(arm.SYSTICK in nvic.pending),
            pendsvset=int(arm.PENDSV in nvic.pending),
            nmipendset=int(arm.NMI in nvic.pending),
        ).encode()

    def _pend(self, _index: int, word: int) -> None:
        request = reg.InterruptControlState.decode(word)
        nvic = self.host.nvic
        for wanted, number in (
            (request.pendstset, arm.SYSTICK),
            (request.pendsvset, arm.PENDSV),
            (request.nmipendset, arm.NMI),
        ):
            if wanted:
                nvic.pend(number)
        if request.pendstclr:
            nvic.pending.discard(arm.SYSTICK)
        if request.pendsvclr:
            nvic.pending.discard(arm.PENDSV)
        self._controls.look_again()

    def _vector_table(self, _index: int, word: int) -> None:
        self.put(reg.VectorTable, word)
        self._controls.set_vector_table(word)

    def _reset_control(self, _index: int, word: int) -> None:
        control = reg.ResetControl.decode(word)
        if control.vectkey != WRITE_KEY:
            return
        kept = replace(control, vectkey=0xFA05, sysresetreq=0, vectreset=0, vectclractive=0)
        self.put(reg.ResetControl, kept.encode())
        self.host.nvic.set_group(control.prigroup)
        if control.sysresetreq:
            self.host.defer(self._controls.system_reset)
        self._controls.look_again()

    def _sleep_control(self, _index: int, word: int) -> None:
        control = reg.SystemControl.decode(word)
        if control.sleepdeep or control.sleeponexit:
            self.host.refuse(
                not_modelled(f"SCB {control}", "deep sleep locks the debugger out of the chip")
            )
        self.put(reg.SystemControl, word)

    def _priority(self, index: int, word: int) -> None:
        self.put(reg.HandlerPriority, word & arm.PRIORITY_MASK * 0x0101_0101, index)
        first = _FIRST_CONFIGURABLE + index * _PRIORITIES_PER_WORD
        for n, value in enumerate(word.to_bytes(4, "little")):
            self.host.nvic.set_priority(first + n, value)
        self._controls.look_again()

    def _coprocessor(self, _index: int, word: int) -> None:
        self.put(reg.CoprocessorAccess, word)
        access = reg.CoprocessorAccess.decode(word)
        self._controls.set_fpu(access.cp10 == _FPU_ON and access.cp11 == _FPU_ON)


class FpuRegisters(RegisterBank):
    """Saving of the FPU state in exceptions."""

    def __init__(self, host: Host, controls: CoreControls) -> None:
        """Automatic saving is on."""
        super().__init__("FPU", reg.FPU, host)

        def write(_index: int, word: int) -> None:
            self.put(reg.FpuContextControl, word)
            controls.set_automatic_fpu_state(bool(self.fields(reg.FpuContextControl).aspen))

        self.on_write(reg.FpuContextControl, write)


class Trace(RegisterBank):
    """DWT: the cycle counter."""

    counters = frozenset((reg.DwtCycleCount.offset,))

    def __init__(self, host: Host) -> None:
        """Stopped at zero."""
        self._base = 0
        self._stopped = 0
        super().__init__("DWT", reg.DWT, host)
        self.on_write(reg.DwtControl, self._control)
        self.on_read(reg.DwtCycleCount, lambda _i: self.cycles())
        self.on_write(reg.DwtCycleCount, self._set)

    def cycles(self) -> int:
        """Present count, 32 bits."""
        if not self.fields(reg.DwtControl).cyccntena:
            return self._stopped
        return self.host.clock.cycles - self._base & _WORD

    def _set(self, _index: int, word: int) -> None:
        self._base = self.host.clock.cycles - word
        self._stopped = word

    def _control(self, _index: int, word: int) -> None:
        count = self.cycles()
        self.put(reg.DwtControl, word)
        self._set(0, count)
