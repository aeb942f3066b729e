"""Starts and completion: which quadrants run, what is still missing, what the layers did."""

from __future__ import annotations

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.doubts import as_error
from mxdeploy.emulator.accelerator.errors import not_modelled
from mxdeploy.emulator.accelerator.fifo import InputFifos
from mxdeploy.emulator.accelerator.memories import Memories
from mxdeploy.emulator.accelerator.registers import RegisterFile
from mxdeploy.emulator.accelerator.run import Run, perform, prepare_run
from mxdeploy.emulator.accelerator.store import DataMemory
from mxdeploy.emulator.accelerator.timing import LayerResult, RunTime
from mxdeploy.emulator.accelerator.unmodelled import ONE_SHOT_LEFT
from mxdeploy.errors import Diagnostic


class Sequencer:
    """Runs layers when CTRL says so.

    A start computes everything at once, as soon as the input is complete; until ``complete`` the
    run counts as under way. Clearing and setting cnn_en meanwhile stops it and lets it go on.

    Attributes:
        leader: the quadrant that was started last.
        busy_cycles: CNN clock cycles from the complete input to completion; None when idle.
        time: how long the last start took.
        layers: what the layers did; in one-shot mode since layer 0.
        doubts: warnings about the last run.
    """

    def __init__(
        self, registers: RegisterFile, memories: Memories, fifos: InputFifos, *, strict: bool
    ) -> None:
        """Idle; ``strict`` raises doubts."""
        self._registers = registers
        self._memories = memories
        self._fifos = fifos
        self._strict = strict
        self._prepared: tuple[object, Run] | None = None
        self._waiting: Run | None = None
        self._next_layer = 0
        self.leader = 0
        self.busy_cycles: int | None = None
        self.time: RunTime | None = None
        self.layers: tuple[LayerResult, ...] = ()
        self.doubts: tuple[Diagnostic, ...] = ()

    @property
    def run(self) -> Run | None:
        """The run that was started last, decoded; None before the first one."""
        return None if self._prepared is None else self._prepared[1]

    @property
    def waiting(self) -> Run | None:
        """The run that waits for FIFO words."""
        return self._waiting

    @property
    def shortage(self) -> str:
        """Which FIFOs lack how many words, while a start waits for them."""
        run = self._waiting
        return "" if run is None or run.frame is None else self._fifos.shortage(run.frame)

    def participants(self, leader: int) -> tuple[int, ...]:
        """The quadrants that a start by ``leader`` runs: it, and those that wait for it."""
        followers = []
        for quadrant in range(mem.QUADRANTS):
            control = self._registers.get(reg.Ctrl, reg.Ctrl.address(quadrant))
            waits = control.ext_sync_en and control.ext_sync_quadrant == leader
            if quadrant != leader and control.cnn_en and waits:
                followers.append(quadrant)
        return (leader, *followers)

    def start(self, leader: int, usable: int) -> None:
        """CTRL.cnn_en of a leading quadrant went from 0 to 1.

        Args:
            leader: the quadrant.
            usable: one bit for each quadrant with power and clock.

        Raises:
            NotModelledError: the registers ask for something that is not modelled.
        """
        if self.busy_cycles is not None:
            if self.run is None or not self.run.one_shot:
                return  # stopped on the way: it goes on
            self.complete()
        self.leader = leader
        self._perform(self._prepare(self.participants(leader)), usable)

    def stop(self, quadrant: int) -> None:
        """CTRL.cnn_en of a quadrant is 0."""
        if quadrant == self.leader:
            self._waiting = None

    def input_arrived(self, usable: int) -> None:
        """More words are in the FIFOs."""
        if self._waiting is not None:
            self._perform(self._waiting, usable)

    def complete(self) -> None:
        """Raise the completion flag of the leading quadrant, if a run is under way."""
        if self.busy_cycles is None:
            return
        self.busy_cycles = None
        address = reg.Ctrl.address(self.leader)
        irq = reg.Ctrl.bit_fields()["cnn_irq"].mask
        word = self._registers.word(reg.Ctrl, address)
        self._registers.force(reg.Ctrl, address, word | irq)

    def reset(self) -> None:
        """The leading quadrant lost its power or was reset."""
        self._waiting, self.busy_cycles = None, None
        self._next_layer = 0

    def _prepare(self, quadrants: tuple[int, ...]) -> Run:
        """Decode and read the weights, unless nothing has changed since the last run."""
        controls = tuple(self._registers.word(reg.Ctrl, reg.Ctrl.address(q)) for q in quadrants)
        versions = (
            self._registers.version,
            self._memories.kernels.version,
            self._memories.biases.version,
        )
        key = (quadrants, controls, versions)
        if self._prepared is None or self._prepared[0] != key:
            run = prepare_run(self._registers, quadrants, self._memories)
            self._prepared = (key, run)
        return self._prepared[1]

    def _perform(self, run: Run, usable: int) -> None:
        if run.frame is not None and not self._fifos.holds(run.frame):
            self._waiting = run
            return
        self._waiting = None
        only = self._one_layer(run)
        store = DataMemory(self._memories.data, self._memories.lanes, usable)
        done = perform(run, self._fifos, store, only)
        goes_on = bool(only)
        doubts = (*(self.doubts if goes_on else run.doubts), *done.doubts)
        if self._strict and doubts:
            raise as_error(doubts)
        self.layers = (*(self.layers if goes_on else ()), *done.layers)
        self.doubts = doubts
        self.time = done.time
        self.busy_cycles = done.time.after_input_cycles

    def _one_layer(self, run: Run) -> int | None:
        """The layer that a one-shot start runs; None when all layers run."""
        layer = self._next_layer
        if not run.one_shot:
            if layer:
                raise not_modelled("start", ONE_SHOT_LEFT, 0, f"layer {layer} is the next one")
            return None
        self._next_layer = (layer + 1) % len(run.layers)
        return layer
