"""GCR: oscillators, system clock, clock gates, resets, power mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000.peripherals import PeripheralRegister
from mxdeploy.chip.max78000.peripherals import gcr as reg
from mxdeploy.chip.max78000.peripherals import power as power_reg
from mxdeploy.emulator.board.findings import not_modelled
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank

SELECT_ISO, SELECT_INRO, SELECT_IPO, SELECT_IBRO, SELECT_ERTCO = 0, 3, 4, 5, 6
OSCILLATOR_HZ = {
    SELECT_ISO: clocks.ISO_HZ,
    SELECT_INRO: clocks.INRO_HZ,
    SELECT_IPO: clocks.IPO_HZ,
    SELECT_IBRO: clocks.IBRO_HZ,
    SELECT_ERTCO: clocks.ERTCO_HZ,
}
_ACTIVE_MODES = (0, 1)
_CNN_DIVIDERS = (2, 4, 8, 16, 1, 1, 1, 1)


class GlobalControl(RegisterBank):
    """The GCR; knows the other peripherals to gate and reset them."""

    def __init__(self, host: Host) -> None:
        """ISO is the system clock, all gated peripherals are off."""
        self.banks: dict[str, RegisterBank] = {}
        """Peripherals by their field name in the clock-disable and reset registers."""
        self.on_cnn_clock: Callable[[], None] = lambda: None
        self.on_system_reset: Callable[[], None] = lambda: None
        self.on_soft_reset: Callable[[], None] = lambda: None
        """The core goes on after it, but the bootloader's pins are looked at."""
        self.on_zero_memory: Callable[[int], None] = lambda _memories: None
        super().__init__("GCR", reg.GCR, host)
        self.on_write(reg.SystemControl, self._system_control)
        self.on_write(reg.ClockControl, self._clock_control)
        self.on_write(reg.PowerManagement, self._power_mode)
        for gate in (reg.PeripheralClockDisable0, reg.PeripheralClockDisable1):
            self._define_gate(gate)
        for reset in (reg.Reset0, reg.Reset1):
            self._define_reset(reset)
        self.on_write(reg.MemoryZero, self._zero_memory)

    def reset(self) -> None:
        """Registers, clock and gates as after a system reset."""
        super().reset()
        self.host.clock.set_frequency(clocks.ISO_HZ)
        for gate in (reg.PeripheralClockDisable0, reg.PeripheralClockDisable1):
            apply_gates(self.banks, gate, self.word(gate))

    # --- clocks -----------------------------------------------------------------------------

    @property
    def cnn_clock_on(self) -> bool:
        """Whether the accelerator's clock runs."""
        return not self.fields(reg.PeripheralClockDisable0).cnn

    @property
    def cnn_clock_hz(self) -> int:
        """Frequency of the accelerator's clock while it runs."""
        divider = self.fields(reg.PeripheralClockDivider)
        pclk = self.host.clock.frequency_hz // clocks.PCLK_DIVIDER
        source = clocks.ISO_HZ if divider.cnnclksel else pclk
        return source // _CNN_DIVIDERS[divider.cnnclkdiv]

    def _clock_control(self, _index: int, word: int) -> None:
        control = reg.ClockControl.decode(word)
        running = {
            SELECT_ISO: control.iso_en,
            SELECT_INRO: 1,
            SELECT_IPO: control.ipo_en,
            SELECT_IBRO: control.ibro_en,
            SELECT_ERTCO: control.ertco_en,
        }
        ready = replace(
            control,
            sysclk_rdy=running.get(control.sysclk_sel, 0),
            iso_rdy=control.iso_en,
            ipo_rdy=control.ipo_en,
            ibro_rdy=control.ibro_en,
            ertco_rdy=control.ertco_en,
            inro_rdy=1,
        )
        self.put(reg.ClockControl, ready.encode())
        if ready.sysclk_rdy:
            hertz = OSCILLATOR_HZ[control.sysclk_sel] >> control.sysclk_div
            self.host.clock.set_frequency(hertz)

    def _define_gate(self, gate: type[PeripheralRegister]) -> None:
        def write(_index: int, word: int) -> None:
            changed = self.word(gate) ^ word
            self.put(gate, word)
            apply_gates(self.banks, gate, word)
            if gate is reg.PeripheralClockDisable0 and changed & gate.bit_fields()["cnn"].mask:
                self.host.defer(self.on_cnn_clock)

        self.on_write(gate, write)

    # --- resets -----------------------------------------------------------------------------

    def _define_reset(self, register: type[PeripheralRegister]) -> None:
        def write(_index: int, word: int) -> None:
            for name, spec in register.bit_fields().items():
                if word & spec.mask:
                    self._reset_one(name)

        self.on_write(register, write)
        self.on_read(register, lambda _i: 0)

    def _reset_one(self, name: str) -> None:
        if name == "sys":
            self.host.defer(self.on_system_reset)
        elif name in ("periph", "soft"):
            for bank in self.banks.values():
                if name == "soft" or not bank.name.startswith(("GPIO", "WDT")):
                    bank.reset()
            if name == "soft":
                self.host.defer(self.on_soft_reset)
        elif name in self.banks:
            self.banks[name].reset()
        elif name in ("cnn", "cpu1"):
            self.host.refuse(not_modelled(f"reset of {name} by GCR"))

    # --- the rest ---------------------------------------------------------------------------

    def _system_control(self, _index: int, word: int) -> None:
        control = reg.SystemControl.decode(word)
        if control.flash_page_flip or control.swd_dis:
            self.host.refuse(not_modelled(f"GCR {control}"))
        kept = replace(control, icc0_flush=0, cchk=0, chkres=0)
        self.put(reg.SystemControl, kept.encode())

    def _power_mode(self, _index: int, word: int) -> None:
        mode = reg.PowerManagement.decode(word).mode
        if mode not in _ACTIVE_MODES:
            self.host.refuse(
                not_modelled(
                    f"GCR power mode {mode}",
                    "firmware must not enter a low-power mode: it locks the debugger out",
                )
            )
        self.put(reg.PowerManagement, word)

    def _zero_memory(self, _index: int, word: int) -> None:
        self.host.defer(lambda: self.on_zero_memory(word))


class LowPowerControl(RegisterBank):
    """LPGCR: gates and resets of GPIO2 and other low-power peripherals."""

    def __init__(self, host: Host) -> None:
        """All clocks on."""
        self.banks: dict[str, RegisterBank] = {}
        super().__init__("LPGCR", power_reg.LPGCR, host)
        self.on_write(power_reg.LowPowerClockDisable, self._gate)
        self.on_write(power_reg.LowPowerReset, self._reset)
        self.on_read(power_reg.LowPowerReset, lambda _i: 0)

    def _gate(self, _index: int, word: int) -> None:
        self.put(power_reg.LowPowerClockDisable, word)
        apply_gates(self.banks, power_reg.LowPowerClockDisable, word)

    def _reset(self, _index: int, word: int) -> None:
        for name, spec in power_reg.LowPowerReset.bit_fields().items():
            if word & spec.mask and name in self.banks:
                self.banks[name].reset()


def apply_gates(banks: dict[str, RegisterBank], gate: type[PeripheralRegister], word: int) -> None:
    """Stop and start the clocks of the peripherals named by the register's fields."""
    for name, spec in gate.bit_fields().items():
        if name in banks:
            off = bool(word & spec.mask)
            banks[name].clock_gate = f"{gate.mnemonic}.{name}" if off else None
