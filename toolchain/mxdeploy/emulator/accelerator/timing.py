"""How long a run takes: its layers' work, and in a stream the waiting between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.arith.arrays import Int8Array, Int32Array
from mxdeploy.chip.max78000.latency import STARTUP_CYCLES
from mxdeploy.chip.max78000.stream_latency import StreamShape, stream_time, word_cycles
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.fifo import FAST, Frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerResult:
    """What one layer did.

    Attributes:
        description: the layer as decoded from the registers.
        cycles: CNN clock cycles of its own work; a streaming layer also waits.
        output: (slots, rows, columns) int8, or int32 for 32-bit outputs; of a pass-through
            (channels, rows, columns), pass by pass.
    """

    description: LayerDescription
    cycles: int
    output: Int8Array | Int32Array


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTime:
    """How long a run takes, in CNN clock cycles.

    Attributes:
        cycles: from the start to completion. In a stream this includes the host, which delivers
            the input meanwhile.
        after_input_cycles: from the moment when the input is complete.
        estimated: layers stream, so that both are estimates.
    """

    cycles: int
    after_input_cycles: int
    estimated: bool


def run_time(layers: Sequence[LayerResult], frame: Frame | None) -> RunTime:
    """The time of layers that ran one after the other, the first ones perhaps as a stream."""
    streams = [layer for layer in layers if layer.description.streaming]
    rest = STARTUP_CYCLES + sum(x.cycles for x in layers if not x.description.streaming)
    if not streams or frame is None:
        return RunTime(cycles=rest, after_input_cycles=rest, estimated=False)
    stream = stream_time(
        [_shape(layer.description, layer.cycles) for layer in streams],
        words=frame.words,
        input_rows=streams[0].description.reading.rows,
        cycles_per_word=word_cycles(len(frame.queues), fast=FAST in frame.queues),
    )
    return RunTime(
        cycles=rest + stream.cycles,
        after_input_cycles=rest + stream.after_input_cycles,
        estimated=True,
    )


def _shape(layer: LayerDescription, cycles: int) -> StreamShape:
    rows, columns = layer.convolved_size
    pooling = layer.pooling
    return StreamShape(
        cycles=cycles,
        rows=rows,
        columns=columns,
        pad=layer.pad,
        window_rows=1 if pooling is None else pooling.window[0],
        stride=1 if pooling is None else pooling.stride,
        start=0 if layer.stream is None else layer.stream.start,
    )
