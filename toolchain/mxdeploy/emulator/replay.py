"""Replay: a recorded program on the accelerator model, compared with its known answers.

The model gets the program's stores, the power and clock registers among them, and nothing else.
Every recorded word is compared, and every layer whose output was recorded.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.accelerator import (
    Accelerator,
    AcceleratorAccessError,
    LayerResult,
    NotModelledError,
)
from mxdeploy.emulator.accelerator.locate import origin_of
from mxdeploy.emulator.outcome import Difference, Refusal, ReplayResult, Status
from mxdeploy.emulator.player import Player
from mxdeploy.emulator.recorded import as_recorded, channel_of
from mxdeploy.emulator.trace import Phase, TraceFile, load_trace
from mxdeploy.errors import UsageError


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
        if not player.runs or player.accelerator.waiting_for_input:
            refusal = Refusal(text=_unfinished(player.accelerator))
            return ReplayResult(name=trace.name, status=Status.MISMATCH, refusal=refusal)
        player.play(burst for burst in trace.afterwards if burst.phase is Phase.INTERRUPT)
        result = _compare(trace, player.accelerator, start)
        doubts = player.unload(trace)
    except NotModelledError as error:
        refusal = Refusal(
            text=str(error), register=error.register, field=error.field, value=error.value
        )
        return ReplayResult(name=trace.name, status=Status.NOT_MODELLED, refusal=refusal)
    except AcceleratorAccessError as error:
        refusal = Refusal(text=str(error))
        return ReplayResult(name=trace.name, status=Status.NOT_MODELLED, refusal=refusal)
    return dataclasses.replace(result, doubts=(*result.doubts, *doubts))


def replay_file(path: str | Path, *, lenient: bool = False) -> ReplayResult:
    """Load a trace, play it and compare its answers.

    Raises:
        UsageError: the file is not a readable trace.
    """
    return replay(load_trace(path), lenient=lenient)


def replay_many(
    paths: Iterable[str | Path], jobs: int = 1, *, lenient: bool = False
) -> Iterator[ReplayResult]:
    """Replay several files; the results come as they are ready, in the order of ``paths``.

    Args:
        paths: trace files.
        jobs: processes.
        lenient: ignore undeclared bits and addresses.

    Returns:
        Results without the layers' outputs. A file that is not a readable trace has a result too.
    """
    files = list(paths)
    play = partial(_replay_alone, lenient=lenient)
    if jobs <= 1 or len(files) <= 1:
        yield from map(play, files)
        return
    workers = min(jobs, len(files))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, files, chunksize=4)


def _replay_alone(path: str | Path, *, lenient: bool) -> ReplayResult:
    """A result that can travel between processes: small, and never an exception."""
    try:
        return dataclasses.replace(replay_file(path, lenient=lenient), layers=())
    except UsageError as error:
        refusal = Refusal(text=str(error))
        return ReplayResult(name=Path(path).name, status=Status.UNREADABLE, refusal=refusal)


def _unfinished(accelerator: Accelerator) -> str:
    if accelerator.waiting_for_input:
        return f"fifo-underrun: {accelerator.shortage}"
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
        distinct_values=np.unique(trace.expect_value).size,
        doubts=accelerator.doubts,
        layer_cycles=tuple(layer.cycles for layer in layers),
        time=accelerator.time,
        layers=layers,
        seconds=time.perf_counter() - start,
    )


def _read_words(accelerator: Accelerator, addresses: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The words at ``addresses``, consecutive ones together."""
    cuts = np.flatnonzero(np.diff(addresses.astype(np.int64)) != mem.WORD_BYTES) + 1
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
