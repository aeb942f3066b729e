"""Data memory: nothing is overwritten while it is still needed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.order import Traffic
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import DataOrder, LayerPlan, Plan
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.proof.words import (
    Pairs,
    Tensor,
    memories_of,
    pixels_of,
    region_words,
    tensors,
)


def lives(plan: Plan) -> Iterator[Diagnostic]:
    """No tensor is written over one that a later layer, or the host, still reads.

    Tensors are compared word by word, because those that interleave take turns. What the writing
    layer itself reads last is the business of ``overwritten``.
    """
    for one, other in combinations(tensors(plan), 2):
        older, newer = sorted((one, other), key=lambda tensor: tensor.birth)
        if older.death > newer.birth and _meet(older, newer):
            yield Diagnostic(
                code="MX4113",
                where=f"tensors {older.region.value} and {newer.region.value}",
                what=f"share words of data memories {sorted(older.memories & newer.memories)}; "
                f"layer {newer.birth} would write over what is read until layer {older.death}",
            )


def _meet(one: Tensor, other: Tensor) -> bool:
    return bool(one.memories & other.memories) and bool((one.words & other.words).any())


def overwritten(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """No layer overwrites a word of its own input before it has read it for the last time.

    Everything that the layer reads counts, also the words between the parts of a join. Layers that
    stream write beside all that they read (``lives``).
    """
    for layer, placed in pairs[plan.streams :]:
        word = _first_overwritten(plan, layer, placed)
        if word is not None:
            yield Diagnostic(
                code="MX4130",
                where=layer.name,
                what=f"{placed.output.value} overwrites word {word} of the layer's input before "
                "the layer has read it",
                why="the chip reads and writes side by side",
            )


def _first_overwritten(plan: Plan, layer: QuantLayer, placed: LayerPlan) -> int | None:
    source, target = placed.inputs[0], placed.output
    if not memories_of(source.processors) & memories_of(target.processors):
        return None
    order = _traffic(layer, placed)
    last_reads, writes = order.last_reads(), order.writes()
    written = region_words(target, pixels_of(plan, target.value))
    numbers = written - source.offset_bytes // mem.WORD_BYTES
    times = np.broadcast_to(writes[:, :, None], numbers.shape)
    inside = (numbers >= 0) & (numbers < len(last_reads))
    early = last_reads[numbers[inside]] > times[inside]
    return int(written[inside][early].min()) if early.any() else None


def _traffic(layer: QuantLayer, placed: LayerPlan) -> Traffic:
    spec = layer.spec
    pixels = spec.in_size[0] * spec.in_size[1] if spec.flatten else 1
    return Traffic(
        size=(1, 1) if spec.flatten else spec.in_size,
        passes=placed.inputs[0].passes * pixels,
        operands=spec.operands,
        chw=placed.inputs[0].order is DataOrder.CHW,
        window=(1, 1) if spec.pool is None else spec.pool.size,
        stride=1 if spec.pool is None else spec.pool.stride,
        kernel=spec.kernel,
        pad=spec.pad,
        transposed=spec.kind is Kind.CONV_TRANSPOSE2D,
        passthrough=spec.kind is Kind.PASSTHROUGH,
        out_passes=placed.output.passes,
    )
