"""A decoded layer in words: what the registers spell, for people."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.emulator.accelerator.describe import (
    Activation,
    LayerDescription,
    Operation,
    Reading,
)
from mxdeploy.emulator.accelerator.execute import in_quadrant
from mxdeploy.emulator.accelerator.fifo import Frame, name_of
from mxdeploy.text import count, ranges


def in_words(layer: LayerDescription) -> tuple[tuple[str, str], ...]:
    """A layer as (verb, object) pairs, in the order in which the hardware does them."""
    lines = [("reads", _reads(layer))]
    if layer.stream is not None:
        lines.append(("streams", _streams(layer)))
    steps = [*_combines(layer), *_pools(layer)]
    if layer.combining is not None and layer.combining.pool_first:
        steps.reverse()
    lines += steps
    if layer.kernels is None:
        lines.append(("passes", "the result through, without kernels"))
    else:
        lines += [*_convolves(layer), *_scales(layer)]
    lines.append(("writes", _writes(layer)))
    return tuple(lines)


def source_in_words(frame: Frame | None) -> str:
    """Where the input comes from."""
    if frame is None:
        return "input in data memory"
    queues = ", ".join(name_of(queue) for queue in frame.queues)
    return f"input through {queues}, {frame.words} words each frame"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _reads(layer: LayerDescription) -> str:
    reading = layer.reading
    channels = len(reading.processors) * reading.passes
    parts = [f"{count(channels, 'channel')} of {_size((reading.rows, reading.columns))}"]
    if reading.passes > 1:
        parts.append(f"in {reading.passes} passes")
    if reading.operands > 1:
        parts.append(f"of each of {reading.operands} operands")
    order = "CHW" if reading.chw else "HWC"
    where = f"from byte 0x{mem.WORD_BYTES * reading.word:04x} of data memories {_memories(reading)}"
    return f"{' '.join(parts)} ({order}) on processors {ranges(reading.processors)}, {where}"


def _memories(reading: Reading) -> str:
    return ranges(processor // LANES for processor in reading.processors)


def _streams(layer: LayerDescription) -> str:
    stream = layer.stream
    if stream is None:
        return ""
    of = "input words" if layer.number == 0 else "entries in the row cache of the layer before"
    return (
        f"from a ring of {stream.ring_words} words; starts after {stream.start} {of}, then every "
        f"{stream.step}, across rows every {stream.row_step}"
    )


def _combines(layer: LayerDescription) -> Iterator[tuple[str, str]]:
    if layer.combining is not None:
        operands = count(layer.reading.operands, "operand")
        yield "combines", f"{operands} by {layer.combining.function}, saturated to 8 bits"


def _pools(layer: LayerDescription) -> Iterator[tuple[str, str]]:
    pooling = layer.pooling
    if pooling is None:
        return
    result = _size(layer.pooled_size)
    if pooling.window == (1, 1):
        yield "samples", f"every {pooling.stride}. row and column, to {result}"
        return
    rounding = ""
    if pooling.kind == "average":
        rounding = ", rounded" if pooling.rounding else ", fraction dropped"
    window = f"{_size(pooling.window)} stride {pooling.stride}{rounding}"
    yield "pools", f"{pooling.kind} {window}, to {result}"


def _convolves(layer: LayerDescription) -> Iterator[tuple[str, str]]:
    kernels, _ = layer.products
    if layer.operation is Operation.TRANSPOSED:
        yield "spreads", f"each pixel to 2x2 with zeros, to {_size(layer.convolved_size)}"
    one_dimensional = kernels.size[1] == 1 and kernels.size[0] > 1
    size = f"{kernels.size[0]} taps" if one_dimensional else _size(kernels.size)
    pad = f", padding {layer.pad[0]}" if layer.pad[0] == layer.pad[1] else ""
    if layer.pad[0] != layer.pad[1]:
        pad = f", padding {layer.pad[0]} rows and {layer.pad[1]} columns"
    byte = (kernels.first >> 3) * kernels.elements + kernels.skipped_bytes
    word, rest = divmod(byte, mem.KERNEL_WORD_BYTES)
    place = f"word {word}" + (f", byte {rest} of it" if rest else "")
    outputs = count(layer.slots, "output slot")
    flatten = "flattened, " if layer.flatten else ""
    yield (
        "convolves",
        f"{flatten}{size}{pad}, {outputs}, {kernels.weight_bits}-bit weights from kernel {place}",
    )
    if layer.independent:
        yield "shares", "every quadrant computes each fourth output by itself"
    elif len(layer.summed) > 1:
        yield "sums", f"quadrants {ranges(layer.summed)}"


def _scales(layer: LayerDescription) -> Iterator[tuple[str, str]]:
    _, scaling = layer.products
    for quadrant, first in scaling.bias:
        yield "adds", f"biases from byte {first} of quadrant {quadrant}, times 128"
    if scaling.wide:
        yield "keeps", "the 32-bit sums"
        return
    shift = ""
    if scaling.shift:
        shift = f"shifted {'left' if scaling.shift > 0 else 'right'} by {abs(scaling.shift)}, "
    names = {Activation.RELU: ", ReLU", Activation.ABS: ", absolute value"}
    tail = names.get(scaling.activation, "")
    yield "scales", f"by 1/128, {shift}rounded, saturated to 8 bits{tail}"


def _writes(layer: LayerDescription) -> str:
    places = []
    channels = 0
    for quadrant, base in layer.writing.bases:
        here = in_quadrant(layer.reading, quadrant)
        if layer.kernels is not None:
            channels, here = layer.slots, list(range(layer.kernels.columns))
        elif not here:
            continue
        else:
            channels += len(here) * layer.reading.passes
        memory, word = divmod(base, mem.DATA_WORDS)
        first = memory * LANES
        places.append(
            f"processors {ranges(range(first, first + len(here)))} from byte "
            f"0x{mem.WORD_BYTES * word:04x}"
        )
        if layer.kernels is not None:
            break
    passes = f" in {layer.output_passes} passes" if layer.output_passes > 1 else ""
    step = layer.writing.increment + 1
    gap = f", {count(step, 'word')} from pixel to pixel" if step > 1 else ""
    result = f"{count(channels, 'channel')} of {_size(layer.out_size)}{passes}"
    return f"{result} for {'; '.join(places)}{gap}"
