"""The bus: who answers at an address, what the program did last, and how it is stopped.

A stop request inside a callback leaves the access unfinished: the engine returns with the program
counter still on the instruction, which it executes again. Therefore the access that asked for the
stop is remembered, the instruction is repeated alone, and its first access gets the remembered
answer without touching the device twice. (Inside an IT block the engine finishes the access, and
sometimes the whole stretch, before it stops; then there is nothing to repeat.) Instructions that
transfer several words are repeated correctly when their first word asks for the stop.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mxdeploy.emulator.board.clock import Clock
from mxdeploy.emulator.board.engine import Engine
from mxdeploy.emulator.board.findings import BoardFault, Finding, lenient_note, unknown_register
from mxdeploy.emulator.board.polling import Polling
from mxdeploy.errors import MxdeployError

ACCESS_CYCLES = 4
"""CPU cycles one register access is taken to last."""
LOG_LENGTH = 16


class Device(Protocol):
    """Something that answers on the bus."""

    counters: frozenset[int]
    """Offsets of registers that count time by themselves."""

    def read(self, offset: int, size: int) -> int:
        """Value of ``size`` bytes at ``offset``."""

    def write(self, offset: int, size: int, value: int) -> None:
        """Store ``size`` bytes at ``offset``."""


@dataclass(frozen=True, slots=True)
class Access:
    """One access, for the report of a fault."""

    kind: str
    address: int
    size: int
    value: int
    name: str

    def __str__(self) -> str:
        """``write 0x00000001 to UART0+0x20 (0x40042020)``."""
        word = f"0x{self.value:0{2 * self.size}x}"
        relation = "to" if self.kind == "write" else "from"
        return f"{self.kind} {word} {relation} {self.name} (0x{self.address:08x})"


@dataclass(frozen=True, slots=True)
class _Place:
    base: int
    end: int
    name: str
    device: Device


class Bus:
    """All windows of memory-mapped registers."""

    def __init__(self, engine: Engine, clock: Clock, *, lenient: bool) -> None:
        """Nothing is attached yet."""
        self._engine = engine
        self._clock = clock
        self.lenient = lenient
        self.polling = Polling(clock)
        self.fault: Exception | None = None
        self.stopped_at: int | None = None
        self.poll_stop = False
        self.on_note: Callable[[Finding], None] = lambda _finding: None
        self.rehearsal = False
        """Registers neither answer nor take anything: see ``Cpu``."""
        self._stepping = False
        self._replay: tuple[str, int, int] | None = None
        self._current: tuple[str, int] = ("", 0)
        self._deferred: list[Callable[[], None]] = []
        self._places: list[_Place] = []
        self._found: dict[int, tuple[_Place, int, bool]] = {}
        self._log: deque[tuple[str, int, int, int]] = deque(maxlen=LOG_LENGTH)

    # --- construction -----------------------------------------------------------------------

    def attach(self, name: str, base: int, size: int, device: Device) -> None:
        """Let ``device`` answer in a range."""
        self._places.append(_Place(base, base + size, name, device))
        self._places.sort(key=lambda place: place.base)
        self._found.clear()

    def open_window(self, base: int, size: int) -> None:
        """Route a part of the address space (whole pages) here."""

        def read(_handle: Any, offset: int, size: int, _user: Any) -> int:  # noqa: ANN401
            return self.guarded_read(base + offset, size)

        def write(_handle: Any, offset: int, size: int, value: int, _user: Any) -> None:  # noqa: ANN401
            self.guarded_write(base + offset, size, value)

        self._engine.map_io(base, size, read, write)

    def name_of(self, address: int) -> str:
        """``UART0+0x20``, or the plain address."""
        found = self._find(address)
        return f"{found[0].name}+0x{found[1]:02x}" if found else f"0x{address:08x}"

    def last_accesses(self) -> tuple[Access, ...]:
        """The last different register accesses, oldest first."""
        return tuple(Access(k, a, s, v, self.name_of(a)) for k, a, s, v in self._log)

    def note_access(self, kind: str, address: int, size: int, value: int) -> None:
        """Put an access into the log; polling counts once."""
        entry = (kind, address, size, value)
        if not self._log or self._log[-1] != entry:
            self._log.append(entry)

    # --- stopping ---------------------------------------------------------------------------

    def request_stop(self) -> None:
        """End the stretch of instructions with the access that is being handled."""
        if self._stepping or self.stopped_at is not None:
            return
        self.stopped_at = self._engine.get("PC")
        self._engine.stop()

    @property
    def completing(self) -> bool:
        """Whether an instruction is executed again to complete it."""
        return self._stepping

    def defer(self, action: Callable[[], None]) -> None:
        """Do something between this instruction and the next: mappings, resets, code changes."""
        self._deferred.append(action)
        self.request_stop()

    def finish_access(self) -> None:
        """After a stop: complete the instruction if need be, then do what was deferred.

        Raises:
            BoardFault: the access, or what it caused, is an error.
        """
        pc, self.stopped_at = self.stopped_at, None
        if self._engine.get("PC") == pc and self._replay is not None:
            self._stepping = True
            self._engine.run(pc, 1)
            self._stepping = False
        self._replay = None
        self.raise_fault()
        self.run_deferred()

    def abandon(self) -> None:
        """Forget what was under way: the program was stopped by a fault or a reset."""
        self.fault = self.stopped_at = self._replay = None
        self.poll_stop = self.rehearsal = self._stepping = False
        self._deferred.clear()

    def run_deferred(self) -> None:
        """Do what was put off to between two instructions."""
        while self._deferred:
            self._deferred.pop(0)()

    def raise_fault(self) -> None:
        """Raise what a callback found wrong."""
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    def fail(self, error: Exception) -> None:
        """From a callback: stop the program with an error."""
        if self.fault is None:
            self.fault = error
            self._engine.stop()

    # --- accesses ---------------------------------------------------------------------------

    def _find(self, address: int) -> tuple[_Place, int, bool] | None:
        found = self._found.get(address)
        if found is None:
            index = bisect_right(self._places, address, key=lambda place: place.base) - 1
            if index < 0 or address >= self._places[index].end:
                return None
            place = self._places[index]
            offset = address - place.base
            found = (place, offset, offset in place.device.counters)
            self._found[address] = found
        return found

    def guarded_read(self, address: int, size: int) -> int:
        """``read`` for the engine: errors are kept for after the stop."""
        if self.rehearsal:
            return 0
        try:
            if self._replay is not None and self._stepping:
                (kind, expected, value), self._replay = self._replay, None
                if kind == "read" and expected == address:
                    return value
            value = self.read(address, size)
            if self.stopped_at is not None and self._replay is None:
                self._replay = ("read", address, value)
        except Exception as error:  # noqa: BLE001 - must not pass through the engine's C code
            self.fail(error)
            return 0
        return value

    def guarded_write(self, address: int, size: int, value: int) -> None:
        """``write`` for the engine: errors are kept for after the stop."""
        if self.rehearsal:
            return
        try:
            if self._replay is not None and self._stepping:
                (kind, expected, _), self._replay = self._replay, None
                if kind == "write" and expected == address:
                    return
            self.write(address, size, value)
            if self.stopped_at is not None and self._replay is None:
                self._replay = ("write", address, value)
        except Exception as error:  # noqa: BLE001 - must not pass through the engine's C code
            self.fail(error)

    def read(self, address: int, size: int) -> int:
        """A load by the program."""
        self._clock.ticks += ACCESS_CYCLES * self._clock.ticks_per_cycle
        found = self._find(address)
        if found is None:
            self._unknown("read", address)
            return 0
        place, offset, counter = found
        value = place.device.read(offset, size)
        self.note_access("read", address, size, value)
        if self.polling.note_read(address, value, counter=counter):
            self.poll_stop = True
            self.request_stop()
        return value

    def write(self, address: int, size: int, value: int) -> None:
        """A store by the program."""
        self._clock.ticks += ACCESS_CYCLES * self._clock.ticks_per_cycle
        self.note_access("write", address, size, value)
        if self.polling.seen:
            self.polling.reset()
        found = self._find(address)
        if found is None:
            self._unknown("write", address)
            return
        found[0].device.write(found[1], size, value)

    def answers(self, address: int) -> bool:
        """Whether a device is attached there."""
        return self._find(address) is not None

    def peek(self, address: int, size: int) -> int:
        """A load by a debugger: takes no time, is not polling, is no access of the program.

        Raises:
            LookupError: nobody is there, or nobody answers.
        """
        found = self._find(address)
        if found is None:
            raise LookupError(f"nothing at 0x{address:08x}")
        try:
            return found[0].device.read(found[1], size)
        except (BoardFault, MxdeployError) as error:
            raise LookupError(f"no answer at 0x{address:08x}") from error
        finally:
            self.abandon()  # no instruction is waiting for the end of this access

    def poke(self, address: int, size: int, value: int) -> None:
        """A store by a debugger; see ``peek``."""
        found = self._find(address)
        if found is None:
            raise LookupError(f"nothing at 0x{address:08x}")
        try:
            found[0].device.write(found[1], size, value)
            self.run_deferred()
        except (BoardFault, MxdeployError) as error:
            raise LookupError(f"no answer at 0x{address:08x}") from error
        finally:
            self.abandon()  # no instruction is waiting for the end of this access

    def _unknown(self, kind: str, address: int) -> None:
        self.refuse(unknown_register(kind, "no peripheral here", address))

    def refuse(self, finding: Finding) -> None:
        """An error in strict mode, a note in lenient mode."""
        if not self.lenient:
            raise BoardFault(finding)
        self.on_note(lenient_note(finding))
