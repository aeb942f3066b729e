"""Replay: a recorded program on the accelerator model, compared with its known answers.

The model gets the program's stores, the power and clock registers among them, and nothing else.
Every recorded word is compared, and every layer whose output was recorded.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.peripherals import dma, gcr, instance, power
from mxdeploy.emulator.accelerator import (
    Accelerator,
    AcceleratorAccessError,
    LayerResult,
    NotModelledError,
)
from mxdeploy.emulator.accelerator.locate import origin_of
from mxdeploy.emulator.accelerator.memories import WORD_BYTES
from mxdeploy.emulator.recorded import as_recorded, channel_of
from mxdeploy.emulator.trace import Burst, Phase, TraceFile, load_trace

_GCFR, _GCR = instance("GCFR").base, instance("GCR").base
POWER_REGISTERS: Mapping[int, str] = MappingProxyType(
    {
        power.CnnPower.address(_GCFR): "power",
        power.CnnRamPower.address(_GCFR): "ram",
        power.CnnIsolation.address(_GCFR): "isolation",
        power.CnnReset.address(_GCFR): "reset",
    }
)
CLOCK_GATE = gcr.PeripheralClockDisable0.address(_GCR)
FAST_FIFO = range(reg.FastFifoControl.address(), reg.FastFifoDma.address() + 4)
"""Registers of the fast FIFO, which lie outside the accelerator's own addresses."""
UNRELATED = frozenset(
    {gcr.PeripheralClockDivider.address(_GCR), dma.Semaphore.address(instance("SEMA").base)}
)
"""Clock divider and semaphore: no effect on results."""


class Status(StrEnum):
    """Outcome of a replay."""

    EXACT = "exact"
    MISMATCH = "mismatch"
    NOT_MODELLED = "not_modelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first value that differs.

    Attributes:
        address: bus address of the word, or None when only a layer's tensor differs.
        layer: layer that wrote it, if known.
        channel: output channel, if known.
        row: output row, if known.
        column: output column, if known.
        expected: recorded value (masked word, or tensor element).
        got: computed value.
    """

    address: int | None
    layer: int | None
    channel: int | None
    row: int | None
    column: int | None
    expected: int
    got: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a program was not executed to its end.

    Attributes:
        text: the diagnostics.
        register: mnemonic of the register that is not modelled, if one is to blame.
        field: its field.
        value: the field's value.
    """

    text: str
    register: str | None = None
    field: str | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What came out of one replay.

    Attributes:
        name: name of the trace.
        status: exact, mismatch or not modelled.
        difference: the first recorded word that differs.
        layer_difference: the first recorded layer whose output differs. It does not decide: the
            recorded layers come from a simulation beside the program, the words from the program.
        refusal: the reason when something is not modelled or the program never finishes.
        words_compared: recorded words that were compared.
        words_different: how many of them differ.
        layers_compared: recorded layer outputs that were compared.
        layers_different: how many of them differ.
        constant: all expected words are equal, so that the comparison proves little.
        layer_cycles: CNN clock cycles per layer.
        layers_text: one line per layer, as decoded.
        seconds: from the first store to the last comparison.
    """

    name: str
    status: Status
    difference: Difference | None = None
    layer_difference: Difference | None = None
    refusal: Refusal | None = None
    words_compared: int = 0
    words_different: int = 0
    layers_compared: int = 0
    layers_different: int = 0
    constant: bool = False
    layer_cycles: tuple[int, ...] = ()
    layers_text: tuple[str, ...] = ()
    seconds: float = 0.0


class Player:
    """Plays a trace's stores to an accelerator, power and clock registers included."""

    def __init__(self, *, lenient: bool = False) -> None:
        """A new accelerator without power."""
        self.accelerator = Accelerator(lenient=lenient)
        self._power = dict.fromkeys(POWER_REGISTERS.values(), 0)
        self._clock = False

    def play(self, bursts: Iterable[Burst]) -> None:
        """Play stores in order; completion follows every start at once."""
        for burst in bursts:
            if burst.address >= mem.CNN_BASE or burst.address in FAST_FIFO:
                self.accelerator.write_block(
                    burst.address, burst.values, burst.stride_bytes, size=burst.size
                )
            else:
                for index, value in enumerate(burst.values.tolist()):
                    self._microcontroller(burst.address + index * burst.stride_bytes, value)

    def _microcontroller(self, address: int, value: int) -> None:
        """A store to a register outside the accelerator."""
        if address in UNRELATED:
            return
        if address == CLOCK_GATE:
            self._clock = not gcr.PeripheralClockDisable0.decode(value).cnn
        elif address in POWER_REGISTERS:
            self._power[POWER_REGISTERS[address]] = value
        else:
            self.accelerator.write(address, value)  # answers with an error that names the address
        self.accelerator.set_power(**self._power, clock=self._clock)


