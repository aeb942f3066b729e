"""Kernel and bias memory: every layer has its own, as much as it needs, where it can reach it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import BiasSlot, LayerPlan, Plan
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.proof.words import Pairs


def _slots(layer: QuantLayer, placed: LayerPlan) -> int:
    output = placed.output.processors
    if layer.spec.flatten:
        return int(layouts.output_slots(layer.spec.out_channels, output).max()) + 1
    return placed.out_passes * layouts.output_columns(output)


def kernel_slots(pairs: Pairs) -> Iterator[Diagnostic]:
    """Each convolution has kernel words, as many as it needs, where the chip can reach them."""
    for layer, placed in pairs:
        convolves = layer.spec.kind is not Kind.PASSTHROUGH
        slot = placed.kernels
        if (slot is not None) != convolves or (layer.weight is not None) != convolves:
            yield Diagnostic(
                code="MX4114",
                where=layer.name,
                what="has no kernels, or some without convolving",
            )
        if slot is None or not convolves:
            continue
        elements = layer.spec.kernel[0] * layer.spec.kernel[1]
        count = _slots(layer, placed) * placed.in_passes
        words = layouts.kernel_words(count, elements, layer.weight_bits)
        start, _ = layouts.start_kernel(max(slot.start_word, 0), elements)
        last = 8 * start + (count - 1) * layer.weight_bits
        if (
            slot.words != words
            or slot.start_word < 0
            or slot.start_word % int(limits.KERNEL_START_ALIGNMENT)
            or slot.start_word + words > int(limits.KERNEL_MEMORY_WORDS)
            or last > int(limits.MAX_MASK_COUNT)
        ):
            yield Diagnostic(
                code="MX4115",
                where=layer.name,
                what=f"kernels in words {slot.start_word}+{slot.words}; needed are {words}",
                why=f"{limits.KERNEL_MEMORY_WORDS.text} {limits.KERNEL_START_ALIGNMENT.text}",
            )


def kernel_overlaps(plan: Plan) -> Iterator[Diagnostic]:
    """No two layers share kernel words of a processor (of a join: of any part's)."""
    for one, other in combinations([p for p in plan.layers if p.kernels is not None], 2):
        shared = one.inputs[0].processors & other.inputs[0].processors
        if one.kernels is None or other.kernels is None or not shared:
            continue
        if (
            one.kernels.start_word < other.kernels.start_word + other.kernels.words
            and other.kernels.start_word < one.kernels.start_word + one.kernels.words
        ):
            yield Diagnostic(
                code="MX4116",
                where=f"layers {one.name} and {other.name}",
                what=f"share kernel words of processors 0x{shared:x}",
                why=limits.KERNEL_MEMORY_WORDS.text,
            )


def bias_slots(pairs: Pairs) -> Iterator[Diagnostic]:
    """Each bias that matters has its bytes in one bias memory."""
    for layer, placed in pairs:
        slot = placed.bias
        matters = layer.bias is not None and bool(layer.bias.array.any())
        if (slot is None and matters) or (slot is not None and layer.bias is None):
            yield Diagnostic(
                code="MX4117",
                where=layer.name,
                what="has no bias bytes, or some without a bias",
            )
        if slot is None:
            continue
        length = _slots(layer, placed)
        end = slot.start_byte + slot.length_bytes
        outside = slot.start_byte < 0 or end > int(limits.BIAS_MEMORY_BYTES)
        if slot.length_bytes != length or outside or not 0 <= slot.quadrant < mem.QUADRANTS:
            yield Diagnostic(
                code="MX4118",
                where=layer.name,
                what=f"biases in bytes {slot.start_byte}+{slot.length_bytes} of quadrant "
                f"{slot.quadrant}; needed are {length}",
                why=limits.BIAS_MEMORY_BYTES.text,
            )


def bias_overlaps(pairs: Pairs) -> Iterator[Diagnostic]:
    """No two layers share bias bytes, and flatten layers come first in each bias memory."""
    slots = [(layer, placed.bias) for layer, placed in pairs if placed.bias is not None]
    for (one, first), (other, second) in combinations(slots, 2):
        if first.quadrant != second.quadrant:
            continue
        where = f"layers {one.name} and {other.name}"
        if _overlap(first, second):
            yield Diagnostic(code="MX4119", where=where, what="share bytes of a bias memory")
        elif one.spec.flatten != other.spec.flatten and _behind(one, first, second):
            yield Diagnostic(
                code="MX4120",
                where=where,
                what="the one that flattens has the higher bias address",
                why="flatten layers need the first addresses of a bias memory",
            )


def _behind(one: QuantLayer, first: BiasSlot, second: BiasSlot) -> bool:
    """Whether, of two layers of which one flattens, that one has the higher address."""
    return one.spec.flatten != (first.start_byte < second.start_byte)


def _overlap(one: BiasSlot, other: BiasSlot) -> bool:
    return (
        one.start_byte < other.start_byte + other.length_bytes
        and other.start_byte < one.start_byte + one.length_bytes
    )
