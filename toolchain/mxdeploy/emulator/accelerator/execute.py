"""From a layer description and the memories to the layer's output and its writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy import arith
from mxdeploy.arith.arrays import Int8Array, Int32Array
from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.layouts import LANES
from mxdeploy.chip.max78000.limits import ACCUMULATOR_BITS, QUADRANT_SUM_BITS
from mxdeploy.emulator.accelerator.coverage import known_channels
from mxdeploy.emulator.accelerator.describe import (
    Activation,
    LayerDescription,
    Operation,
    Reading,
    Scaling,
)
from mxdeploy.emulator.accelerator.doubts import Doubt, beyond
from mxdeploy.emulator.accelerator.memory import (
    ALL_LANES,
    BiasMemory,
    Bytes,
    KernelMemory,
    Words,
)
from mxdeploy.emulator.accelerator.store import Addresses, Index, Store, StoreError
from mxdeploy.errors import Diagnostic

_QUADRANT_SUM_LIMIT = 1 << QUADRANT_SUM_BITS.value - 1
_ACCUMULATOR_LIMIT = 1 << ACCUMULATOR_BITS.value - 1


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The weights of some quadrants' processors.

    Attributes:
        quadrants: whose processors they are.
        channels: which of the layer's input channels they are (pass by pass, ascending).
        weights: (slots, channels, kernel rows, kernel columns).
    """

    quadrants: tuple[int, ...]
    channels: Index
    weights: arith.PreparedWeights


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """The weights of processors whose products are summed.

    Attributes:
        parts: the products; one part, or one for each quadrant when a quadrant's sum could be too
            large for its bus.
        bias: one value per slot, or None.
    """

    parts: tuple[Part, ...]
    bias: Int8Array | None


def load_banks(
    layer: LayerDescription, kernels: KernelMemory, biases: BiasMemory
) -> tuple[Bank, ...]:
    """Read a layer's weights and biases: one bank, or one per independent quadrant.

    Raises:
        StoreError: kernels or biases lie outside their memories.
    """
    if layer.kernels is None or layer.scaling is None:
        return ()
    groups = [layer.summed]
    if layer.independent:
        groups = [(quadrant,) for quadrant in layer.summed]
    places = dict(layer.scaling.bias)
    banks = []
    for quadrants in groups:
        held = [quadrant for quadrant in quadrants if quadrant in places]
        bias = None
        if held:
            bias = _bias(biases, held[0], places[held[0]], layer.kernels.slots)
        parts: tuple[Part, ...] = (_part(layer, kernels, quadrants),)
        if parts[0].weights.bound >= _QUADRANT_SUM_LIMIT and len(quadrants) > 1:
            parts = tuple(_part(layer, kernels, (quadrant,)) for quadrant in quadrants)
        banks.append(Bank(parts, bias))
    return tuple(banks)


def _part(layer: LayerDescription, kernels: KernelMemory, quadrants: tuple[int, ...]) -> Part:
    ordinals = np.array([o for q in quadrants for o in in_quadrant(layer.reading, q)], np.intp)
    passes = np.arange(layer.reading.passes, dtype=np.intp)[:, None]
    channels = (passes * len(layer.reading.processors) + ordinals).reshape(-1)
    weights = arith.prepare_weights(layer_weights(layer, kernels.stream, ordinals))
    return Part(quadrants, channels, weights)


def layer_weights(layer: LayerDescription, stream: Bytes, ordinals: Index) -> Int8Array:
    """A layer's weights as it reads them, dummy slots included.

    Args:
        layer: a layer that convolves.
        stream: the kernel memories as byte streams, uint8 (64, 6912).
        ordinals: which of the layer's processors.

    Returns:
        (slots, passes * processors, kernel rows, kernel columns).

    Raises:
        StoreError: the kernels lie outside their memories.
    """
    spec, _ = layer.products
    processors = np.array(layer.reading.processors, np.intp)[ordinals]
    try:
        found = layouts.unpack_kernels(
            stream[processors],
            slots=spec.slots,
            passes=layer.reading.passes,
            kernel_elements=spec.elements,
            weight_bits=spec.weight_bits,
            mcnt_sad=spec.first,
            oned_sad=spec.skipped_bytes,
        )
    except ValueError as error:
        raise StoreError(str(error), reg.MaskCount, "mcnt_sad", spec.first) from error
    return found.transpose(1, 2, 0, 3).reshape(spec.slots, -1, *spec.size)


def _bias(biases: BiasMemory, quadrant: int, first: int, slots: int) -> Int8Array:
    if first + slots > mem.BIAS_BYTES:
        text = f"the layer reads bias bytes {first}..{first + slots - 1} of {mem.BIAS_BYTES}"
        raise StoreError(text, reg.PostProcessing, "bptr_sad", first)
    return biases.entries[quadrant, first : first + slots].copy()