def replay(trace: TraceFile, *, lenient: bool = False) -> ReplayResult:
    """Play a trace and compare its answers.

    Args:
        trace: the recorded program.
        lenient: ignore undeclared bits and addresses.
    """
    start = time.perf_counter()
    player = Player(lenient=lenient)
    try:
        player.play(trace.bursts)
        if player.accelerator.busy_cycles is None:
            refusal = Refusal(text=_unfinished(player.accelerator))
            return ReplayResult(name=trace.name, status=Status.MISMATCH, refusal=refusal)
        player.accelerator.complete()
        player.play(burst for burst in trace.afterwards if burst.phase is Phase.INTERRUPT)
        result = _compare(trace, player.accelerator, start)
        player.play(burst for burst in trace.afterwards if burst.phase is not Phase.INTERRUPT)
    except NotModelledError as error:
        refusal = Refusal(
            text=str(error), register=error.register, field=error.field, value=error.value
        )
        return ReplayResult(name=trace.name, status=Status.NOT_MODELLED, refusal=refusal)
    except AcceleratorAccessError as error:
        refusal = Refusal(text=str(error))
        return ReplayResult(name=trace.name, status=Status.NOT_MODELLED, refusal=refusal)
    return result


def replay_file(path: str | Path, *, lenient: bool = False) -> ReplayResult:
    """Load a trace, play it and compare its answers.

    Raises:
        UsageError: the file is not a readable trace.
    """
    return replay(load_trace(path), lenient=lenient)


def replay_many(paths: Iterable[str | Path], jobs: int = 1) -> Iterator[ReplayResult]:
    """Replay several files; the results come as they are ready, in the order of ``paths``.

    Args:
        paths: trace files.
        jobs: processes.

    Raises:
        UsageError: a file is not a readable trace.
    """
    files = list(paths)
    if jobs <= 1 or len(files) <= 1:
        yield from map(replay_file, files)
        return
    workers = min(jobs, len(files))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(replay_file, files, chunksize=4)


def _unfinished(accelerator: Accelerator) -> str:
    if accelerator.waiting_for_input:
        return "the accelerator waits for FIFO words that never come"
    return "the accelerator was never started"


def _compare(trace: TraceFile, accelerator: Accelerator, start: float) -> ReplayResult:
    layers = accelerator.layers
    got = _read_words(accelerator, trace.expect_address) & trace.expect_mask
    different = np.flatnonzero(got != trace.expect_value)
    difference = None
    if different.size:
        difference = _word_difference(trace, layers, int(different[0]), got)
    recorded = _compare_layers(trace, layers)
    wrong_layers = [wrong for wrong in recorded if wrong is not None]
    return ReplayResult(
        name=trace.name,
        status=Status.EXACT if difference is None else Status.MISMATCH,
        difference=difference,
        layer_difference=wrong_layers[0] if wrong_layers else None,
        words_compared=len(got),
        words_different=int(different.size),
        layers_compared=len(recorded),
        layers_different=len(wrong_layers),
        constant=np.unique(trace.expect_value).size <= 1,
        layer_cycles=tuple(layer.cycles for layer in layers),
        layers_text=tuple(layer.description.to_text() for layer in layers),
        seconds=time.perf_counter() - start,
    )


def _read_words(accelerator: Accelerator, addresses: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The words at ``addresses``, consecutive ones together."""
    cuts = np.flatnonzero(np.diff(addresses.astype(np.int64)) != WORD_BYTES) + 1
    parts = [
        accelerator.read_block(int(part[0]), len(part))
        for part in np.split(addresses, cuts)
        if len(part)
    ]
    return np.concatenate([np.zeros(0, np.uint32), *parts])


def _word_difference(
    trace: TraceFile, layers: tuple[LayerResult, ...], index: int, got: NDArray[np.uint32]
) -> Difference:
    address = int(trace.expect_address[index])
    expected, found = int(trace.expect_value[index]), int(got[index])
    lane = ((expected ^ found) & -(expected ^ found)).bit_length() - 1 >> 3
    origin = origin_of([layer.description for layer in layers], address, lane)
    return Difference(
        address=address,
        layer=None if origin is None else origin.layer,
        channel=None if origin is None else channel_of(trace, origin),
        row=None if origin is None else origin.row,
        column=None if origin is None else origin.column,
        expected=expected,
        got=found,
    )


def _compare_layers(
    trace: TraceFile, layers: tuple[LayerResult, ...]
) -> tuple[Difference | None, ...]:
    """The first difference, or None, of each recorded layer that can be compared."""
    found = []
    for number in sorted(trace.layers):
        expected = trace.layers[number]
        computed = as_recorded(trace, layers, number)
        if computed is not None:
            found.append(_layer_difference(number, computed, expected))
    return tuple(found)


def _layer_difference(
    number: int, computed: NDArray[Any], expected: NDArray[Any]
) -> Difference | None:
    wrong = np.flatnonzero(computed != expected)
    if not wrong.size:
        return None
    channel, row, column = (int(i) for i in np.unravel_index(wrong[0], expected.shape))
    return Difference(
        address=None,
        layer=number,
        channel=channel,
        row=row,
        column=column,
        expected=int(expected[channel, row, column]),
        got=int(computed[channel, row, column]),
    )
