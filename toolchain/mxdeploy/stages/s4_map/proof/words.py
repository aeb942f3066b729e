"""Which words of which data memories a region takes, computed from the region alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import DataOrder, LayerPlan, Plan, Region
from mxdeploy.ir.quantized import QuantLayer

Words = npt.NDArray[np.intp]
Pairs = tuple[tuple[QuantLayer, LayerPlan], ...]


def memories_of(processors: int) -> frozenset[int]:
    """Data memories of the processors of a mask."""
    return frozenset(p // mem.PROCESSORS_PER_MEMORY for p in layouts.processor_list(processors))


def pixel_words(region: Region) -> Words:
    """Words of a pixel counted from its first one, ``[passes, 1 or (32-bit) 4]``; HWC only."""
    wide = region.words_per_pass
    passes = np.arange(region.passes, dtype=np.intp)[:, None] * (region.gap + 1) * wide
    words: Words = passes + np.arange(wide, dtype=np.intp)
    return words


def region_words(region: Region, pixels: int) -> Words:
    """Words that a tensor of ``pixels`` takes in each of its memories, in order of the pixels.

    HWC: ``[pixels, passes, 1 or 4]``. CHW: ``[words, 1, 1]``.
    """
    first = region.offset_bytes // mem.WORD_BYTES
    if region.order is DataOrder.CHW:
        count = -(-pixels // layouts.LANES) * region.passes
        return first + np.arange(count, dtype=np.intp)[:, None, None]
    step = region.step_words * region.words_per_pass
    pixel = np.arange(pixels, dtype=np.intp)[:, None, None]
    words: Words = first + pixel * step + pixel_words(region)
    return words


def pixels_of(plan: Plan, value: str) -> int:
    """Rows times columns of a value."""
    _, rows, columns = plan.hardware.value(value).shape
    return rows * columns


def stored_words(plan: Plan, region: Region) -> Words:
    """Words in each of its memories that a tensor takes: all of its own, or those of its ring."""
    ring = plan.ring_words(region.value)
    if ring:
        return region.offset_bytes // mem.WORD_BYTES + np.arange(ring, dtype=np.intp)
    return region_words(region, pixels_of(plan, region.value))


def leaves(region: Region) -> tuple[Region, ...]:
    """What was written of a region: the region, or the parts of a join."""
    return tuple(part.region for part in region.parts) or (region,)


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor in data memory.

    Attributes:
        region: where it was written.
        memories: data memories that it touches.
        words: bool ``[words of a data memory]``, the words that are its own.
        birth: number of the layer that writes it; -1 for the host's input. Layers that stream write
            from the beginning on.
        death: number of the last layer that reads it; the number of layers when the host does.
            Layers that stream read until the last of them has ended.
    """

    region: Region
    memories: frozenset[int]
    words: npt.NDArray[np.bool_]
    birth: int
    death: int


def tensors(plan: Plan) -> Iterator[Tensor]:
    """Everything that is written, in order of writing."""
    written = [plan.input, *(placed.output for placed in plan.layers)]
    last: dict[str, int] = {}
    for placed in plan.layers:
        for source in placed.inputs:
            last |= dict.fromkeys((leaf.value for leaf in leaves(source)), placed.index)
    last |= dict.fromkeys((region.value for region in plan.outputs), len(plan.layers))
    streams = plan.streams
    for number, region in enumerate(written):
        words = np.zeros(mem.DATA_WORDS, np.bool_)
        words[stored_words(plan, region)] = True
        death = max(number - 1, last.get(region.value, -1))
        yield Tensor(
            region=region,
            memories=memories_of(region.processors),
            words=words,
            birth=-1 if number <= streams else number - 1,
            death=max(death, streams - 1) if number < streams else death,
        )