@dataclass(frozen=True, slots=True, eq=False)
class Executed:
    """What a layer did.

    Attributes:
        output: (slots, rows, columns) of a convolution, (channels, rows, columns) of a
            pass-through.
        doubts: sums that leave the chip's width.
    """

    output: Int8Array | Int32Array
    doubts: tuple[Diagnostic, ...] = ()


def execute(
    layer: LayerDescription, banks: Sequence[Bank], source: Store, target: Store
) -> Executed:
    """Compute a layer and write its output.

    Raises:
        StoreError: the layer reads or writes outside the memories.
    """
    data = _in_flight(layer, read_input(layer.reading, source))
    if layer.scaling is None:
        _write_passthrough(layer, data, known_channels(layer, source), target)
        return Executed(data)
    doubts: list[Diagnostic] = []
    results = [_sums(layer, bank, data, doubts) for bank in banks]
    # Independent quadrants take turns: quadrant g computes output channels g, g + 4, g + 8, ...
    sums = results[0]
    if len(results) > 1:
        sums = np.stack(results, 1).reshape(-1, *sums.shape[1:])
    if layer.scaling.wide:
        _write_wide(layer, sums, target)
        return Executed(sums, tuple(doubts))
    result = _scale(layer.scaling, sums)
    _write_bytes(layer, result, target)
    return Executed(result, tuple(doubts))


def _sums(
    layer: LayerDescription, bank: Bank, data: Int8Array, doubts: list[Diagnostic]
) -> Int32Array:
    """The accumulators (slots, rows, columns) of one bank."""
    convolve = arith.conv_transpose2d if layer.operation is Operation.TRANSPOSED else arith.conv2d
    where = f"layer {layer.number}"
    total: Int32Array | None = None
    for part in bank.parts:
        sums = convolve(data[part.channels], part.weights, pad=layer.pad)
        if part.weights.bound >= _QUADRANT_SUM_LIMIT:
            here = f"{where}, quadrant {part.quadrants[0]}"
            doubts += beyond(Doubt.QUADRANT_SUM, here, sums, QUADRANT_SUM_BITS)
        total = sums if total is None else total + sums
    if total is None:
        raise ValueError(f"{where} has a bank without processors")
    if bank.bias is not None:
        total = arith.add_bias(total, bank.bias)
    if sum(part.weights.bound for part in bank.parts) >= _ACCUMULATOR_LIMIT:
        doubts += beyond(Doubt.ACCUMULATOR, where, total, ACCUMULATOR_BITS)
    return total


def read_input(reading: Reading, source: Store) -> Int8Array:
    """(operands, channels, rows, columns); channels are pass by pass, ascending processors."""
    processors = np.array(reading.processors, np.intp)
    memories, lanes = np.divmod(processors, LANES)
    used, where = np.unique(memories, return_inverse=True)
    raw: Int8Array = source.fetch(used, reading.word, reading.words).view(np.int8)
    pixels = reading.rows * reading.columns
    if reading.chw:
        runs = raw.reshape(len(used), -1, reading.passes, LANES)[where]
        flat = runs.transpose(2, 0, 1, 3).reshape(reading.passes * len(where), -1)[:, :pixels]
    else:
        words = raw.reshape(len(used), pixels, reading.passes, reading.operands, LANES)
        flat = words[where, :, :, :, lanes].transpose(3, 2, 0, 1)
    channels = reading.passes * len(processors)
    shape = (reading.operands, channels, reading.rows, reading.columns)
    data: Int8Array = np.ascontiguousarray(flat).reshape(shape)
    return data


def _in_flight(layer: LayerDescription, operands: Int8Array) -> Int8Array:
    """Pooling and element-wise combination, in the layer's order."""
    combining = layer.combining
    if combining is None:
        data: Int8Array = _pool(layer, operands)[0]
        return data
    if combining.pool_first:
        return arith.combine(combining.function, list(_pool(layer, operands)))
    return _pool(layer, arith.combine(combining.function, list(operands)))


def _pool(layer: LayerDescription, data: Int8Array) -> Int8Array:
    pooling = layer.pooling
    if pooling is None:
        return data
    if pooling.kind == "max":
        return arith.max_pool(data, pooling.window, pooling.stride)
    return arith.average_pool(data, pooling.window, pooling.stride, rounding=pooling.rounding)


def _scale(scaling: Scaling, sums: Int32Array) -> Int8Array:
    data = arith.rescale(sums, scaling.shift)
    if scaling.activation is Activation.RELU:
        return arith.relu(data)
    if scaling.activation is Activation.ABS:
        return arith.absolute(data)
    return data


