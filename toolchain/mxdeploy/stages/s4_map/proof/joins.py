"""What is read as one tensor but was written as several: joins, and operands that interleave."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import DataOrder, LayerPlan, Plan, Region
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.proof.regions import bounds
from mxdeploy.stages.s4_map.proof.words import (
    Pairs,
    memories_of,
    pixel_words,
    pixels_of,
)


def joins(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """A join lies where its parts lie; convolutions read it, with zeros for what lies between."""
    for layer, placed in pairs:
        for region in placed.inputs:
            if not region.parts:
                continue
            wrong = _join(plan, region) or _reader(layer)
            if wrong:
                yield Diagnostic(code="MX4126", where=f"{layer.name}, {region.value}", what=wrong)
            else:
                first = region.offset_bytes // mem.WORD_BYTES
                count = pixels_of(plan, region.value) * region.passes
                yield from bounds(region, first + np.arange(count))


def _reader(layer: QuantLayer) -> str:
    if layer.spec.kind is Kind.PASSTHROUGH or layer.spec.operands > 1:
        return f"a concatenation is read by {layer.spec.to_text()}, which has no weights for it"
    return ""


def _join(plan: Plan, region: Region) -> str:
    """What is wrong with a region that has parts; empty when nothing is."""
    join = plan.hardware.join(region.value)
    parts = [(part.region.value, part.channels) for part in region.parts]
    names = () if join is None else join.inputs
    wanted = [(name, plan.hardware.value(name).shape[0]) for name in names]
    if not wanted or parts != wanted:
        return f"consists of {parts}"
    union = 0
    for part in region.parts:
        union |= part.region.processors
    whole = (region.processors, region.order, region.bits, region.gap, region.pixel_words)
    if whole != (union, DataOrder.HWC, int(limits.DATA_BITS), 0, 0):
        return f"lies on processors 0x{region.processors:x}, its parts on 0x{union:x}"
    return _steps(region) or _collisions(region)


def _first_pass(region: Region, part: Region) -> int:
    return (part.offset_bytes - region.offset_bytes) // mem.WORD_BYTES


def _steps(region: Region) -> str:
    """Each part's pixels are as far apart as the join's, and its words lie among the pixel's."""
    end, begin = 0, region.passes
    for part in (part.region for part in region.parts):
        first = _first_pass(region, part)
        begin, end = min(begin, first), max(end, first + part.passes)
        gap = part.gap if part.passes > 1 else 0
        if (part.order, part.bits, gap) != (DataOrder.HWC, int(limits.DATA_BITS), 0):
            return f"its part {part.value} has a gap of {part.gap}, {part.order}, {part.bits} bits"
        if part.step_words != region.passes:
            return f"its part {part.value} takes {part.step_words} words from pixel to pixel"
    if (begin, end) != (0, region.passes):
        return f"has {region.passes} passes, its parts take those from {begin} up to {end - 1}"
    return ""


def _collisions(region: Region) -> str:
    """No two parts share a word; whole words are written."""
    for one, other in combinations((part.region for part in region.parts), 2):
        mine = _first_pass(region, one) + pixel_words(one)
        yours = _first_pass(region, other) + pixel_words(other)
        shared = memories_of(one.processors) & memories_of(other.processors)
        if shared and np.isin(mine, yours).any():
            return f"its parts {one.value} and {other.value} share words"
    return ""


def operands(pairs: Pairs) -> Iterator[Diagnostic]:
    """Operand ``k`` of ``n`` lies ``k`` words behind the first one, with ``n - 1`` words free."""
    for layer, placed in pairs:
        count = layer.spec.operands
        if count > 1 and not _interleave(placed, count):
            yield Diagnostic(
                code="MX4127",
                where=layer.name,
                what="its operands do not interleave: "
                + ", ".join(f"{r.value} at {r.offset_bytes}, gap {r.gap}" for r in placed.inputs),
                why=limits.MAX_OPERANDS.text,
            )


def _interleave(placed: LayerPlan, count: int) -> bool:
    first = placed.inputs[0]
    wanted = (first.processors, first.passes, DataOrder.HWC, int(limits.DATA_BITS), count - 1, ())
    return len(placed.inputs) == count and all(
        (r.processors, r.passes, r.order, r.bits, r.gap, r.parts) == wanted
        and r.step_words == r.passes * count
        and r.offset_bytes == first.offset_bytes + mem.WORD_BYTES * number
        for number, r in enumerate(placed.inputs)
    )
