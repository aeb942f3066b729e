"""The board as it lies on a desk: power switch, reset, activation pins, ROM, flash that stays.

``VirtualBoard`` is a chip that runs firmware; here is what happens to it. Everything that comes
from outside waits until the chip is between two instructions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter

from mxdeploy.boards import Board, Pin, PinText, load_board
from mxdeploy.chip.max78000 import bootloader as rom
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.bootloader import LockState
from mxdeploy.emulator.board.board import IDLE_SECONDS, StopReason, VirtualBoard
from mxdeploy.emulator.board.console import LineConsole
from mxdeploy.emulator.board.control import ControlPort
from mxdeploy.emulator.board.flash_store import ERASED, FlashStore
from mxdeploy.emulator.board.gdb import GdbServer
from mxdeploy.emulator.board.image import Image
from mxdeploy.emulator.board.pace import Pace
from mxdeploy.emulator.board.rom import RomBootloader
from mxdeploy.emulator.board.rom_line import RomLine
from mxdeploy.errors import DeviceError, Diagnostic, MxdeployError, UsageError
from mxdeploy.link.control import State, Status

LED_SECONDS = 0.05
"""Lights are shown at most so often: nobody sees more."""
VECTOR_BYTES = 8
"""Stack pointer and reset vector: what the core reads first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a board is run.

    Attributes:
        realtime: UART and timers keep to the wall clock, bytes can be lost.
        lenient: accesses that are not declared are noted and ignored.
        bootloader: the activation pins are held low at power-on.
    """

    realtime: bool = False
    lenient: bool = False
    bootloader: bool = False


class LiveBoard:
    """A board that somebody switches on."""

    def __init__(
        self,
        board: Board | str,
        flash: FlashStore,
        *,
        image: Image | None = None,
        settings: Settings | None = None,
        control: ControlPort | None = None,
        debugger: GdbServer | None = None,
    ) -> None:
        """Switch on.

        Args:
            board: a board description, or the name of a known board.
            flash: content of the flash.
            image: where source lines come from, as long as the flash holds just this.
            settings: how it is run.
            control: the control port.
            debugger: where a debugger connects.

        Raises:
            ToolError: the CPU emulator is not installed.
            UsageError: no such board.
        """
        self.board = load_board(board) if isinstance(board, str) else board
        self.settings = settings or Settings()
        self.on_leds: Callable[[dict[str, bool]], None] = lambda _leds: None
        """Called when lights have changed, at most every ``LED_SECONDS``."""
        self.on_fault: Callable[[tuple[Diagnostic, ...]], None] = lambda _diagnostics: None
        """Called when the firmware has failed and the core has locked up."""
        self.on_sent: Callable[[bytes], None] = lambda _data: None
        """Called with what the board sends to its serial port."""
        self._flash = flash
        self._image = image
        self._control = control
        self._debugger = debugger
        self._rom = RomBootloader(flash)
        self._held = False
        self._pressed = {button.name: False for button in self.board.buttons}
        self._state = State.OFF
        self._why = ""
        self._chip: VirtualBoard | None = None
        self._seconds_before = 0.0
        self._failed = False
        self._noted: list[Diagnostic] = []
        self._shown_leds: dict[str, bool] = {}
        self._shown_at = 0.0
        self._quit = False
        self._broken: DeviceError | None = None
        self._rom_line: RomLine | None = None
        self.power(on=True, bootloader=self.settings.bootloader)

    # --- what can be done to it -----------------------------------------------------------------

    def power(self, *, on: bool, bootloader: bool = False) -> None:
        """The power switch; ``bootloader`` holds the activation pins low meanwhile."""
        if not on:
            self._note()
            self._flash.save()
            self._state, self._why, self._failed, self._chip = State.OFF, "", False, None
        elif self._state is State.OFF:
            self._seconds_before = 0.0
            self._chip = self._new_chip()
            self._boot(pins_low=bootloader or self._held)

    def reset(self, *, bootloader: bool = False) -> None:
        """The reset button; ``bootloader`` holds the activation pins low meanwhile.

        Raises:
            DeviceError: the board is off.
        """
        if self._chip is None:
            raise DeviceError(_is_off())
        if self._state is State.BOOTLOADER:
            # The ROM has used the SRAM and changed the flash: the application finds a fresh chip.
            self._seconds_before += self._chip.seconds
            self._chip = self._new_chip()
        else:
            self._chip.reset()
        self._boot(pins_low=bootloader or self._held)

    def hold_activation(self, *, held: bool) -> None:
        """Hold both activation pins low, or let go of them."""
        self._held = held
        self._drive_pins()

    def press(self, button: str, *, down: bool = True) -> None:
        """Press or release a button.

        Raises:
            UsageError: the board has no such button.
        """
        if button not in self._pressed:
            raise UsageError(_no_button(button, tuple(self._pressed)))
        self._pressed[button] = down
        if self._chip is not None:
            self._chip.press(button, down=down)

    def write_flash(self, address: int, data: bytes) -> None:
        """Program flash as a debugger does; the content may be anything."""
        self._flash.write(address, data)
        if self._chip is not None:
            self._chip.machine.write_flash(address, data)

    def resume(self) -> None:
        """A debugger lets the core run on; it may have mended what locked it up."""
        if self._state is State.LOCKED_UP:
            self._state, self._why, self._failed = State.FIRMWARE, "", False

    def quit(self) -> None:
        """End serving."""
        self._quit = True

    # --- what can be seen -----------------------------------------------------------------------

    @property
    def chip(self) -> VirtualBoard | None:
        """The chip while the power is on."""
        return self._chip

    @property
    def debuggable(self) -> bool:
        """Whether the debug port answers."""
        unlocked = self._rom.lock_state is LockState.UNLOCKED
        return unlocked and self._state in (State.FIRMWARE, State.LOCKED_UP)

    @property
    def leds(self) -> dict[str, bool]:
        """Lights by name, True = lit."""
        if self._chip is None or self._state is State.BOOTLOADER:
            return {led.name: False for led in self.board.leds}
        return self._chip.leds

    @property
    def failed(self) -> bool:
        """Whether the core is locked up because the firmware did something wrong."""
        return self._failed

    @property
    def seconds(self) -> float:
        """Virtual seconds of running firmware since power-on."""
        return self._seconds_before + (self._chip.seconds if self._chip is not None else 0.0)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings: what a real board would suffer from silently."""
        self._note()
        return tuple(dict.fromkeys(self._noted))

    def describe(self) -> str:
        """One line about what it does."""
        status = self.status()
        return f"{status.state}{f': {status.why}' if status.why else ''}, {status.seconds:.6f} s"

    def status(self) -> Status:
        """Everything at once."""
        return Status(
            board=self.board.name,
            state=State.HALTED if self._halted else self._state,
            why=self._why,
            seconds=self.seconds,
            leds=self.leds,
            buttons=dict(self._pressed),
            activation_held=self._held,
        )

    # --- the chip -------------------------------------------------------------------------------

    def _new_chip(self) -> VirtualBoard:
        self._note()
        content = self._flash.content
        elf = None
        if self._image is not None:
            size = self._image.used_bytes
            elf = self._image.elf if content[:size] == self._image.flash[:size] else None
        used = len(content.rstrip(ERASED))
        image = Image(flash=content, used_bytes=used, elf=elf)
        chip = VirtualBoard(self.board, image, lenient=self.settings.lenient)
        chip.machine.on_flash_write = self._flash.write
        chip.machine.enters_rom = self._pins_low
        for name, down in self._pressed.items():
            chip.press(name, down=down)
        self._chip = chip
        self._drive_pins()
        return chip

    def _drive_pins(self) -> None:
        if self._chip is not None:
            for pin in _PINS:
                gpio = self._chip.machine.ports.gpios[pin.port]
                gpio.drive(pin.bit, high=False if self._held else None)

    def _pins_low(self) -> bool:
        if self._chip is None:
            return False
        gpios = self._chip.machine.ports.gpios
        return all(gpios[pin.port].held_low(pin.bit) for pin in _PINS)

    def _boot(self, *, pins_low: bool) -> None:
        """What the ROM does after a reset."""
        self._why, self._failed = "", False
        if pins_low:
            self._state = State.BOOTLOADER
            self._rom_line = None
        elif self._flash.read(mem.FLASH_BASE, VECTOR_BYTES) == ERASED * VECTOR_BYTES:
            self._state, self._why = State.LOCKED_UP, _BLANK
        else:
            self._state = State.FIRMWARE

    def _note(self) -> None:
        """Keep the warnings of a chip before it goes."""
        if self._chip is not None:
            self._noted += [d for d in self._chip.diagnostics if d not in self._noted]

    # --- running --------------------------------------------------------------------------------

    def serve(self, console: LineConsole) -> StopReason:
        """Run until the console says stop, or ``quit``.

        Raises:
            DeviceError: the flash file cannot be written.
        """
        for service in (self._control, self._debugger):
            if service is not None:
                console.attach(service)
        outside = _Outside(console, self)
        try:
            while not (console.stopped() or self._ends):
                self._turn(outside)
                if self._control is not None:
                    self._control.work(self)
                self._work_for_debugger()
        finally:
            self._note()
            self._flash.save()
        return StopReason.STOPPED

    def tick(self) -> None:
        """Look after the flash file and the lights."""
        try:
            self._flash.tick()
        except DeviceError as error:  # not the firmware's fault: ``serve`` tells it
            self._broken = error
        now = time.monotonic()
        if now - self._shown_at >= LED_SECONDS and (leds := self.leds) != self._shown_leds:
            self._shown_at, self._shown_leds = now, dict(leds)
            self.on_leds(leds)

    @property
    def deaf(self) -> bool:
        """Whether nothing arrives: one of the activation pins is the receive line."""
        return self._held or self._state is State.OFF

    @property
    def called(self) -> bool:
        """Whether somebody wants something between two instructions."""
        services = (self._control, self._debugger)
        return self._ends or any(s is not None and s.waiting for s in services)

    @property
    def _ends(self) -> bool:
        return self._quit or self._broken is not None

    @property
    def _halted(self) -> bool:
        return self._debugger is not None and self._debugger.halted

    def _work_for_debugger(self) -> None:
        if self._debugger is not None:
            self._debugger.work(self)
            if self._debugger.attached and not self.debuggable:
                self._debugger.close()

    def _turn(self, outside: _Outside) -> None:
        if self._halted and self._chip is not None:
            self._chip.uart_feed(outside.receive(IDLE_SECONDS))
            return
        match self._state:
            case State.FIRMWARE:
                self._run_firmware(outside)
            case State.BOOTLOADER:
                self._run_rom(outside)
            case _:
                outside.receive(IDLE_SECONDS)  # nobody hears it

    def _run_firmware(self, outside: _Outside) -> None:
        if self._chip is None:
            return
        clock = self._chip.machine.clock
        pace = Pace(clock.ticks) if self.settings.realtime else None
        try:
            reason = self._chip.serve(outside, pace=pace)
        except MxdeployError as error:
            if self._debugger is not None and self._debugger.attached:
                self._debugger.failed(error)
                return
            self._state, self._why, self._failed = State.LOCKED_UP, _first_lines(error), True
            self.on_fault(error.diagnostics)
            return
        if reason is StopReason.BOOTLOADER:
            self._boot(pins_low=True)
        elif reason is StopReason.BREAKPOINT and self._debugger is not None:
            self._debugger.stopped()

    def _run_rom(self, outside: _Outside) -> None:
        if self._rom_line is None:
            self._rom_line = RomLine(outside, paced=self.settings.realtime)
            self._rom_line.send(self._rom.start())
        while not outside.stopped():
            self._rom_line.send(self._rom.feed(self._rom_line.receive()))
            if self._rom.left:
                self.reset()
                return


