"""The accelerator on its bus: addresses in, data out, a start, an interrupt."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import selftest
from mxdeploy.emulator.accelerator.addresses import Place, Region, place_of
from mxdeploy.emulator.accelerator.errors import (
    no_access,
    not_modelled,
    undeclared_address,
    wrong_access,
)
from mxdeploy.emulator.accelerator.fifo import InputFifos
from mxdeploy.emulator.accelerator.memories import Memories
from mxdeploy.emulator.accelerator.memory import Words
from mxdeploy.emulator.accelerator.mlator import Mlator
from mxdeploy.emulator.accelerator.power import ALL_QUADRANTS, PowerState
from mxdeploy.emulator.accelerator.registers import (
    RegisterFile,
    Slot,
    is_cleared_gap,
    register_slots,
)
from mxdeploy.emulator.accelerator.run import Run
from mxdeploy.emulator.accelerator.sequencer import Sequencer
from mxdeploy.emulator.accelerator.timing import LayerResult, RunTime
from mxdeploy.emulator.accelerator.unmodelled import (
    SELF_TEST_STATUS,
)
from mxdeploy.errors import Diagnostic

_log = logging.getLogger(__name__)

_FIFO_QUEUES = (reg.FifoWrite0, reg.FifoWrite1, reg.FifoWrite2, reg.FifoWrite3, reg.FastFifoData)


class Accelerator:
    """Register-level model of the CNN accelerator: computes from registers and memories only.

    A start (the leading quadrant's CTRL.cnn_en goes from 0 to 1) runs all layers at once, as soon
    as the input is complete; ``busy_cycles`` then says how long the chip would take, and
    ``complete()`` raises the completion flag. In one-shot mode each start runs the next layer, and
    the completion flag follows each of them. Clearing cnn_en before completion stops a run,
    setting it again lets it go on.
    """

    def __init__(
        self, *, lenient: bool = False, strict: bool = False, data_memory: Words | None = None
    ) -> None:
        """Unpowered; see ``power_on`` and ``set_power``.

        Args:
            lenient: ignore (and log) undeclared bits and addresses instead of raising.
            strict: raise what would otherwise be a warning in ``doubts``.
            data_memory: C-contiguous uint32 (16, 8192), used in place. Others may write to it
                unseen, so that the model does not know which of its words were written.
        """
        self._lenient = lenient
        self._memories = Memories(lenient=lenient, data=data_memory)
        self._registers = RegisterFile(lenient=lenient)
        self._fifos = InputFifos()
        self._power = PowerState()
        self._usable = 0
        self._memories_off = 0
        self._kernels_off = 0
        self._sequencer = Sequencer(self._registers, self._memories, self._fifos, strict=strict)
        self._mlators = tuple(Mlator(quadrant) for quadrant in range(mem.QUADRANTS))

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
                self._memories.lose(quadrant)
            elif before.ram & ~ram & bit:
                self._memories.kernels.clear(quadrant, known=False)
        self._follow_power_down()
        if not power or reset & 1 << self._sequencer.leader:
            self._sequencer.reset()
            self._fifos.clear()

    # --- bus --------------------------------------------------------------------------------

    def write(self, address: int, value: int, size: int = mem.WORD_BYTES) -> None:
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
            self._memories.load_kernels(address, place, value.to_bytes(mem.WORD_BYTES, "big"))
        else:
            self._memories.store(address, place, np.array([value], np.uint32), mexpress=False)

    def write_block(
        self, address: int, values: Words, stride_bytes: int, *, size: int = mem.WORD_BYTES
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
        if stride_bytes == 0 and size == mem.WORD_BYTES and address in _queues():
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

    def read(self, address: int, size: int = mem.WORD_BYTES) -> int:
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
        if place is not None and place.region is Region.DATA and address % mem.WORD_BYTES == 0:
            self._require_access(address, place)
            words = self._memories.load_data(place, count)
            if words is not None:
                return words
        addresses = range(address, address + count * mem.WORD_BYTES, mem.WORD_BYTES)
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
        return self._sequencer.run

    @property
    def powered(self) -> tuple[int, ...]:
        """Quadrants that can be used."""
        return tuple(q for q in range(mem.QUADRANTS) if self._usable >> q & 1)

    def participants(self, leader: int = 0) -> tuple[int, ...]:
        """The quadrants that a start by ``leader`` runs: it, and those that wait for it."""
        return self._sequencer.participants(leader)

    @property
    def data_memory(self) -> Words:
        """The sixteen data memories themselves, uint32 (16, 8192)."""
        return self._memories.data

    @property
    def busy_cycles(self) -> int | None:
        """CNN clock cycles from the complete input to completion; None when idle or waiting."""
        return self._sequencer.busy_cycles

    @property
    def time(self) -> RunTime | None:
        """How long the last start took; None before the first."""
        return self._sequencer.time

    @property
    def interrupt(self) -> bool:
        """Whether a quadrant requests an interrupt (CTRL.cnn_irq)."""
        controls = (self._control(quadrant) for quadrant in range(mem.QUADRANTS))
        return any(control.cnn_irq for control in controls)

    @property
    def waiting_for_input(self) -> bool:
        """Whether a start waits for FIFO words."""
        return self._sequencer.waiting is not None

    @property
    def shortage(self) -> str:
        """Which FIFOs lack how many words, while a start waits for them."""
        return self._sequencer.shortage

    @property
    def layers(self) -> tuple[LayerResult, ...]:
        """What the layers of the last run did (in one-shot mode: of the starts since layer 0)."""
        return self._sequencer.layers

    @property
    def doubts(self) -> tuple[Diagnostic, ...]:
        """Warnings about the last run: what the chip may do differently."""
        return self._sequencer.doubts

    def complete(self) -> None:
        """Raise the completion flag of the leading quadrant, if a run is under way."""
        self._sequencer.complete()

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
        if slot.register is reg.AlwaysOnControl:
            self._follow_power_down()
        elif slot.quadrant is None:
            return
        elif slot.register is reg.Ctrl:
            self._control_written(slot.quadrant, before)
        elif slot.register is reg.Test:
            self._test_written(slot.quadrant, before)
        elif slot.register is reg.Sram:
            self._follow_power_down()

    def _read_register(self, address: int) -> int:
        slot = self._slot(address)
        if slot is None:
            return 0
        if slot.register is reg.FifoStatus:
            return self._fifos.status()
        if slot.register is reg.Mlat and slot.quadrant is not None:
            return self._mlators[slot.quadrant].read(self._registers, self._memories.data)
        return self._registers.word(slot.register, address)

    def _control_written(self, quadrant: int, before: int) -> None:
        control = self._control(quadrant)
        started = control.cnn_en and not before & reg.Ctrl.bit_fields()["cnn_en"].mask
        if started and _leads(quadrant, control):
            self._sequencer.start(quadrant, self._usable)
        elif not control.cnn_en:
            self._sequencer.stop(quadrant)
        if control.mlat_ld and not before & reg.Ctrl.bit_fields()["mlat_ld"].mask:
            self._mlators[quadrant].load(self._registers)

    def _test_written(self, quadrant: int, before: int) -> None:
        address = reg.Test.address(quadrant)
        word = self._registers.word(reg.Test, address)
        if status := reg.Test.decode(word).bistsel:
            raise not_modelled(f"quadrant {quadrant}", SELF_TEST_STATUS, status)
        outcome = selftest.respond(before, word)
        self._registers.force(reg.Test, address, outcome.word)
        if "data" in outcome.zeroed:
            self._memories.clear_data(quadrant, known=True)
        if "kernels" in outcome.zeroed:
            self._memories.kernels.clear(quadrant, known=True)
        if "tram" in outcome.zeroed:
            self._memories.tram.clear(quadrant)
        if "biases" in outcome.zeroed:
            self._memories.biases.clear(quadrant, known=True)

    def _follow_power_down(self) -> None:
        """SRAM and AOD_CTRL: memories that are powered down lose their content.

        Power-down and deep sleep in SRAM concern all memories of a quadrant, in AOD_CTRL its kernel
        memories. All other fields are timing.
        """
        control = self._registers.get(reg.AlwaysOnControl, reg.AlwaysOnControl.address())
        self._kernels_off, self._memories_off = control.pd | control.dsleep, 0
        for quadrant in range(mem.QUADRANTS):
            sram = self._registers.get(reg.Sram, reg.Sram.address(quadrant))
            if sram.pd or sram.ds:
                self._memories_off |= 1 << quadrant
            if sram.pd:
                self._memories.lose(quadrant)
            elif control.pd >> quadrant & 1:
                self._memories.kernels.clear(quadrant, known=False)
        self._kernels_off |= self._memories_off

    def _push(self, address: int, values: list[int]) -> None:
        self._fifos.push(_queues()[address], values)
        self._sequencer.input_arrived(self._usable)

    # --- checks -----------------------------------------------------------------------------

    def _require_access(self, address: int, place: Place) -> None:
        if not self._usable >> place.quadrant & 1:
            raise no_access(address, self._power.obstacle(place.quadrant))
        if place.region is Region.KERNEL and not self._power.ram >> place.quadrant & 1:
            why = f"the kernel memory of quadrant {place.quadrant} has no power (GCFR REG1)"
            raise no_access(address, why)
        kernel = place.region is Region.KERNEL
        if (self._kernels_off if kernel else self._memories_off) >> place.quadrant & 1:
            why = f"memories of quadrant {place.quadrant} are down or asleep (SRAM, AOD_CTRL)"
            raise no_access(address, why)

    def _nothing_there(self, address: int) -> int:
        error = undeclared_address(address)
        if not self._lenient:
            raise error
        _log.warning("%s (ignored)", error)
        return 0


def _leads(quadrant: int, control: reg.Ctrl) -> bool:
    return not control.ext_sync_en or control.ext_sync_quadrant == quadrant


def _require_word(address: int, size: int, kind: str) -> None:
    if size != mem.WORD_BYTES or address % mem.WORD_BYTES:
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
