"""Images of the kernel and bias memories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import KernelSlot, Plan, Region
from mxdeploy.ir.program import BiasImage, KernelImage
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s5_lower.placed import PlacedLayer


@dataclass(frozen=True, slots=True)
class _Piece:
    """One layer's words on one processor."""

    layer: str
    slot: KernelSlot

    @property
    def end(self) -> int:
        return self.slot.start_word + self.slot.words


def kernel_images(plan: Plan) -> tuple[KernelImage, ...]:
    """Runs of kernel words, by processor and first word.

    Layers that lie next to each other (but for the words left free by the alignment of starts,
    which become zero) share a run.
    """
    memory = np.zeros((mem.PROCESSORS, mem.KERNEL_WORDS, mem.KERNEL_WORD_BYTES), np.uint8)
    pieces: list[list[_Piece]] = [[] for _ in range(mem.PROCESSORS)]
    for layer, layer_plan in zip(plan.hardware.layers, plan.layers, strict=True):
        slot = layer_plan.kernels
        if slot is None:
            continue
        placed = PlacedLayer(layer=layer, plan=layer_plan)
        processors = layouts.processor_list(placed.source.processors)
        words = slice(slot.start_word, slot.start_word + slot.words)
        memory[list(processors), words] = layer_words(placed)
        for processor in processors:
            pieces[processor].append(_Piece(layer.name, slot))
    return tuple(
        _image(memory[processor], processor, run)
        for processor in range(mem.PROCESSORS)
        for run in _runs(pieces[processor])
    )


def layer_words(placed: PlacedLayer) -> npt.NDArray[np.uint8]:
    """A layer's kernel words ``[input processors, words, 9]``, most significant byte first."""
    if placed.layer.weight is None:
        raise ValueError(f"{placed.layer.name} has kernel memory but no weights")
    weight = placed.layer.weight.array.astype(np.int8)
    outputs, channels = weight.shape[:2]
    spread = layouts.spread_flatten if placed.spec.flatten else layouts.spread_kernels
    kernels = spread(
        weight.reshape(outputs, channels, -1),
        source=input_places(placed.source, channels),
        output_processors=placed.target.processors,
    )
    return layouts.stream_to_words(layouts.pack_kernels(kernels, placed.layer.weight_bits))


def input_places(region: Region, channels: int) -> layouts.InputPlaces:
    """Where a layer finds the ``channels`` of ``region``: those of a join part by part."""
    if not region.parts:
        return layouts.input_places(channels, region.processors)
    parts = [layouts.input_places(p.channels, p.region.processors) for p in region.parts]
    first = [(p.region.offset_bytes - region.offset_bytes) // mem.WORD_BYTES for p in region.parts]
    return layouts.InputPlaces(
        processors=region.processors,
        passes=region.passes,
        pass_number=np.concatenate([f + p.pass_number for f, p in zip(first, parts, strict=True)]),
        processor=np.concatenate([p.processor for p in parts]),
    )


def _runs(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    run: list[_Piece] = []
    for piece in sorted(pieces, key=lambda p: p.slot.start_word):
        if run and piece.slot.start_word - run[-1].end >= int(limits.KERNEL_START_ALIGNMENT):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _image(memory: npt.NDArray[np.uint8], processor: int, run: Sequence[_Piece]) -> KernelImage:
    first, end = run[0].slot.start_word, run[-1].end
    return KernelImage(
        processor=processor,
        start_word=first,
        words=Tensor(layouts.words_to_packed(memory[first:end])),
        kernel_words=end - first,
        layers=tuple(piece.layer for piece in run),
    )


def bias_images(plan: Plan) -> tuple[BiasImage, ...]:
    """One image for each quadrant that holds biases, from its first bias byte on."""
    return tuple(
        image for quadrant in plan.quadrants if (image := _bias_image(plan, quadrant)) is not None
    )


def _bias_image(plan: Plan, quadrant: int) -> BiasImage | None:
    data = np.zeros(mem.BIAS_BYTES, np.uint8)
    used = np.zeros(mem.BIAS_BYTES, np.bool_)
    for layer, layer_plan in zip(plan.hardware.layers, plan.layers, strict=True):
        slot = layer_plan.bias
        if slot is None or layer.bias is None or slot.quadrant != quadrant:
            continue
        biases = layouts.spread_bias(
            layer.bias.array.astype(np.int8), output_processors=layer_plan.output.processors
        )
        data[slot.start_byte : slot.start_byte + len(biases)] = biases.view(np.uint8)
        used[slot.start_byte : slot.start_byte + slot.length_bytes] = True
    if not used.any():
        return None
    first, last = np.flatnonzero(used)[[0, -1]].tolist()
    return BiasImage(quadrant=quadrant, start_byte=first, data=Tensor(data[first : last + 1]))