def output_starts(layer: LayerDescription) -> Index:
    """Word addresses of the first pixel's outputs.

    One per slot for 32-bit outputs, one per group of four columns for 8-bit outputs.
    """
    kernels, scaling = layer.products
    writing, wide = layer.writing, scaling.wide
    columns = kernels.columns if wide else -(-kernels.columns // LANES) * LANES
    starts = layouts.write_words(
        base=writing.bases[0][1],
        mask_offset=writing.group_words,
        channel_offset=writing.pass_words,
        increment=writing.increment,
        columns=columns,
        slots=layer.output_passes * columns,
        pixels=1,
        wide=wide,
    )[:, 0]
    if wide:
        return starts[: layer.slots]
    full, rest = divmod(layer.slots, kernels.columns)
    return starts[: full * columns + rest : LANES]


def output_step(layer: LayerDescription) -> int:
    """Distance of a pixel's output words from those of the pixel before it."""
    step = 1 + layer.writing.increment
    if layer.scaling is None:
        return layer.reading.passes * step
    return LANES * step if layer.scaling.wide else step


def _write_wide(layer: LayerDescription, sums: Int32Array, target: Store) -> None:
    words = np.ascontiguousarray(sums.reshape(layer.slots, -1).T).view(np.uint32)
    addresses = _addresses(layer, output_starts(layer), layer.writing.bases[0][1])
    target.store(addresses, words, np.full(len(addresses.starts), ALL_LANES, np.uint8))


def _write_bytes(layer: LayerDescription, data: Int8Array, target: Store) -> None:
    """Four columns make a word; columns that do not exist are written as zero."""
    kernels, _ = layer.products
    starts = output_starts(layer)
    pixels = data[0].size
    lanes = np.zeros((layer.output_passes, -(-kernels.columns // LANES) * LANES, pixels), np.int8)
    full, rest = divmod(layer.slots, kernels.columns)
    flat = data.reshape(layer.slots, pixels)
    whole = full * kernels.columns
    lanes[:full, : kernels.columns] = flat[:whole].reshape(full, kernels.columns, pixels)
    if rest:
        lanes[full, :rest] = flat[whole:]
    words = _as_words(lanes.reshape(-1, pixels))[:, : len(starts)]
    exist = np.zeros(lanes.shape[:2], np.bool_)
    exist[:full, : kernels.columns] = True
    exist[full:, :rest] = True
    addresses = _addresses(layer, starts, layer.writing.bases[0][1])
    target.store(addresses, words, _lane_bits(exist)[: len(starts)])


def passthrough_starts(layer: LayerDescription, quadrant: int) -> Index:
    """Word addresses (time slots, passes) of a quadrant's first pixel in a pass-through."""
    here = in_quadrant(layer.reading, quadrant)
    return layouts.passthrough_words(
        base=dict(layer.writing.bases)[quadrant],
        time_slot_offset=layer.writing.time_slot_words,
        increment=layer.writing.increment,
        time_slots=-(-len(here) // LANES),
        passes=layer.reading.passes,
        pixels=1,
    )[..., 0]


def _write_passthrough(
    layer: LayerDescription, data: Int8Array, known: NDArray[np.bool_], target: Store
) -> None:
    """Every quadrant packs its own enabled processors, four per word."""
    reading = layer.reading
    pixels = data[0].size
    channels = data.reshape(reading.passes, len(reading.processors), pixels)
    for quadrant, base in layer.writing.bases:
        here = in_quadrant(reading, quadrant)
        if not here:
            continue
        starts = passthrough_starts(layer, quadrant)
        lanes = np.zeros((len(starts) * LANES, reading.passes, pixels), np.int8)
        lanes[: len(here)] = channels[:, here].transpose(1, 0, 2)
        slots = lanes.reshape(len(starts), LANES, reading.passes, pixels).transpose(0, 2, 1, 3)
        words = _as_words(slots.reshape(-1, pixels))
        exist = np.zeros((len(starts) * LANES, reading.passes), np.bool_)
        exist[: len(here)] = known[here]
        bits = exist.reshape(len(starts), LANES, reading.passes).transpose(0, 2, 1)
        addresses = _addresses(layer, starts.reshape(-1), base)
        target.store(addresses, words, _lane_bits(bits))


def _addresses(layer: LayerDescription, starts: Index, base: int) -> Addresses:
    """Where a layer's words go; ``base`` is the word of WPTR_BASE."""
    return Addresses(starts, output_step(layer), reg.WritePointerBase.decode(base))


def in_quadrant(reading: Reading, quadrant: int) -> list[int]:
    """Ordinals of the enabled processors that lie in a quadrant."""
    return [
        ordinal
        for ordinal, processor in enumerate(reading.processors)
        if processor // mem.PROCESSORS_PER_QUADRANT == quadrant
    ]


def _lane_bits(exist: NDArray[np.bool_]) -> Bytes:
    """One bit for each of four flags."""
    packed: Bytes = np.packbits(exist.reshape(-1, LANES), axis=1, bitorder="little")[:, 0]
    return packed


def _as_words(lanes: NDArray[np.int8]) -> Words:
    """(4 * words, pixels) bytes as (pixels, words)."""
    pixels = lanes.shape[1]
    by_pixel = np.ascontiguousarray(lanes.T).reshape(pixels, -1)
    return by_pixel.view(np.uint32)
