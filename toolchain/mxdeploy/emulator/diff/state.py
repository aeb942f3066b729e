"""A program at its start: what registers and memories hold, and what the chip makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from mxdeploy.arith.arrays import Int8Array
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import (
    Accelerator,
    AcceleratorAccessError,
    LayerDescription,
    LayerResult,
    NotModelledError,
    RunTime,
)
from mxdeploy.emulator.accelerator.addresses import Region, place_of
from mxdeploy.emulator.accelerator.execute import read_input
from mxdeploy.emulator.accelerator.fifo import Frame, InputFifos
from mxdeploy.emulator.accelerator.memory import Bytes, Words
from mxdeploy.emulator.accelerator.registers import RegisterFile, register_slots
from mxdeploy.emulator.accelerator.store import RingMemory, StoreError
from mxdeploy.emulator.player import Player
from mxdeploy.emulator.trace import Burst, TraceFile
from mxdeploy.errors import Diagnostic

_QUEUES: Mapping[int, int] = MappingProxyType(
    {
        port.address(): queue
        for queue, port in enumerate(
            (reg.FifoWrite0, reg.FifoWrite1, reg.FifoWrite2, reg.FifoWrite3, reg.FastFifoData)
        )
    }
)
_PORTS = (
    reg.FifoStatus, reg.FifoWrite0, reg.FifoWrite1, reg.FifoWrite2, reg.FifoWrite3,
    reg.FastFifoStatus, reg.FastFifoData, reg.Mlat,
)  # fmt: skip
"""Ports and status words: they hold no setting."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """A program after its last store before completion.

    Attributes:
        trace: the program itself.
        registers: words of all registers that hold settings, by address.
        powered: quadrants with power and clock.
        quadrants: quadrants that take part, the leading one first.
        kernels: uint8 (64, 6912), the kernel memories as byte streams.
        biases: int8 (4, 512).
        data: the data memories just before the start.
        given: words of the sixteen data memories, counted through, that the program stores.
        frame: the FIFO frame that brings the input, or None.
        layers: as decoded; empty when the program cannot be decoded.
        results: what the layers computed; empty when they did not run.
        time: how long the run took; None when it did not.
        refusals: why the program cannot be decoded or run.
        input: what layer 0 reads, (operands, channels, rows, columns); None when unknown.
    """

    trace: TraceFile
    registers: Mapping[int, int]
    powered: tuple[int, ...]
    quadrants: tuple[int, ...]
    kernels: Bytes
    biases: Int8Array
    data: Words
    given: tuple[int, ...]
    frame: Frame | None
    layers: tuple[LayerDescription, ...]
    results: tuple[LayerResult, ...]
    time: RunTime | None
    refusals: tuple[str, ...]
    input: Int8Array | None

    @property
    def last_layer(self) -> int:
        """Number of the last layer that runs."""
        word = self.registers[reg.LayerCountMax.address(self.quadrants[0])]
        return reg.LayerCountMax.decode(word).lcnt

    def file(self) -> RegisterFile:
        """A register file of its own with this content."""
        file = RegisterFile(lenient=True)
        for address, word in self.registers.items():
            file.force(register_slots()[address].register, address, word)
        return file


def state_of(trace: TraceFile) -> State:
    """Play a program up to completion and look at it.

    Stores that the model refuses are left out and named in ``refusals``.
    """
    player = Player()
    data, refusals = _play(player, trace.bursts)
    if refusals:  # once more, without what is undeclared, so that everything else can be compared
        player = Player(lenient=True)
        data, remaining = _play(player, trace.bursts)
        refusals = list(dict.fromkeys(refusals + remaining))
    accelerator = player.accelerator
    run = accelerator.run
    if run is None and not refusals:
        refusals.append("the accelerator is never started")
    return State(
        trace=trace,
        registers=_registers(accelerator),
        powered=accelerator.powered,
        quadrants=_quadrants(accelerator) if run is None else run.quadrants,
        kernels=accelerator.memories.kernels.stream,
        biases=accelerator.memories.biases.entries,
        data=data,
        given=_given(trace.bursts),
        frame=None if run is None else run.frame,
        layers=() if run is None else run.layers,
        results=accelerator.layers,
        time=accelerator.time,
        refusals=tuple(refusals),
        input=None if run is None else _input(trace.bursts, run.layers[0], run.frame, data),
    )


def _play(player: Player, bursts: Iterable[Burst]) -> tuple[Words, list[str]]:
    """The data memories before the start, and what was refused."""
    refusals: list[str] = []
    before = player.accelerator.data_memory.copy()
    for burst in bursts:
        if burst.address in _controls() and player.accelerator.run is None:
            before = player.accelerator.data_memory.copy()
        try:
            player.play((burst,))
        except (NotModelledError, AcceleratorAccessError) as error:
            refusals += [_refusal(diagnostic) for diagnostic in error.diagnostics]
    if player.accelerator.run is None:
        before = player.accelerator.data_memory.copy()
    return before, refusals


def _refusal(diagnostic: Diagnostic) -> str:
    reason = f" ({diagnostic.why})" if diagnostic.why else ""
    return f"{diagnostic.where}: {diagnostic.what}{reason}"


@cache
def _controls() -> frozenset[int]:
    return frozenset(reg.Ctrl.address(quadrant) for quadrant in range(mem.QUADRANTS))


def _registers(accelerator: Accelerator) -> Mapping[int, int]:
    words = {
        slot.address: accelerator.registers.word(slot.register, slot.address) & slot.writable
        for slot in register_slots().values()
        if slot.register not in _PORTS
    }
    for address in _controls():  # the completion flag is the chip's, not the program's
        words[address] &= ~reg.Ctrl.bit_fields()["cnn_irq"].mask
    return MappingProxyType(words)


def _quadrants(accelerator: Accelerator) -> tuple[int, ...]:
    """Quadrants that are enabled, for a program that was not decoded."""
    enabled = tuple(
        quadrant
        for quadrant in range(mem.QUADRANTS)
        if accelerator.registers.get(reg.Ctrl, reg.Ctrl.address(quadrant)).cnn_en
    )
    return enabled or accelerator.powered or (0,)


def _given(bursts: Iterable[Burst]) -> tuple[int, ...]:
    given: set[int] = set()
    quadrant_words = mem.DATA_MEMORIES // mem.QUADRANTS * mem.DATA_WORDS
    for burst in bursts:
        place = place_of(burst.address)
        if place is not None and place.region is Region.DATA:
            first = place.quadrant * quadrant_words + place.offset_bytes // mem.WORD_BYTES
            step = burst.stride_bytes // mem.WORD_BYTES
            given.update(first + index * step for index in range(len(burst.values)))
    return tuple(sorted(given))


class _Snapshot(RingMemory):
    """The data memories at one moment, to be read as layers read."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words


def _input(
    bursts: Iterable[Burst], first: LayerDescription, frame: Frame | None, data: Words
) -> Int8Array | None:
    """What layer 0 reads, from the data memories or through the FIFOs."""
    source: RingMemory = _Snapshot(data)
    if frame is not None:
        fifos = _filled(bursts)
        if not fifos.holds(frame):
            return None
        source = RingMemory()
        fifos.deliver(frame, first.reading.word, source)
    try:
        return read_input(first.reading, source)
    except StoreError:
        return None


def _filled(bursts: Iterable[Burst]) -> InputFifos:
    """The FIFOs with all words that a program pushes."""
    fifos = InputFifos()
    for burst in bursts:
        if burst.stride_bytes == 0 and burst.address in _QUEUES:
            fifos.push(_QUEUES[burst.address], burst.values.tolist())
        elif burst.address in _QUEUES:  # one store to each of several ports side by side
            for index, value in enumerate(burst.values.tolist()):
                queue = _QUEUES.get(burst.address + index * burst.stride_bytes)
                if queue is not None:
                    fifos.push(queue, [value])
    return fifos
