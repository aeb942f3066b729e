"""The verifier: judges a plan by the chip's rules alone, without knowing how it was found.

It recomputes everything from the network and the plan: what a tensor occupies and while it is
needed, what a layer's kernels and biases occupy, and what each layer reads against what was
written there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.plan import BiasSlot, DataOrder, LayerPlan, Plan, Region
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.rules import layer_findings

_ALL_PROCESSORS = (1 << mem.PROCESSORS) - 1
_WORD_BYTES = 4
Pairs = tuple[tuple[QuantLayer, LayerPlan], ...]


def verify_plan(plan: Plan) -> tuple[Diagnostic, ...]:
    """Every rule of the chip that ``plan`` breaks; empty when it is sound.

    Args:
        plan: any plan, also one that was made or changed by hand.

    Returns:
        Findings, codes MX41xx, and those of ``rules`` for single layers.
    """
    broken = tuple(_correspondence(plan))
    if broken:
        return broken
    pairs = tuple(zip(plan.network.layers, plan.layers, strict=True))
    broken = tuple(_shapes_of_regions(plan, pairs))
    if broken:
        return broken
    return (
        *(finding for layer in plan.network.layers for finding in layer_findings(layer)),
        *_quadrants(plan),
        *_processors(pairs),
        *_reads(plan),
        *_passes(pairs),
        *_data_memory(plan),
        *_kernel_slots(pairs),
        *_kernel_overlaps(plan),
        *_bias_slots(pairs),
        *_bias_overlaps(pairs),
        *_cycles(plan),
    )


def _finding(code: str, where: str, what: str, why: str = "") -> Diagnostic:
    return Diagnostic(code=code, where=where, what=what, why=why)


def _correspondence(plan: Plan) -> Iterator[Diagnostic]:
    """The plan is about this network: same layers, same values, in the same order."""
    network = plan.network
    if len(plan.layers) != len(network.layers) or len(plan.layers) > limits.MAX_LAYERS:
        yield _finding(
            "MX4101",
            "plan",
            f"{len(plan.layers)} layers for {len(network.layers)} of the network",
            limits.MAX_LAYERS.text,
        )
        return
    for index, (layer, placed) in enumerate(zip(network.layers, plan.layers, strict=True)):
        planned = (placed.index, placed.name, tuple(r.value for r in placed.inputs))
        if (*planned, placed.output.value) != (index, layer.name, layer.inputs, layer.output):
            yield _finding(
                "MX4102", placed.name, f"stands for layer {index} ({layer.name}) of the network"
            )
    hosts = (plan.input.value, tuple(r.value for r in plan.outputs))
    if hosts != (network.input, network.outputs):
        yield _finding("MX4103", "plan", "its input or outputs are not the network's")


def _shapes_of_regions(plan: Plan, pairs: Pairs) -> Iterator[Diagnostic]:
    """Each region holds its value: processors, passes, width, order, bounds."""
    first_is_convolution = pairs[0][0].spec.kind is not Kind.PASSTHROUGH
    regions = [plan.input, *plan.outputs]
    for _, placed in pairs:
        regions += [*placed.inputs, placed.output]
    for region in dict.fromkeys(regions):
        chw_allowed = region.value == plan.network.input and first_is_convolution
        yield from _region(plan, region, chw_allowed=chw_allowed)


def _region(plan: Plan, region: Region, *, chw_allowed: bool) -> Iterator[Diagnostic]:
    where = f"tensor {region.value}"
    value = plan.network.value(region.value)
    channels = value.shape[0]
    wanted = (limits.channels_per_pass(channels), limits.passes(channels), value.bits, 0)
    found = (region.processors.bit_count(), region.passes, region.bits, region.gap)
    if found != wanted or not 0 < region.processors <= _ALL_PROCESSORS:
        yield _finding(
            "MX4104",
            where,
            f"processors 0x{region.processors:x}, {region.passes} passes, {region.bits} bits, gap "
            f"{region.gap} for {channels} channels of {value.bits} bits",
            limits.CHANNEL_GROUP.text,
        )
        return
    if region.order is DataOrder.CHW and not (
        chw_allowed
        and all(
            p % int(limits.CHW_PROCESSOR_STEP) == 0
            for p in layouts.processor_list(region.processors)
        )
    ):
        yield _finding("MX4105", where, "cannot be in CHW order", limits.CHW_PROCESSOR_STEP.text)
    if (
        region.offset_bytes % int(limits.OFFSET_ALIGNMENT)
        or region.offset_bytes < 0
        or _end_bytes(plan, region) > mem.DATA_BYTES
    ):
        yield _finding(
            "MX4106",
            where,
            f"bytes {region.offset_bytes}..{_end_bytes(plan, region)} of a data memory",
            limits.DATA_MEMORY_BYTES.text,
        )


def _end_bytes(plan: Plan, region: Region) -> int:
    channels, rows, columns = plan.network.value(region.value).shape
    narrow = region.bits == int(limits.DATA_BITS)
    return layouts.end_bytes(
        channels,
        rows * columns,
        processors=region.processors,
        offset_bytes=region.offset_bytes,
        kind="chw" if region.order is DataOrder.CHW else "hwc" if narrow else "wide",
    )


def _quadrants(plan: Plan) -> Iterator[Diagnostic]:
    """Quadrant 0 leads; whatever is used is switched on."""
    regions = [plan.input, *(r for p in plan.layers for r in (*p.inputs, p.output))]
    used = {
        processor // mem.PROCESSORS_PER_QUADRANT
        for region in regions
        for processor in layouts.processor_list(region.processors)
    }
    used |= {p.bias.quadrant for p in plan.layers if p.bias is not None}
    used.add(int(limits.LEADING_QUADRANT))
    if plan.quadrants != tuple(sorted(set(plan.quadrants))) or not used <= set(plan.quadrants):
        yield _finding(
            "MX4107",
            "plan",
            f"quadrants {plan.quadrants} are switched on, {sorted(used)} are used",
            limits.LEADING_QUADRANT.text,
        )


def _processors(pairs: Pairs) -> Iterator[Diagnostic]:
    """Outputs lie where the layer can write them."""
    for layer, placed in pairs:
        output = placed.output.processors
        if layer.spec.kind is Kind.PASSTHROUGH:
            if output != _packed(placed.inputs[0].processors, output):
                yield _finding(
                    "MX4108",
                    layer.name,
                    f"copies 0x{placed.inputs[0].processors:x} to 0x{output:x}",
                    "a quadrant writes its own processors, packed, from a multiple of four on",
                )
            continue
        numbers = layouts.processor_list(output)
        contiguous = numbers[-1] - numbers[0] + 1 == len(numbers)
        if not contiguous or numbers[0] % mem.PROCESSORS_PER_MEMORY:
            yield _finding(
                "MX4109",
                layer.name,
                f"writes to processors 0x{output:x}",
                "output processors are consecutive, from a multiple of four on",
            )


def _packed(source: int, target: int) -> int:
    """Where pass-through puts ``source``, starting in each quadrant where ``target`` does."""
    per_quadrant = mem.PROCESSORS_PER_QUADRANT
    result = 0
    for quadrant in range(mem.QUADRANTS):
        shift, ones = quadrant * per_quadrant, (1 << per_quadrant) - 1
        count, wanted = (source >> shift & ones).bit_count(), target >> shift & ones
        start = (wanted & -wanted).bit_length() - 1 if wanted else 0
        if start % mem.PROCESSORS_PER_MEMORY == 0:
            result |= (((1 << count) - 1) << start & ones) << shift
    return result


def _reads(plan: Plan) -> Iterator[Diagnostic]:
    """Every region that is read is exactly one that was written before."""
    written = {plan.input.value: plan.input}
    for placed in plan.layers:
        for region in placed.inputs:
            if written.get(region.value) != region:
                yield _finding(
                    "MX4110",
                    placed.name,
                    f"reads {region}, written was {written.get(region.value)}",
                )
        written[placed.output.value] = placed.output
    for region in plan.outputs:
        if written.get(region.value) != region:
            yield _finding("MX4111", "host", f"reads {region}, which is not where it was written")


def _passes(pairs: Pairs) -> Iterator[Diagnostic]:
    for layer, placed in pairs:
        spec = layer.spec
        pixels = spec.in_size[0] * spec.in_size[1] if spec.flatten else 1
        wanted = (limits.passes(spec.in_channels) * pixels, limits.passes(spec.out_channels))
        shape = (spec.in_channels, spec.out_channels)
        if (placed.in_passes, placed.out_passes) != wanted:
            yield _finding(
                "MX4112",
                layer.name,
                f"passes {placed.in_passes} -> {placed.out_passes} for {shape} channels",
                limits.MAX_PASSES.text,
            )


@dataclass(frozen=True, slots=True)
class _Life:
    """A tensor in data memory, from the layer that writes it to the last one that reads it."""

    region: Region
    memories: frozenset[int]
    first_byte: int
    end_byte: int
    birth: int
    death: int

    def collides(self, other: _Life) -> bool:
        return (
            bool(self.memories & other.memories)
            and self.first_byte < other.end_byte
            and other.first_byte < self.end_byte
            and self.birth <= other.death
            and other.birth <= self.death
        )


def _lives(plan: Plan) -> Iterator[_Life]:
    written = [plan.input, *(placed.output for placed in plan.layers)]
    kept = {region.value for region in plan.outputs}
    for number, region in enumerate(written):
        readers = [
            placed.index
            for placed in plan.layers
            if region.value in {source.value for source in placed.inputs}
        ]
        death = len(plan.layers) if region.value in kept else max([number - 1, *readers])
        yield _Life(
            region=region,
            memories=frozenset(
                p // mem.PROCESSORS_PER_MEMORY for p in layouts.processor_list(region.processors)
            ),
            first_byte=region.offset_bytes,
            end_byte=_end_bytes(plan, region),
            birth=number - 1,
            death=death,
        )


def _data_memory(plan: Plan) -> Iterator[Diagnostic]:
    """No two tensors that are needed at the same time share words."""
    for one, other in combinations(_lives(plan), 2):
        if one.collides(other):
            yield _finding(
                "MX4113",
                f"tensors {one.region.value} and {other.region.value}",
                f"share bytes of data memories {sorted(one.memories & other.memories)} while both "
                f"are needed: {one.first_byte}..{one.end_byte} and "
                f"{other.first_byte}..{other.end_byte}",
                "a layer's output does not overwrite what is still to be read",
            )


def _kernel_count(layer: QuantLayer, placed: LayerPlan) -> int:
    return _slots(layer, placed) * placed.in_passes


def _slots(layer: QuantLayer, placed: LayerPlan) -> int:
    output = placed.output.processors
    if layer.spec.flatten:
        return int(layouts.output_slots(layer.spec.out_channels, output).max()) + 1
    return placed.out_passes * layouts.output_columns(output)


def _kernel_slots(pairs: Pairs) -> Iterator[Diagnostic]:
    """Each convolution has kernel words, as many as it needs, where the chip can reach them."""
    for layer, placed in pairs:
        convolves = layer.spec.kind is not Kind.PASSTHROUGH
        slot = placed.kernels
        if (slot is not None) != convolves or (layer.weight is not None) != convolves:
            yield _finding("MX4114", layer.name, "has no kernels, or some without convolving")
        if slot is None or not convolves:
            continue
        rows, columns = layer.spec.kernel
        count = _kernel_count(layer, placed)
        words = layouts.kernel_words(count, rows * columns, layer.weight_bits)
        start, _ = layouts.start_kernel(max(slot.start_word, 0), rows * columns)
        last = 8 * start + (count - 1) * layer.weight_bits
        if (
            slot.words != words
            or slot.start_word < 0
            or slot.start_word % int(limits.KERNEL_START_ALIGNMENT)
            or slot.start_word + words > int(limits.KERNEL_MEMORY_WORDS)
            or last > int(limits.MAX_MASK_COUNT)
        ):
            yield _finding(
                "MX4115",
                layer.name,
                f"kernels in words {slot.start_word}+{slot.words}; needed are {words}",
                f"{limits.KERNEL_MEMORY_WORDS.text} {limits.KERNEL_START_ALIGNMENT.text}",
            )


def _kernel_overlaps(plan: Plan) -> Iterator[Diagnostic]:
    """No two layers share kernel words of a processor."""
    for one, other in combinations([p for p in plan.layers if p.kernels is not None], 2):
        shared = one.inputs[0].processors & other.inputs[0].processors
        if one.kernels is None or other.kernels is None or not shared:
            continue
        if (
            one.kernels.start_word < other.kernels.start_word + other.kernels.words
            and other.kernels.start_word < one.kernels.start_word + one.kernels.words
        ):
            yield _finding(
                "MX4116",
                f"layers {one.name} and {other.name}",
                f"share kernel words of processors 0x{shared:x}",
                limits.KERNEL_MEMORY_WORDS.text,
            )


def _bias_slots(pairs: Pairs) -> Iterator[Diagnostic]:
    """Each bias that matters has its bytes in one bias memory."""
    for layer, placed in pairs:
        slot = placed.bias
        matters = layer.bias is not None and bool(layer.bias.array.any())
        if (slot is None and matters) or (slot is not None and layer.bias is None):
            yield _finding("MX4117", layer.name, "has no bias bytes, or some without a bias")
        if slot is None:
            continue
        length = _slots(layer, placed)
        end = slot.start_byte + slot.length_bytes
        outside = slot.start_byte < 0 or end > int(limits.BIAS_MEMORY_BYTES)
        if slot.length_bytes != length or outside or not 0 <= slot.quadrant < mem.QUADRANTS:
            yield _finding(
                "MX4118",
                layer.name,
                f"biases in bytes {slot.start_byte}+{slot.length_bytes} of quadrant "
                f"{slot.quadrant}; needed are {length}",
                limits.BIAS_MEMORY_BYTES.text,
            )


def _bias_overlaps(pairs: Pairs) -> Iterator[Diagnostic]:
    """No two layers share bias bytes, and flatten layers come first in each bias memory."""
    slots = [(layer, placed.bias) for layer, placed in pairs if placed.bias is not None]
    for (one, first), (other, second) in combinations(slots, 2):
        if first.quadrant != second.quadrant:
            continue
        if _overlap(first, second):
            yield _finding(
                "MX4119", f"layers {one.name} and {other.name}", "share bytes of a bias memory"
            )
        elif one.spec.flatten != other.spec.flatten and _behind(one, first, second):
            yield _finding(
                "MX4120",
                f"layers {one.name} and {other.name}",
                "the one that flattens has the higher bias address",
                "flatten layers need the first addresses of a bias memory",
            )


def _behind(one: QuantLayer, first: BiasSlot, second: BiasSlot) -> bool:
    """Whether, of two layers of which one flattens, that one has the higher address."""
    return one.spec.flatten != (first.start_byte < second.start_byte)


def _overlap(one: BiasSlot, other: BiasSlot) -> bool:
    return (
        one.start_byte < other.start_byte + other.length_bytes
        and other.start_byte < one.start_byte + one.length_bytes
    )


def _cycles(plan: Plan) -> Iterator[Diagnostic]:
    total = latency.STARTUP_CYCLES + sum(placed.cycles for placed in plan.layers)
    if plan.cycles != total:
        yield _finding("MX4121", "plan", f"{plan.cycles} cycles, the layers add up to {total}")
