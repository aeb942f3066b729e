"""A program that was lowered here, in the form of a recorded one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.player import CLOCK_GATE, POWER_REGISTERS
from mxdeploy.emulator.trace import Burst, Phase, TraceFile
from mxdeploy.ir.host_input import input_words
from mxdeploy.ir.program import Program, Write

_SET_ADDRESS = 1
_ALL_QUADRANTS = (1 << mem.QUADRANTS) - 1


def as_trace(program: Program, x: NDArray[np.int8], name: str) -> TraceFile:
    """What a host stores to run ``program`` on an input (C, H, W); it expects no known answer."""
    none = np.zeros(0, np.uint32)
    return TraceFile(
        name=name,
        bursts=tuple(_bursts(program, x)),
        afterwards=tuple(_writes(program.acknowledge, Phase.INTERRUPT)),
        expect_address=none,
        expect_mask=none,
        expect_value=none,
        reads=(),
        layers=MappingProxyType({}),
        meta=MappingProxyType({"name": name}),
    )


def _bursts(program: Program, x: NDArray[np.int8]) -> Iterator[Burst]:
    yield from _power_on(sum(1 << quadrant for quadrant in program.plan.quadrants))
    yield from _writes(program.init, Phase.INIT)
    for image in program.kernels:
        loader = mem.kernel_loader_address(image.processor, image.start_word)
        yield _store(loader, _SET_ADDRESS, Phase.WEIGHTS, size=1)
        words = image.words.array.astype(np.uint32)
        address = mem.kernel_address(image.processor)
        yield Burst(address, words, mem.WORD_BYTES, mem.WORD_BYTES, Phase.WEIGHTS)
    for bias in program.biases:
        words = bias.data.array.astype(np.uint32)
        address = mem.bias_address(bias.quadrant, bias.start_byte)
        yield Burst(address, words, mem.WORD_BYTES, mem.WORD_BYTES, Phase.BIAS)
    yield from _writes(program.configure, Phase.CONFIGURE)
    stores = [
        Burst(store.address, store.words, store.step_bytes, mem.WORD_BYTES, Phase.INPUT)
        for store in input_words(program.plan, x)
    ]
    if not program.plan.fifo:
        yield from stores
    yield from _writes(program.start, Phase.START)
    if program.plan.fifo:
        yield from stores


def _power_on(used: int) -> Iterator[Burst]:
    """Reset, power, release of isolation and reset, clock; quadrants in use only."""
    address = {name: register for register, name in POWER_REGISTERS.items()}
    yield _store(address["reset"], _ALL_QUADRANTS, Phase.ENABLE)
    yield _store(address["ram"], used, Phase.ENABLE)
    yield _store(address["power"], used, Phase.ENABLE)
    yield _store(address["isolation"], _ALL_QUADRANTS & ~used, Phase.ENABLE)
    yield _store(address["reset"], 0, Phase.ENABLE)
    yield _store(CLOCK_GATE, 0, Phase.ENABLE)


def _writes(writes: Iterable[Write], phase: Phase) -> Iterator[Burst]:
    for write in writes:
        yield _store(write.address, write.value, phase)


def _store(address: int, value: int, phase: Phase, *, size: int = mem.WORD_BYTES) -> Burst:
    return Burst(address, np.array([value], np.uint32), size, size, phase)
