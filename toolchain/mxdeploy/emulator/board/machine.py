"""The chip: CPU, bus, peripherals and accelerator put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.peripherals import BLOCKS, INSTANCES, Instance, interrupt, region
from mxdeploy.chip.max78000.peripherals import gpio as gpio_reg
from mxdeploy.chip.max78000.peripherals import uart as uart_reg
from mxdeploy.emulator.accelerator import Accelerator
from mxdeploy.emulator.board import architecture as arm
from mxdeploy.emulator.board.bus import Bus
from mxdeploy.emulator.board.clock import Clock
from mxdeploy.emulator.board.cnn import CnnPort, data_memory
from mxdeploy.emulator.board.cpu import WFI, Cpu, Outcome
from mxdeploy.emulator.board.engine import Engine
from mxdeploy.emulator.board.findings import Finding, watchdog_reset
from mxdeploy.emulator.board.image import Image
from mxdeploy.emulator.board.nvic import Nvic
from mxdeploy.emulator.board.peripherals.bank import Host, RegisterBank, Unmodelled
from mxdeploy.emulator.board.peripherals.flc import FlashController
from mxdeploy.emulator.board.peripherals.gcr import GlobalControl, LowPowerControl
from mxdeploy.emulator.board.peripherals.gpio import Gpio
from mxdeploy.emulator.board.peripherals.power import Cache, CnnPower, Supplies
from mxdeploy.emulator.board.peripherals.tmr import Timer
from mxdeploy.emulator.board.peripherals.trng import RandomNumbers
from mxdeploy.emulator.board.peripherals.uart import Uart
from mxdeploy.emulator.board.peripherals.wdt import Watchdog
from mxdeploy.emulator.board.scs import (
    CoreControls,
    FpuRegisters,
    InterruptRegisters,
    SystemControlBlock,
    Trace,
)
from mxdeploy.emulator.board.systick import SysTick

_WINDOWS = ("peripherals", "private peripherals")
"""Regions of the address map that are answered register by register."""
_PLAIN_BLOCKS = ("SIR", "FCR", "MCR", "PWRSEQ", "DEBUG")
_MEMORY_BANKS = ("sysram0", "sysram1", "sysram2", "sysram3")
"""In the order of GCR MEMZ's bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The peripherals the outside of the chip is connected to."""

    uarts: tuple[Uart, ...]
    gpios: tuple[Gpio, ...]


