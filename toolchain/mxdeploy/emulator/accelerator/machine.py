"""The accelerator on its bus: addresses in, data out, a start, an interrupt."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.latency import STARTUP_CYCLES
from mxdeploy.emulator.accelerator import selftest
from mxdeploy.emulator.accelerator.addresses import Place, Region, place_of
from mxdeploy.emulator.accelerator.errors import (
    impossible,
    no_access,
    not_readable,
    undeclared_address,
    wrong_access,
)
from mxdeploy.emulator.accelerator.fifo import InputFifos
from mxdeploy.emulator.accelerator.memories import WORD_BYTES, Memories
from mxdeploy.emulator.accelerator.memory import Words
from mxdeploy.emulator.accelerator.power import ALL_QUADRANTS, PowerState
from mxdeploy.emulator.accelerator.registers import (
    RegisterFile,
    Slot,
    is_cleared_gap,
    register_slots,
)
from mxdeploy.emulator.accelerator.run import LayerResult, Run, perform, prepare_run
from mxdeploy.emulator.accelerator.store import DataMemory

_log = logging.getLogger(__name__)

_FIFO_QUEUES = (reg.FifoWrite0, reg.FifoWrite1, reg.FifoWrite2, reg.FifoWrite3, reg.FastFifoData)


class Accelerator:
    """Register-level model of the CNN accelerator: computes from registers and memories only.

    A start (the leading quadrant's CTRL.cnn_en goes from 0 to 1) runs all layers at once, as soon
    as the input is complete; ``busy_cycles`` then says how long the chip would take, and
    ``complete()`` raises the completion flag.
    """

    def __init__(self, *, lenient: bool = False, data_memory: Words | None = None) -> None:
        """Unpowered; see ``power_on`` and ``set_power``.

        Args:
            lenient: ignore (and log) undeclared bits and addresses instead of raising.
            data_memory: C-contiguous uint32 (16, 8192), used in place.
        """
        self._lenient = lenient
        self._memories = Memories(lenient=lenient, data=data_memory)
        self._registers = RegisterFile(lenient=lenient)
        self._fifos = InputFifos()
        self._power = PowerState()
        self._usable = 0
        self._prepared: tuple[object, Run] | None = None
        self._waiting: Run | None = None
        self._leader = 0
        self._busy_cycles: int | None = None
        self._layers: tuple[LayerResult, ...] = ()

    # --- power ------------------------------------------------------------------------------

    def power_on(self) -> None:
        """All four quadrants powered, reset, released and clocked."""
        state = {"power": ALL_QUADRANTS, "ram": ALL_QUADRANTS, "isolation": 0}
        self.set_power(**state, reset=ALL_QUADRANTS, clock=False)
        self.set_power(**state, reset=0, clock=True)

    def set_power(self, *, power: int, ram: int, isolation: int, reset: int, clock: bool) -> None:
        """Follow the power registers; one bit per quadrant.

        Without power a quadrant loses registers and memories, without ``ram`` its kernels; a reset
        gives the registers their reset values.
        """
        before = self._power
        self._power = before.changed(
            power=power, ram=ram, isolation=isolation, reset=reset, clock=clock
        )
        self._usable = self._power.usable
        for quadrant in range(mem.QUADRANTS):
            bit = 1 << quadrant
            lost = bool(before.power & ~power & bit)
            if lost or reset & ~before.reset & bit:
                self._registers.reset(quadrant)
            if lost:
                self._memories.clear(quadrant)
            elif before.ram & ~ram & bit:
                self._memories.kernels.clear(quadrant)
        if not power or reset & 1 << self._leader:
            self._waiting, self._busy_cycles = None, None
            self._fifos.clear()

    # --- bus --------------------------------------------------------------------------------

    def write(self, address: int, value: int, size: int = WORD_BYTES) -> None:
        """One store of ``size`` bytes.

        Raises:
            AcceleratorAccessError: no power, no clock, nothing there, undeclared bits, or an
                access width that the accelerator does not support.
            NotModelledError: the store starts something that is not modelled.
        """
        place = place_of(address)
        if place is None or place.region is Region.REGISTERS:
            self._write_register(address, value, size)
            return
        self._require_access(address, place)
        if place.region is Region.NOTHING:
            self._nothing_there(address)
            return
        if size == 1:
            one = np.array([value], np.uint8)
            mexpress = self._mexpress(place.quadrant)
            self._memories.store_bytes(address, place, one, mexpress=mexpress)
            return
        _require_word(address, size, "store")
        mexpress = place.region is Region.KERNEL and self._mexpress(place.quadrant)
        if mexpress:
            self._memories.load_kernels(address, place, value.to_bytes(WORD_BYTES, "big"))
        else:
            self._memories.store(address, place, np.array([value], np.uint32), mexpress=False)

    def write_block(
        self, address: int, values: Words, stride_bytes: int, *, size: int = WORD_BYTES
    ) -> None:
        """Stores at ``address``, ``address + stride_bytes``, ...: the same as single ones.

        Args:
            address: of the first store.
            values: uint32, one per store.
            stride_bytes: distance of the addresses; 0 repeats the address, as for a FIFO.
            size: bytes per store.
        """
        if len(values) == 1:
            self.write(address, int(values[0]), size)
            return
        if stride_bytes == 0 and size == WORD_BYTES and address in _queues():
            self._slot(address)
            self._push(address, values.tolist())
            return
        place = place_of(address)
        if place is None or not _inside_one_memory(place, address, len(values), stride_bytes, size):
            for index, value in enumerate(values.tolist()):
                self.write(address + index * stride_bytes, value, size)
            return
        self._require_access(address, place)
        mexpress = self._mexpress(place.quadrant)
        if size == 1:
            self._memories.store_bytes(address, place, values.astype(np.uint8), mexpress=mexpress)
            return
        _require_word(address, size, "store")
        self._memories.store(address, place, values, mexpress=mexpress)

    def read(self, address: int, size: int = WORD_BYTES) -> int:
        """One load of ``size`` bytes; the same errors as ``write``."""
        _require_word(address, size, "load")
        place = place_of(address)
        if place is None or place.region is Region.REGISTERS:
            return self._read_register(address)
        self._require_access(address, place)
        if place.region is Region.NOTHING:
            return self._nothing_there(address)
        return self._memories.load(place)

    def read_block(self, address: int, count: int) -> Words:
        """``count`` consecutive 32-bit words."""
        place = place_of(address)
        if place is not None and place.region is Region.DATA and address % WORD_BYTES == 0:
            self._require_access(address, place)
            words = self._memories.load_data(place, count)
            if words is not None:
                return words
        addresses = range(address, address + count * WORD_BYTES, WORD_BYTES)
        return np.array([self.read(a) for a in addresses], np.uint32)

    # --- state ------------------------------------------------------------------------------

    @property
    def registers(self) -> RegisterFile:
        """The register file itself, to look at."""
        return self._registers

    @property
    def memories(self) -> Memories:
        """The memories themselves, to look at."""
        return self._memories

    @property
    def run(self) -> Run | None:
        """The run that was started last, decoded; None before the first one."""
        return None if self._prepared is None else self._prepared[1]

    @property
    def powered(self) -> tuple[int, ...]:
        """Quadrants that can be used."""
        return tuple(q for q in range(mem.QUADRANTS) if self._usable >> q & 1)

    @property
    def data_memory(self) -> Words:
        """The sixteen data memories themselves, uint32 (16, 8192)."""
        return self._memories.data

    @property
    def busy_cycles(self) -> int | None:
        """CNN clock cycles from the start to completion; None when idle or waiting for input."""
        return self._busy_cycles

    @property
    def interrupt(self) -> bool:
        """Whether a quadrant requests an interrupt (CTRL.cnn_irq)."""
        controls = (self._control(quadrant) for quadrant in range(mem.QUADRANTS))
        return any(control.cnn_irq for control in controls)

    @property
    def waiting_for_input(self) -> bool:
        """Whether a start waits for FIFO words."""
        return self._waiting is not None

    @property
    def layers(self) -> tuple[LayerResult, ...]:
        """What the layers of the last run did."""
        return self._layers

    def complete(self) -> None:
        """Raise the completion flag of the leading quadrant, if a run is under way."""
        if self._busy_cycles is None:
            return
        self._busy_cycles = None
        address = reg.Ctrl.address(self._leader)
        irq = reg.Ctrl.bit_fields()["cnn_irq"].mask
        word = self._registers.word(reg.Ctrl, address)
        self._registers.force(reg.Ctrl, address, word | irq)

    # --- registers --------------------------------------------------------------------------

    def _control(self, quadrant: int) -> reg.Ctrl:
        return self._registers.get(reg.Ctrl, reg.Ctrl.address(quadrant))

    def _mexpress(self, quadrant: int) -> bool:
        return bool(self._control(quadrant).mexpress)

    def _slot(self, address: int) -> Slot | None:
        """The register at an address, after the checks of power and clock."""
        slot = register_slots().get(address)
        if slot is None:
            self._nothing_there(address)
            return None
        outside = address < mem.CNN_BASE
        if slot.quadrant is None and not outside and not self._power.clock:
            raise no_access(address, self._power.obstacle(0))
        # Programs that zero the memories do so in all quadrants, also in those without power.
        unpowered_too = slot.register is reg.Test and self._power.clock
        unusable = slot.quadrant is not None and not self._usable >> slot.quadrant & 1
        if slot.quadrant is not None and unusable and not unpowered_too:
            raise no_access(address, self._power.obstacle(slot.quadrant))
        return slot

    def _write_register(self, address: int, value: int, size: int) -> None:
        _require_word(address, size, "store")
        if value == 0 and is_cleared_gap(address):
            return
        slot = self._slot(address)
        if slot is None:
            return
        if address in _queues():
            self._push(address, [value])
            return
        before = self._registers.word(slot.register, address)
        self._registers.write(slot, value)
        if slot.quadrant is None:
            return
        if slot.register is reg.Ctrl:
            self._control_written(slot.quadrant, before)
        elif slot.register is reg.Test:
            self._test_written(slot.quadrant, before)

    def _read_register(self, address: int) -> int:
        slot = self._slot(address)
        if slot is None:
            return 0
        if slot.register is reg.FifoStatus:
            return self._fifos.status()
        if slot.register is reg.Mlat:
            raise not_readable(address, "the order of the Mlator's bytes is not confirmed")
        return self._registers.word(slot.register, address)

    def _control_written(self, quadrant: int, before: int) -> None:
        control = self._control(quadrant)
        started = control.cnn_en and not before & reg.Ctrl.bit_fields()["cnn_en"].mask
        if started and _leads(quadrant, control):
            self._start(quadrant)
        elif not control.cnn_en and quadrant == self._leader:
            self._waiting = None

    def _test_written(self, quadrant: int, before: int) -> None:
        address = reg.Test.address(quadrant)
        word = self._registers.word(reg.Test, address)
        outcome = selftest.respond(before, word)
        self._registers.force(reg.Test, address, outcome.word)
        clear = {
            "data": self._memories.clear_data,
            "kernels": self._memories.kernels.clear,
            "tram": self._memories.tram.clear,
            "biases": self._memories.biases.clear,
        }
        for memory in outcome.zeroed:
            clear[memory](quadrant)

    def _push(self, address: int, values: list[int]) -> None:
        self._fifos.push(_queues()[address], values)
        if self._waiting is not None:
            self._perform(self._waiting)

    # --- checks -----------------------------------------------------------------------------

    def _require_access(self, address: int, place: Place) -> None:
        if not self._usable >> place.quadrant & 1:
            raise no_access(address, self._power.obstacle(place.quadrant))
        if place.region is Region.KERNEL and not self._power.ram >> place.quadrant & 1:
            why = f"the kernel memory of quadrant {place.quadrant} has no power (GCFR REG1)"
            raise no_access(address, why)

    def _nothing_there(self, address: int) -> int:
        error = undeclared_address(address)
        if not self._lenient:
            raise error
        _log.warning("%s (ignored)", error)
        return 0

    # --- runs -------------------------------------------------------------------------------

    def _start(self, leader: int) -> None:
        """Run with the quadrants that are enabled and wait for ``leader``."""
        if self._busy_cycles is not None:
            raise impossible("start", reg.Ctrl, "cnn_en", 1, "the last run is not complete")
        followers = []
        for quadrant in range(mem.QUADRANTS):
            control = self._control(quadrant)
            waits = control.ext_sync_en and control.ext_sync_quadrant == leader
            if quadrant != leader and control.cnn_en and waits:
                followers.append(quadrant)
        self._leader = leader
        self._perform(self._prepare((leader, *followers)))

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

    def _perform(self, run: Run) -> None:
        if run.frame is not None and not self._fifos.holds(run.frame):
            self._waiting = run
            return
        self._waiting = None
        store = DataMemory(self._memories.data, self._usable)
        self._layers = perform(run, self._fifos, store)
        self._busy_cycles = STARTUP_CYCLES + sum(layer.cycles for layer in self._layers)


def _leads(quadrant: int, control: reg.Ctrl) -> bool:
    return not control.ext_sync_en or control.ext_sync_quadrant == quadrant


def _require_word(address: int, size: int, kind: str) -> None:
    if size != WORD_BYTES or address % WORD_BYTES:
        raise wrong_access(address, size, kind)


def _inside_one_memory(
    place: Place, address: int, count: int, stride_bytes: int, size: int
) -> bool:
    """Whether consecutive stores stay inside the memory in which they begin."""
    if place.region in (Region.REGISTERS, Region.NOTHING) or stride_bytes != size:
        return False
    end = place_of(address + (count - 1) * stride_bytes)
    return end is not None and end[:3] == place[:3]


@cache
def _queues() -> Mapping[int, int]:
    """Bus address of each FIFO's write port -> queue."""
    return MappingProxyType({cls.address(): queue for queue, cls in enumerate(_FIFO_QUEUES)})
