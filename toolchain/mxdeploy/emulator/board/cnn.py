"""The accelerator's place on the bus: power, clock, memories, interrupt.

Registers go to the model one by one. Data memories are plain memory that the CPU and the model
share. Kernel memory receives tens of thousands of stores: they are only recorded, and handed to
the model in blocks when anything else of the accelerator is touched.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.peripherals import interrupt
from mxdeploy.chip.max78000.registers import Ctrl, FastFifoControl, FastFifoDma
from mxdeploy.emulator.accelerator import Accelerator
from mxdeploy.emulator.board.bus import Bus
from mxdeploy.emulator.board.clock import Event, ticks_of
from mxdeploy.emulator.board.engine import Engine
from mxdeploy.emulator.board.findings import (
    Finding,
    accelerator_busy,
    accelerator_unpowered,
    unmapped,
)
from mxdeploy.emulator.board.peripherals.bank import Host
from mxdeploy.emulator.board.peripherals.gcr import GlobalControl
from mxdeploy.emulator.board.peripherals.power import CnnPower

Words = npt.NDArray[np.uint32]
PAGE_BYTES = 4096
KERNEL_WINDOW_BYTES = mem.PROCESSORS_PER_QUADRANT * mem.KERNEL_STRIDE
DATA_WINDOW_BYTES = mem.DATA_MEMORIES // mem.QUADRANTS * mem.DATA_STRIDE
BLOCK_WINDOW_BYTES = 0x2000
"""FIFO registers at the start, the always-on register at 0x1000."""
FAST_FIFO_BASE = FastFifoControl.address()
FAST_FIFO_BYTES = FastFifoDma.address() + 4 - FAST_FIFO_BASE
CNN_INTERRUPT = interrupt("CNN").number
_CONTROLS = frozenset(Ctrl.address(quadrant) for quadrant in range(mem.QUADRANTS))


def data_memory() -> Words:
    """Page-aligned zeros for the 16 data memories: uint32 (16, 8192)."""
    spare = PAGE_BYTES // 4
    raw = np.zeros(mem.TOTAL_DATA_BYTES // 4 + spare, dtype=np.uint32)
    skip = -raw.ctypes.data % PAGE_BYTES // 4
    return raw[skip : skip + mem.TOTAL_DATA_BYTES // 4].reshape(mem.DATA_MEMORIES, mem.DATA_WORDS)


class CnnPort:
    """Connects the accelerator model with bus, power, clock and interrupt controller."""

    def __init__(
        self,
        host: Host,
        engine: Engine,
        bus: Bus,
        model: Accelerator,
        data: Words,
        control: GlobalControl,
        power: CnnPower,
    ) -> None:
        """Open the windows; the data memories are mapped while they can be used."""
        self._host = host
        self._engine = engine
        self._bus = bus
        self._data = data
        self._control = control
        self._power = power
        self.model = model
        self.inferences = 0
        self.last_cycles: int | None = None
        """CNN clock cycles of the last inference."""
        self._recorded: list[int] = []
        self._open = [False] * mem.QUADRANTS
        self._mapped = [False] * mem.QUADRANTS
        self._loadable = [False] * mem.QUADRANTS
        self._done: Event | None = None
        self._fed_since: int | None = None
        self._open_windows()
        control.on_cnn_clock = self.power_changed
        power.on_change = self.power_changed

    def reset(self, model: Accelerator) -> None:
        """Start over with a fresh model on the same data memories (whose content stays)."""
        self._recorded.clear()
        if self._done is not None:
            self._done.cancel()
            self._done = None
        self._fed_since = None
        self.model = model
        self.power_changed()

    # --- windows ----------------------------------------------------------------------------

    def _open_windows(self) -> None:
        block = _Window(self, mem.CNN_BASE)
        self._bus.attach("CNN", mem.CNN_BASE, BLOCK_WINDOW_BYTES, block)
        self._bus.open_window(mem.CNN_BASE, BLOCK_WINDOW_BYTES)
        fifo = _Window(self, FAST_FIFO_BASE)
        self._bus.attach("CNN fast FIFO", FAST_FIFO_BASE, FAST_FIFO_BYTES, fifo)
        for quadrant in range(mem.QUADRANTS):
            base = mem.quadrant_base(quadrant)
            size = mem.KERNEL_OFFSET + KERNEL_WINDOW_BYTES
            self._bus.attach(f"CNN quadrant {quadrant}", base, size, _Window(self, base))
            self._bus.open_window(base, mem.KERNEL_OFFSET)
            self._open_kernel_window(quadrant)

    def _open_kernel_window(self, quadrant: int) -> None:
        base = mem.quadrant_base(quadrant) + mem.KERNEL_OFFSET
        bus, record, loadable = self._bus, self._recorded.append, self._loadable

        def read(_handle: Any, offset: int, size: int, _user: Any) -> int:  # noqa: ANN401
            return bus.guarded_read(base + offset, size)

        def write(_handle: Any, offset: int, size: int, value: int, _user: Any) -> None:  # noqa: ANN401
            if size == 4 and loadable[quadrant]:  # noqa: PLR2004 - a word
                record(base + offset << 32 | value)
            else:
                bus.guarded_write(base + offset, size, value)

        self._engine.map_io(base, KERNEL_WINDOW_BYTES, read, write)

    # --- accesses ---------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand the recorded kernel stores to the model."""
        if not self._recorded:
            return
        recorded = np.array(self._recorded, dtype=np.uint64)
        self._recorded.clear()
        addresses = recorded >> np.uint64(32)
        values = (recorded & np.uint64(0xFFFF_FFFF)).astype(np.uint32)
        starts = np.flatnonzero(np.diff(addresses) != 4) + 1  # noqa: PLR2004 - next word
        bounds = [0, *starts.tolist(), len(values)]
        for first, last in pairwise(bounds):
            self.model.write_block(int(addresses[first]), values[first:last], 4)
        self._bus.note_access("write", int(addresses[-1]), 4, int(values[-1]))

    def read(self, address: int, size: int) -> int:
        """A load from a register, bias memory, TRAM or kernel memory."""
        self.flush()
        return self.model.read(address, size)

    def write(self, address: int, size: int, value: int) -> None:
        """A store to a register, bias memory, TRAM, kernel memory or a FIFO."""
        self.flush()
        self.model.write(address, value, size)
        if self._done is None and self.model.busy_cycles is not None:
            self._started(self.model.busy_cycles)
        if address in _CONTROLS:
            self._follow_fifos()
            self._host.nvic.set_level(CNN_INTERRUPT, high=self.model.interrupt)

    # --- running ----------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether an inference is under way."""
        return self._done is not None or self._fed_since is not None

    def _follow_fifos(self) -> None:
        """Note when a run begins to wait for FIFO words, or gives up waiting."""
        waits = self.model.waiting_for_input
        if waits == (self._fed_since is not None):
            return
        self._fed_since = self._host.clock.ticks if waits else None
        self._host.defer(self._remap)

    def _started(self, cycles: int) -> None:
        """The input is there; layers that stream have worked since its first words.

        The CPU of this board writes to FIFOs faster than a real bus lets it. A stream takes at
        least the time in which a real host delivers the input.
        """
        time = self.model.time
        clock, frequency = self._host.clock, self._control.cnn_clock_hz
        ticks = ticks_of(cycles, frequency)
        if time is not None and time.estimated and self._fed_since is not None:
            end = self._fed_since + ticks_of(time.cycles, frequency)
            ticks = max(ticks, end - clock.ticks)
        self._fed_since = None
        self.inferences += 1
        self.last_cycles = cycles if time is None else time.cycles
        self._done = clock.schedule(ticks, self._finished)
        self._host.defer(self._remap)

    def _finished(self) -> None:
        self._done = None
        self.model.complete()
        self._host.nvic.set_level(CNN_INTERRUPT, high=self.model.interrupt)
        self._remap()

    # --- power ------------------------------------------------------------------------------

    def power_changed(self) -> None:
        """Take over the power registers; only between two instructions."""
        self.flush()
        power, ram, isolation, reset = self._power.state
        clock = self._control.cnn_clock_on
        self.model.set_power(power=power, ram=ram, isolation=isolation, reset=reset, clock=clock)
        usable = power & ~isolation & ~reset if clock else 0
        self._open[:] = [bool(usable >> q & 1) for q in range(mem.QUADRANTS)]
        self._loadable[:] = [bool((usable & ram) >> q & 1) for q in range(mem.QUADRANTS)]
        self._remap()

    def _remap(self) -> None:
        for quadrant in range(mem.QUADRANTS):
            wanted = self._open[quadrant] and not self.running
            if wanted == self._mapped[quadrant]:
                continue
            self._mapped[quadrant] = wanted
            base = mem.quadrant_base(quadrant) + mem.DATA_OFFSET
            if wanted:
                per_quadrant = mem.DATA_MEMORIES // mem.QUADRANTS
                part = self._data[quadrant * per_quadrant : (quadrant + 1) * per_quadrant]
                self._engine.map_buffer(base, part)
            else:
                self._engine.unmap(base, DATA_WINDOW_BYTES)

    def explain_unmapped(self, kind: str, address: int, size: int) -> Finding:
        """Why a data memory does not answer; the general finding for other addresses."""
        for quadrant in range(mem.QUADRANTS):
            base = mem.quadrant_base(quadrant) + mem.DATA_OFFSET
            if base <= address < base + DATA_WINDOW_BYTES:
                if self._open[quadrant]:
                    return accelerator_busy(address)
                reason = f"quadrant {quadrant} is not powered, is in reset, or has no clock"
                return accelerator_unpowered(address, reason)
        return unmapped(kind, address, size)


class _Window:
    """A part of the accelerator's address space as a bus device."""

    counters: frozenset[int] = frozenset()

    def __init__(self, port: CnnPort, base: int) -> None:
        self._port = port
        self._base = base

    def read(self, offset: int, size: int) -> int:
        """A load."""
        return self._port.read(self._base + offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """A store."""
        self._port.write(self._base + offset, size, value)
