"""The virtual board: what the rest of the package uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from mxdeploy.boards import Board, load_board
from mxdeploy.emulator.board.clock import TICKS_PER_SECOND
from mxdeploy.emulator.board.cpu import Outcome
from mxdeploy.emulator.board.findings import BoardFault, asleep_for_ever, never_happens
from mxdeploy.emulator.board.image import Image, load_image
from mxdeploy.emulator.board.machine import Machine
from mxdeploy.emulator.board.pace import Pace
from mxdeploy.emulator.board.report import describe, note
from mxdeploy.errors import Diagnostic, MxdeployError

T = TypeVar("T")
EXCHANGE_SECONDS = 0.002
"""Time between two looks at the outside while the program is busy."""
IDLE_SECONDS = 0.05
"""Longest wait for the outside at one time."""
KEPT_OUTPUT_BYTES = 1 << 20
"""Output kept while somebody is connected; a board may run for days."""


class StopReason(Enum):
    """Why ``run`` returned."""

    UNTIL = "the awaited output or condition came"
    IDLE = "the program waits for input"
    VIRTUAL_TIME = "the limit of virtual time is over"
    WALL_TIME = "the limit of real time is over"
    STOPPED = "stopped from outside"
    BOOTLOADER = "a reset with the activation pins held low started the ROM bootloader"
    BREAKPOINT = "a breakpoint of the debugger"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedChange:
    """A light went on or off."""

    seconds: float
    name: str
    on: bool


class Console(Protocol):
    """What is connected to the board's serial port."""

    def transmit(self, data: bytes) -> None:
        """Take what the board sends."""

    def receive(self, timeout_seconds: float) -> bytes:
        """What was sent to the board; waits up to ``timeout_seconds`` for the first byte."""

    def stopped(self) -> bool:
        """Whether serving should end."""