class _Outside:
    """The serial port as the chip sees it: it also ends when somebody wants something."""

    def __init__(self, console: LineConsole, board: LiveBoard) -> None:
        self._console = console
        self._board = board

    def transmit(self, data: bytes) -> None:
        """Pass on what the board sends."""
        self._console.transmit(data)
        self._board.on_sent(data)

    def receive(self, timeout_seconds: float) -> bytes:
        """Pass on what comes."""
        data = self._console.receive(timeout_seconds)
        self._board.tick()
        return b"" if self._board.deaf else data

    def stopped(self) -> bool:
        """Whether to come back soon."""
        return self._console.stopped() or self._board.called


_BLANK = (
    "flash is blank: the core reads its stack pointer and its reset vector as 0xFFFFFFFF, cannot "
    "fetch there, nor the handler of that fault, and locks up"
)


_PINS: tuple[Pin, ...] = TypeAdapter(tuple[PinText, ...]).validate_python(rom.ACTIVATION_PINS)


def _first_lines(error: MxdeployError) -> str:
    first = error.diagnostics[0]
    return f"{first.where}: {first.what}"


def _is_off() -> Diagnostic:
    return Diagnostic(
        code="MX7324",
        where="virtual board",
        what="the board is switched off",
        fix="switch it on first",
    )


def _no_button(name: str, known: tuple[str, ...]) -> Diagnostic:
    return Diagnostic(
        code="MX7325",
        where="virtual board",
        what=f"there is no button {name!r}",
        why=f"its buttons: {', '.join(known) or 'none'}",
    )
