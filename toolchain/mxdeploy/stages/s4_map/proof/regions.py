"""Each region holds its value: processors, passes, steps, width, order, bounds."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import DataOrder, Plan, Region
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.proof.words import (
    Pairs,
    Words,
    leaves,
    stored_words,
)

_ALL_PROCESSORS = (1 << mem.PROCESSORS) - 1


def shapes(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """Each region holds its value, whoever writes or reads it."""
    regions = [plan.input, *plan.outputs]
    for _, placed in pairs:
        regions += [*placed.inputs, placed.output]
    chw_possible = _chw_possible(plan, pairs)
    for region in dict.fromkeys(leaf for whole in regions for leaf in leaves(whole)):
        yield from _region(plan, region, chw_possible=chw_possible)


def _region(plan: Plan, region: Region, *, chw_possible: bool) -> Iterator[Diagnostic]:
    """A tensor that is written."""
    where = f"tensor {region.value}"
    value = plan.hardware.value(region.value)
    if region.parts or plan.hardware.join(value.name) is not None:
        yield Diagnostic(
            code="MX4124",
            where=where,
            what=f"has {len(region.parts)} parts",
            why="a concatenation lies where its parts lie, which are none themselves",
        )
        return
    channels = value.shape[0]
    wanted = (limits.channels_per_pass(channels), limits.passes(channels), value.bits)
    found = (region.processors.bit_count(), region.passes, region.bits)
    if found != wanted or not 0 < region.processors <= _ALL_PROCESSORS:
        yield Diagnostic(
            code="MX4104",
            where=where,
            what=f"processors 0x{region.processors:x}, {region.passes} passes, {region.bits} bits "
            f"for {channels} channels of {value.bits} bits",
            why=limits.CHANNEL_GROUP.text,
        )
        return
    numbers = layouts.processor_list(region.processors)
    spread = all(p % int(limits.CHW_PROCESSOR_STEP) == 0 for p in numbers)
    chw = region.value == plan.network.input and chw_possible and spread
    if region.order is DataOrder.CHW and not chw:
        yield Diagnostic(
            code="MX4105",
            where=where,
            what="cannot be in CHW order",
            why=limits.CHW_PROCESSOR_STEP.text,
        )
    if not _steps_are_possible(region):
        yield Diagnostic(
            code="MX4125",
            where=where,
            what=f"{region.step_words} words from pixel to pixel, {region.gap} free between "
            f"{region.passes} passes",
            why=limits.MAX_WRITE_STEP.text,
        )
        return
    yield from bounds(region, stored_words(plan, region))


def _chw_possible(plan: Plan, pairs: Pairs) -> bool:
    """Only the first layer reads the input, as the only operand of a convolution."""
    first = pairs[0][0].spec
    readers = [
        placed.index
        for _, placed in pairs
        for region in placed.inputs
        for leaf in leaves(region)
        if leaf.value == plan.network.input
    ]
    whole = not pairs[0][1].inputs[0].parts
    return readers == [0] and whole and first.kind is not Kind.PASSTHROUGH and first.operands == 1


def _steps_are_possible(region: Region) -> bool:
    """A pixel's words end before the next one's begin, and the write pointer makes such steps."""
    if region.gap < 0 or region.pixel_words < 0:
        return False
    spaced = bool(region.gap or region.pixel_words)
    if region.order is DataOrder.CHW or region.bits != int(limits.DATA_BITS):
        return not spaced
    own = (region.passes - 1) * (region.gap + 1)
    return own < region.step_words <= limits.MAX_WRITE_STEP


def bounds(region: Region, words: Words) -> Iterator[Diagnostic]:
    """The words of a region exist."""
    first, last = int(words.min()), int(words.max())
    aligned = region.offset_bytes % int(limits.OFFSET_ALIGNMENT) == 0
    if region.offset_bytes < 0 or not aligned or last >= mem.DATA_WORDS:
        yield Diagnostic(
            code="MX4106",
            where=f"tensor {region.value}",
            what=f"offset {region.offset_bytes}: words {first}..{last} of a data memory",
            why=limits.DATA_MEMORY_BYTES.text,
        )