class VirtualBoard:
    """A board with firmware in its flash, powered and reset."""

    def __init__(self, board: Board | str, image: bytes | Image, *, lenient: bool = False) -> None:
        """Load the image and reset.

        Args:
            board: a board description, or the name of a known board.
            image: an ELF file, or flash content from 0x10000000 on, or an image already read.
            lenient: note and ignore accesses that are not declared, instead of stopping.

        Raises:
            ToolError: the CPU emulator is not installed.
            UsageError: no such board, or not an image for this chip.
        """
        self.board = load_board(board) if isinstance(board, str) else board
        loaded = image if isinstance(image, Image) else load_image(image)
        self._machine = Machine(loaded, lenient=lenient)
        self._leds: dict[str, bool] = {led.name: False for led in self.board.leds}
        self.led_trace: list[LedChange] = []
        self._console: Console | None = None
        self._pace: Pace | None = None
        self._exchanged = 0.0
        self._uart = self._machine.ports.uarts[self.board.console.uart]
        self._sent = 0
        self._connect()
        self._guarded(self._machine.reset)

    def _connect(self) -> None:
        console, gpios = self.board.console, self._machine.ports.gpios
        self._uart.expected_baud = console.baud
        self._uart.pin_name = str(console.tx)
        pin = console.tx
        self._uart.pin_connected = lambda: gpios[pin.port].is_alternate_1(pin.bit)
        for port, gpio in enumerate(gpios):
            gpio.on_output = self._watch_leds(port)
        for button in self.board.buttons:
            gpios[button.pin.port].drive(button.pin.bit, high=button.active_low)

    # --- observation ------------------------------------------------------------------------

    @property
    def machine(self) -> Machine:
        """The chip, for debuggers and whoever switches the board's power."""
        return self._machine

    @property
    def uart_output(self) -> bytes:
        """All that the firmware has sent on the console since power-on.

        While somebody is connected, only the last part is kept.
        """
        return bytes(self._uart.outgoing)

    @property
    def leds(self) -> dict[str, bool]:
        """Lights by name, True = lit."""
        return dict(self._leds)

    @property
    def seconds(self) -> float:
        """Virtual seconds since power-on."""
        return self._machine.clock.seconds

    @property
    def inferences(self) -> int:
        """How often the accelerator was started."""
        return self._machine.cnn.inferences

    @property
    def inference_cycles(self) -> int | None:
        """CNN clock cycles of the last inference; None before the first."""
        return self._machine.cnn.last_cycles

    @property
    def exceptions(self) -> int:
        """How many exceptions the core has entered."""
        return self._machine.cpu.exceptions.entered

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Warnings: what a real board would suffer from silently."""
        name = f"board {self.board.name}"
        return tuple(dict.fromkeys(note(finding, name) for finding in self._machine.notes))

    def read_memory(self, address: int, size: int) -> bytes:
        """Bytes of flash, SRAM or a usable data memory of the accelerator."""
        return self._machine.engine.read(address, size)

    def _watch_leds(self, port: int) -> Callable[[int, int], None]:
        leds = [led for led in self.board.leds if led.pin.port == port]

        def changed(levels: int, enabled: int) -> None:
            for led in leds:
                driven = bool(enabled & led.pin.mask)
                on = driven and bool(levels & led.pin.mask) != led.active_low
                if self._leds[led.name] != on:
                    self._leds[led.name] = on
                    if self._console is None:
                        change = LedChange(seconds=self.seconds, name=led.name, on=on)
                        self.led_trace.append(change)

        return changed

    # --- input ------------------------------------------------------------------------------

    def uart_feed(self, data: bytes) -> None:
        """Send bytes to the console; they arrive at the speed of the line."""
        self._uart.feed(data)

    def press(self, button: str, *, down: bool = True) -> None:
        """Press or release a button of the board."""
        for item in self.board.buttons:
            if item.name == button:
                gpio = self._machine.ports.gpios[item.pin.port]
                gpio.drive(item.pin.bit, high=down != item.active_low)
                return
        raise KeyError(button)

    def reset(self) -> None:
        """Press the reset button: memories keep their content."""
        self._guarded(self._machine.reset)

    # --- running ----------------------------------------------------------------------------

    def run(
        self,
        until: bytes | Callable[[], bool] | None = None,
        *,
        limit_seconds_virtual: float = 60.0,
        wall_seconds: float = 60.0,
    ) -> StopReason:
        """Run the firmware until something happens.

        Args:
            until: bytes to appear in the output sent from now on, or a condition.
            limit_seconds_virtual: longest virtual time.
            wall_seconds: longest real time.

        Raises:
            DeviceError: the firmware did something the chip would fault on.
            ModelError: the firmware used something that is not modelled.
        """
        limit = self._machine.clock.ticks + int(limit_seconds_virtual * TICKS_PER_SECOND)
        deadline = time.monotonic() + wall_seconds
        arrived = self._condition(until)
        return self._guarded(lambda: self._loop(arrived, limit, deadline))

    def step(self) -> None:
        """One instruction for a debugger: breakpoints are passed, interrupts wait.

        Raises:
            DeviceError: the firmware did something the chip would fault on.
        """
        self._guarded(self._step)

    def _step(self) -> None:
        machine = self._machine
        waits = machine.cpu.step_instruction() in (Outcome.POLLING, Outcome.ASLEEP)
        due = machine.clock.next_event()
        if waits and due is not None:
            machine.clock.jump(due)
        machine.clock.run_events()

    def _condition(self, until: bytes | Callable[[], bool] | None) -> Callable[[], bool]:
        if until is None:
            return lambda: False
        if callable(until):
            return until
        start, output = len(self._uart.outgoing), self._uart.outgoing
        wanted = until
        searched = start

        def found() -> bool:
            nonlocal searched
            if len(output) == searched:
                return False
            begin = max(start, searched - len(wanted))
            searched = len(output)
            return output.find(wanted, begin) >= 0

        return found

    def _loop(self, arrived: Callable[[], bool], limit: int, deadline: float) -> StopReason:
        machine = self._machine
        while True:
            if machine.in_rom:
                return StopReason.BOOTLOADER
            outcome = machine.step()
            if outcome is not Outcome.RAN and (reason := self._wait(outcome)) is not None:
                return reason
            if arrived():
                return StopReason.UNTIL
            if machine.clock.ticks >= limit:
                return StopReason.VIRTUAL_TIME
            now = time.monotonic()
            if now > deadline:
                return StopReason.WALL_TIME
            if self._console is not None and (ended := self._meet(self._console, now)) is not None:
                return ended

    def _wait(self, outcome: Outcome) -> StopReason | None:
        """The program sleeps or polls: go on to the next event, or wait for the outside."""
        if outcome is Outcome.BREAK:
            return StopReason.BREAKPOINT
        machine = self._machine
        if outcome is Outcome.POLLING and not machine.bus.polling.seen:
            return None  # bytes arrived after the read it was stopped in
        due = machine.clock.next_event()
        console = self._console
        if console is not None and self._pace is not None and due is not None:
            return self._keep_pace(console, self._pace, due)
        if console is not None and self._depends_on_outside(outcome):
            return self._wait_for_console(console, due)
        if due is not None:
            machine.clock.jump(due)
            machine.clock.run_events()
            return None
        return self._waits_for_ever(outcome)

    def _waits_for_ever(self, outcome: Outcome) -> StopReason:
        """Nothing on the board will change: is it waiting for somebody, or a defect?"""
        machine = self._machine
        if self._uart.stuck:
            raise BoardFault(never_happens(f"the baud clock of {self._uart.name} is off"))
        if outcome is Outcome.ASLEEP:
            if self._uart.listens or any(gpio.listens for gpio in machine.ports.gpios):
                return StopReason.IDLE
            machine.cpu.return_to_sleep()
            raise BoardFault(asleep_for_ever())
        if machine.bus.polling.waits_for_outside():
            return StopReason.IDLE
        names = ", ".join(machine.bus.name_of(a) for a in machine.bus.polling.seen)
        raise BoardFault(never_happens(f"it polls {names}"))

    # --- the outside ------------------------------------------------------------------------

    def serve(self, console: Console, *, pace: Pace | None = None) -> StopReason:
        """Run with something connected to the serial port, until it says stop.

        Args:
            console: what is connected.
            pace: keeps virtual time to the wall clock. Then bytes come at the speed of the line
                and are lost when nobody takes them from the FIFO in time. Without it the sender
                waits for room, and the board is as fast as it can be.

        Raises:
            DeviceError: the firmware did something the chip would fault on.
        """
        self._console = console
        self._pace = pace
        self._uart.waits_for_room = pace is None
        self._machine.bus.polling.paced = True
        try:
            return self._guarded(lambda: self._loop(lambda: False, 1 << 128, float("inf")))
        finally:
            self._flush_output(console)
            self._console = self._pace = None
            self._uart.waits_for_room = False
            self._machine.bus.polling.paced = False

    def _depends_on_outside(self, outcome: Outcome) -> bool:
        """Whether real time must pass: nothing on the board is under way."""
        machine = self._machine
        if machine.cnn.running or self._uart.busy or self._uart.receiving:
            return False
        return outcome is Outcome.ASLEEP or machine.bus.polling.waits_for_outside()

    def _wait_for_console(self, console: Console, due: int | None) -> StopReason | None:
        clock = self._machine.clock
        left = IDLE_SECONDS
        if due is not None:
            left = min(left, max(0.0, (due - clock.ticks) / TICKS_PER_SECOND))
        started = time.monotonic()
        if self._exchange(console, left):
            return StopReason.STOPPED
        passed = time.monotonic() - started
        target = clock.ticks + int(passed * TICKS_PER_SECOND)
        clock.jump(target if due is None else min(target, due))
        clock.run_events()
        return None

    def _meet(self, console: Console, now: float) -> StopReason | None:
        """Between two stretches of a busy program: look outside, wait if time is ahead."""
        ticks = self._machine.clock.ticks
        if self._pace is not None and self._pace.wait_seconds(ticks) > EXCHANGE_SECONDS:
            return self._keep_pace(console, self._pace, ticks)
        if now > self._exchanged + EXCHANGE_SECONDS:
            self._exchanged = now
            if self._exchange(console, 0.0):
                return StopReason.STOPPED
        return None

    def _keep_pace(self, console: Console, pace: Pace, due: int) -> StopReason | None:
        """Let real time pass until ``due``, or until something comes from outside."""
        clock = self._machine.clock
        left = pace.wait_seconds(due)
        if left > 0 and self._exchange(console, min(left, IDLE_SECONDS)):
            return StopReason.STOPPED
        clock.jump(min(due, max(clock.ticks, pace.ticks())))
        clock.run_events()
        return None

    def _exchange(self, console: Console, timeout_seconds: float) -> bool:
        """Pass bytes both ways; True when serving should end."""
        self._flush_output(console)
        self._uart.feed(console.receive(timeout_seconds))
        return console.stopped()

    def _flush_output(self, console: Console) -> None:
        output = self._uart.outgoing
        if len(output) > self._sent:
            console.transmit(bytes(output[self._sent :]))
            if len(output) > 2 * KEPT_OUTPUT_BYTES:
                del output[:-KEPT_OUTPUT_BYTES]
            self._sent = len(output)

    # --- errors -----------------------------------------------------------------------------

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (BoardFault, MxdeployError) as error:
            output = self.uart_output + self._uart.unsent
            self._machine.bus.abandon()
            raise describe(self._machine, error, output) from error