class Machine:
    """A MAX78000 with an image in its flash."""

    def __init__(self, image: Image, *, lenient: bool) -> None:
        """Powered, not yet reset.

        Raises:
            ToolError: the CPU emulator is not installed.
        """
        self.image = image
        self.notes: list[Finding] = []
        self.on_flash_write: Callable[[int, bytes], None] = lambda _address, _data: None
        """Called with every change of flash that the program makes."""
        self.enters_rom: Callable[[], bool] = lambda: False
        """Asked at every reset: whether the ROM starts its bootloader instead of the program."""
        self.in_rom = False
        self._lenient = lenient
        self.engine = Engine()
        self.clock = Clock(clocks.ISO_HZ)
        self.nvic = Nvic()
        self.bus = Bus(self.engine, self.clock, lenient=lenient)
        self.bus.on_note = self.notes.append
        self.engine.map_memory(mem.FLASH_BASE, mem.FLASH_BYTES, writable=False)
        self.engine.map_memory(mem.SRAM_BASE, mem.SRAM_BYTES, writable=True)
        self.engine.write(mem.FLASH_BASE, image.flash)
        self.cpu = Cpu(self.engine, self.bus, self.clock, self.nvic)
        self._host = Host(
            clock=self.clock,
            nvic=self.nvic,
            defer=self.bus.defer,
            refuse=self.bus.refuse,
            note=self.notes.append,
        )
        self._banks: dict[str, RegisterBank] = {}
        self._build()
        self._attach_all()
        self._connect_gates()
        self._watch_sleep()

    # --- construction -----------------------------------------------------------------------

    def _add(self, name: str, bank: RegisterBank) -> None:
        self._banks[name] = bank

    def _build(self) -> None:
        host = self._host
        self.gcr = GlobalControl(host)
        self.gcr.on_system_reset = self.reset
        self.gcr.on_soft_reset = self._soft_reset
        self.gcr.on_zero_memory = self._zero_memory
        power = CnnPower(host)
        self._add("GCR", self.gcr)
        self._add("GCFR", power)
        self._add("SIMO", Supplies(host))
        self._add("ICC0", Cache("ICC0", host))
        self._add("TRNG", RandomNumbers(host))
        for number in range(3):
            name = f"UART{number}"
            self._add(name, Uart(name, host, interrupt(name).number))
            name = f"GPIO{number}"
            self._add(name, Gpio(name, host, interrupt(name).number))
        for number in range(4):
            name = f"TMR{number}"
            self._add(name, Timer(name, host, interrupt(name).number))
        watchdog = Watchdog("WDT0", host, interrupt("WDT0").number)
        watchdog.on_expired = self._watchdog_expired
        self._add("WDT0", watchdog)
        flash = FlashController(host, interrupt("FLC0").number, self.engine.read, self._write_flash)
        self._add("FLC0", flash)
        self._build_core()
        data = data_memory()
        model = Accelerator(lenient=self._lenient, data_memory=data)
        self.cnn = CnnPort(host, self.engine, self.bus, model, data, self.gcr, power)
        self._data = data
        self.cpu.explain_unmapped = self.cnn.explain_unmapped
        self.ports = Ports(
            uarts=tuple(b for b in self._banks.values() if isinstance(b, Uart)),
            gpios=tuple(b for b in self._banks.values() if isinstance(b, Gpio)),
        )

    def _build_core(self) -> None:
        exceptions = self.cpu.exceptions

        def set_vector_table(address: int) -> None:
            exceptions.vector_table = address

        def set_fpu(enabled: bool) -> None:
            self.cpu.fpu_enabled = enabled
            self.bus.request_stop()

        def set_automatic(enabled: bool) -> None:
            exceptions.automatic_fpu_state = enabled

        def look_again() -> None:
            if self.nvic.best_pending() is not None:
                self.bus.request_stop()

        controls = CoreControls(
            look_again=look_again,
            set_vector_table=set_vector_table,
            set_fpu=set_fpu,
            set_automatic_fpu_state=set_automatic,
            system_reset=self.reset,
            active_exception=lambda: self.engine.get("XPSR") & arm.XPSR_EXCEPTION_MASK,
        )
        self._add("SysTick", SysTick(self._host))
        self._add("NVIC", InterruptRegisters(self._host, controls))
        self._add("SCB", SystemControlBlock(self._host, controls))
        self._add("FPU", FpuRegisters(self._host, controls))
        self._add("DWT", Trace(self._host))

    def _attach_all(self) -> None:
        blocks = {block.name: block for block in BLOCKS}
        for place in INSTANCES:
            bank = self._banks.get(place.name)
            if bank is None and place.block in _PLAIN_BLOCKS:
                bank = RegisterBank(place.name, blocks[place.block], self._host)
                self._add(place.name, bank)
            self._attach(place, bank)
        for name in _WINDOWS:
            window = region(name)
            self.bus.open_window(window.base, window.size_bytes)

    def _attach(self, place: Instance, bank: RegisterBank | None) -> None:
        device = bank or Unmodelled(place.name, place.base, self._host)
        if place.name == "LPGCR":
            self._low_power = LowPowerControl(self._host)
            self._add(place.name, self._low_power)
            device = self._low_power
        if isinstance(device, RegisterBank):
            device.base = place.base
        self.bus.attach(place.name, place.base, place.size_bytes, device)

    def _connect_gates(self) -> None:
        by_field = {name.lower(): bank for name, bank in self._banks.items()}
        self.gcr.banks = {
            field: by_field[field]
            for field in by_field
            if field.startswith(("uart", "gpio", "tmr", "wdt", "trng")) and field != "gpio2"
        }
        self._low_power.banks = {"gpio2": by_field["gpio2"]}
        outside = {
            "UART": (uart_reg.Status, uart_reg.InterruptFlags, uart_reg.Fifo),
            "GPIO": (gpio_reg.Input, gpio_reg.InterruptFlags),
        }
        self.bus.polling.external = frozenset(
            place.base + register.offset
            for place in INSTANCES
            for register in outside.get(place.block, ())
        )
        for uart in self.ports.uarts:
            uart.on_arrival = self.bus.polling.reset

    def _watch_sleep(self) -> None:
        self._watch_wfi(mem.FLASH_BASE, self.image.flash)

    def _watch_wfi(self, address: int, code: bytes) -> None:
        halfwords = np.frombuffer(code, dtype="<u2")
        for index in np.flatnonzero(halfwords == WFI).tolist():
            self.cpu.watch_wfi(address + 2 * index)

    # --- events -----------------------------------------------------------------------------

    def _write_flash(self, address: int, data: bytes) -> None:
        self.write_flash(address, data)
        self.on_flash_write(address, data)

    def write_flash(self, address: int, data: bytes) -> None:
        """Change flash from outside; ``address`` and length are even."""
        self.engine.write(address, data)
        self._watch_wfi(address, data)
        self.engine.forget_code()

    def _zero_memory(self, memories: int) -> None:
        for bit, name in enumerate(_MEMORY_BANKS):
            if memories >> bit & 1:
                bank = region(name)
                self.engine.write(bank.base, bytes(bank.size_bytes))

    def _watchdog_expired(self) -> None:
        self.notes.append(watchdog_reset())
        self.reset()

    def _soft_reset(self) -> None:
        """A soft reset leaves the core alone unless the ROM finds its activation pins low.

        Source: user guide, table of resets, and figure 26-1, which looks at the pins after it.
        """
        if self.enters_rom():
            self.reset()

    def reset(self) -> None:
        """System reset: everything but memories; the program starts at the vector table."""
        for bank in self._banks.values():
            bank.reset()
        self.nvic.reset()
        self.cnn.reset(Accelerator(lenient=self._lenient, data_memory=self._data))
        self.bus.polling.reset()
        self.bus.abandon()
        self.in_rom = self.enters_rom()
        vectors = self.engine.read(mem.FLASH_BASE, 8)
        stack, entry = (int.from_bytes(vectors[n : n + 4], "little") for n in (0, 4))
        self.cpu.reset(stack, entry, mem.FLASH_BASE)

    def step(self) -> Outcome:
        """Run for a moment and let what is due happen."""
        outcome = self.cpu.run_stretch()
        self.clock.run_events()
        return outcome
