"""A core that a debugger has stopped: pyOCD's view of a target, on the virtual board."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mxdeploy.emulator.board.cpu import Outcome
from mxdeploy.emulator.board.image import load_image
from mxdeploy.emulator.board.machine import Machine

LOOP = bytes.fromhex("00e00120 09000010 fee7")
"""Stack, start address, and a jump to itself."""
MANY_STRETCHES = 2_000_000


class StoppedCore:
    """What pyOCD's ``Flash`` uses of a target; the program in flash is an endless loop."""

    def __init__(self, flash: bytes = LOOP) -> None:
        self.machine = Machine(load_image(flash), lenient=False)
        self.machine.reset()
        self.session = SimpleNamespace(context_state=SimpleNamespace(), options={})
        self.session.options = _Options()
        self.selected_core = None
        self.calls = 0
        self._return: int | None = None

    # --- pyOCD's names ------------------------------------------------------------------------

    def halt(self) -> None:
        """It is stopped."""

    reset_and_halt = halt

    def write_memory_block8(self, address: int, data: list[int]) -> None:
        self.machine.engine.write(address, bytes(data))

    def write_memory_block32(self, address: int, words: list[int]) -> None:
        self.machine.engine.write(address, b"".join(w.to_bytes(4, "little") for w in words))
        self.machine.engine.forget_code()

    def read_memory_block8(self, address: int, size: int) -> list[int]:
        return list(self.machine.engine.read(address, size))

    def write_core_registers_raw(self, names: list[str], values: list[int]) -> None:
        for name, value in zip(names, values, strict=True):
            if name == "lr":
                self._return_to(value & ~1)
            number = value & ~1 if name == "pc" else value
            self.machine.engine.set({"sp": "MSP"}.get(name, name.upper()), number)

    def _return_to(self, address: int) -> None:
        if self._return != address:
            assert self.machine.engine.read(address, 2) == bytes.fromhex("00be")
            self.machine.cpu.set_breakpoint(address)
            self._return = address

    def resume(self) -> None:
        """Run until the breakpoint that every call returns to."""
        self.calls += 1
        for _ in range(MANY_STRETCHES):
            outcome = self.machine.step()
            if outcome is Outcome.BREAK:
                return
            due = self.machine.clock.next_event()
            if outcome is Outcome.POLLING and due is not None:
                self.machine.clock.jump(due)
                self.machine.clock.run_events()
        raise AssertionError("the algorithm does not return")

    def get_state(self) -> Any:
        from pyocd.core.target import Target

        return Target.State.HALTED

    def read_core_register(self, name: str) -> int:
        return self.machine.engine.get(name.upper())

    # --- what tests ask -------------------------------------------------------------------------

    def flash(self, address: int, size: int) -> bytes:
        return self.machine.engine.read(address, size)

    @property
    def notes(self) -> list[str]:
        """What the virtual board's flash controller complained of."""
        return [finding.what for finding in self.machine.notes]


class _Options:
    """pyOCD's options; all of them are limits of time here."""

    def get(self, _name: str) -> float:
        return 60.0
