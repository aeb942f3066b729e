"""Plans with one thing changed: every field, in every direction that could go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, Plan, Region, RegionPart
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor

Swap = Callable[[Region], Region]
_MASK = (1 << 64) - 1
_WORD = 4
_WORDS_AWAY = (-1, 1, -2, 2, 7, -64, 64)
_BITS = (1, 4, 16)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed plan.

    Attributes:
        what: the change in words.
        make: returns the plan with it (a few changes change nothing).
    """

    what: str
    make: Callable[[], Plan]


def mutants(plan: Plan, group: int | None = None) -> tuple[Mutant, ...]:
    """Every single change of ``plan``, or those of a group (any number)."""
    groups = GROUPS if group is None else (GROUPS[group % len(GROUPS)],)
    return tuple(mutant for find in groups for mutant in find(plan))


def with_layer(plan: Plan, number: int, /, **changes: object) -> Plan:
    """The plan with fields of one layer changed."""
    layer = replace(plan.layers[number], **changes)
    return replace(plan, layers=(*plan.layers[:number], layer, *plan.layers[number + 1 :]))


def with_regions(plan: Plan, read: Swap, write: Swap) -> Plan:
    """The plan with the regions that are read and written passed through functions.

    Parts of joins are read; a join follows its parts: processors, offset.
    """

    def reading(region: Region) -> Region:
        if not region.parts:
            return read(region)
        return rejoined(
            region, tuple(replace(part, region=read(part.region)) for part in region.parts)
        )

    layers = tuple(
        replace(p, inputs=tuple(map(reading, p.inputs)), output=write(p.output))
        for p in plan.layers
    )
    outputs = tuple(map(reading, plan.outputs))
    return replace(plan, layers=layers, input=write(plan.input), outputs=outputs)


def rejoined(region: Region, parts: tuple[RegionPart, ...]) -> Region:
    """A join of these parts."""
    if parts == region.parts:
        return region
    union = 0
    for part in parts:
        union |= part.region.processors
    offset = min(part.region.offset_bytes for part in parts)
    return replace(region, parts=parts, processors=union, offset_bytes=offset)


def written(plan: Plan) -> tuple[Region, ...]:
    """The input and every layer's output."""
    return (plan.input, *(layer.output for layer in plan.layers))


def _moved(plan: Plan) -> Iterator[Mutant]:
    """One tensor elsewhere, for all who read or write it."""
    for region in written(plan):
        for what, changed in (*_offsets(plan, region), *_masks(region)):
            yield _everywhere(plan, f"{region.value}: {what}", {region: changed})


def _everywhere(plan: Plan, what: str, changes: dict[Region, Region]) -> Mutant:
    swap = partial(_exchange, changes)
    return Mutant(what, partial(with_regions, plan, swap, swap))


def _offsets(plan: Plan, region: Region) -> Iterator[tuple[str, Region]]:
    """Near where it was, at the ends of memory, and just in front of and behind other tensors."""
    words = {region.offset_bytes + _WORD * words for words in _WORDS_AWAY}
    size = _words(plan, region)
    words |= {0, 2, 16384, 32764, 32768 - _WORD * size, 32772 - _WORD * size}
    for other in written(plan):
        for off in (-1, 0, 1):
            words.add(other.offset_bytes + _WORD * (_words(plan, other) + off))
            words.add(other.offset_bytes - _WORD * (size + off))
    for offset in sorted(words - {region.offset_bytes}):
        yield f"offset {offset}", replace(region, offset_bytes=offset)


def _words(plan: Plan, region: Region) -> int:
    """Words from the first to the last of a tensor."""
    _, rows, columns = plan.hardware.value(region.value).shape
    if region.order is DataOrder.CHW:
        return -(-rows * columns // 4) * region.passes
    last = (rows * columns - 1) * region.step_words + (region.passes - 1) * (region.gap + 1)
    return (last + 1) * region.bits // 8


def _tensors(plan: Plan) -> Iterator[Mutant]:
    """One tensor described in another way: for all, for its writer only, for its readers only."""
    same = partial(_exchange, {})
    for region in written(plan):
        for what, changed in (*_changed(region), *_masks(region)):
            swap = partial(_exchange, {region: changed})
            yield _everywhere(plan, f"{region.value}: {what}", {region: changed})
            yield Mutant(f"{region.value} as read: {what}", partial(with_regions, plan, swap, same))
            yield Mutant(f"{region.value} written: {what}", partial(with_regions, plan, same, swap))


def _exchange(changes: dict[Region, Region], region: Region) -> Region:
    return changes.get(region, region)


def _changed(region: Region) -> Iterator[tuple[str, Region]]:
    for words in _WORDS_AWAY:
        offset = region.offset_bytes + _WORD * words
        yield f"{words:+d} words", replace(region, offset_bytes=offset)
    for passes in (region.passes - 1, region.passes + 1):
        yield f"{passes} passes", replace(region, passes=passes)
    for gap in {0, 1, region.gap - 1, region.gap + 1, 15} - {region.gap}:
        yield f"gap {gap}", replace(region, gap=gap)
    steps = {0, 1, region.step_words, region.step_words - 1, region.step_words + 1, 16, 17}
    for words in steps - {region.pixel_words}:
        yield f"{words} words per pixel", replace(region, pixel_words=words)
    yield "other width", replace(region, bits=40 - region.bits)
    orders = {DataOrder.HWC: DataOrder.CHW, DataOrder.CHW: DataOrder.HWC}
    yield "other order", replace(region, order=orders[region.order])
    yield "its own part", replace(region, parts=(RegionPart(region=region, channels=1),))


def _masks(region: Region) -> Iterator[tuple[str, Region]]:
    """Each processor taken away, and moved to the nearest free places; all of them shifted."""
    mask = region.processors
    masks = {mask << bits & _MASK for bits in _BITS} | {mask >> bits for bits in _BITS}
    free = [bit for bit in range(64) if not mask >> bit & 1]
    masks |= {mask ^ 1 << bit for bit in free[:2]}
    for bit in (bit for bit in range(64) if mask >> bit & 1):
        masks.add(mask ^ 1 << bit)
        for other in sorted(free, key=lambda place, bit=bit: abs(place - bit))[:2]:
            masks.add(mask ^ 1 << bit ^ 1 << other)
    for changed in sorted(masks - {mask}):
        yield f"processors 0x{changed:x}", replace(region, processors=changed)


def _joins(plan: Plan) -> Iterator[Mutant]:
    for position, layer in enumerate(plan.layers):
        for number, region in enumerate(layer.inputs):
            for what, changed in _changed_join(region) if region.parts else ():
                inputs = (*layer.inputs[:number], changed, *layer.inputs[number + 1 :])
                yield Mutant(
                    f"{layer.name}, {region.value}: {what}",
                    partial(with_layer, plan, position, inputs=inputs),
                )


def _changed_join(region: Region) -> Iterator[tuple[str, Region]]:
    yield from (*_changed(region), *_masks(region))
    yield "no parts", replace(region, parts=())
    parts = region.parts
    for number, part in enumerate(parts):
        rest = (*parts[:number], *parts[number + 1 :])
        yield f"without part {number}", replace(region, parts=rest)
        yield f"part {number} last", replace(region, parts=(*rest, part))
        for channels in (part.channels - 1, part.channels + 1):
            other = replace(part, channels=channels)
            changed = (*parts[:number], other, *parts[number + 1 :])
            yield f"part {number} of {channels} channels", replace(region, parts=changed)


def _exchanges(plan: Plan) -> Iterator[Mutant]:
    """Two tensors change places, or one lies where another one does."""
    for one, other in combinations(written(plan), 2):
        place = ("offset_bytes", "processors", "gap", "pixel_words", "passes")
        for fields in (place[:1], place[:2], place):
            first = replace(one, **{field: getattr(other, field) for field in fields})
            second = replace(other, **{field: getattr(one, field) for field in fields})
            for what, changes in (
                ("exchanged with", {one: first, other: second}),
                ("as", {one: first}),
                ("taken by", {other: second}),
            ):
                text = f"{', '.join(fields)} of {one.value} {what} {other.value}"
                yield _everywhere(plan, text, changes)


def _layers(plan: Plan) -> Iterator[Mutant]:
    for position, layer in enumerate(plan.layers):
        changes: list[dict[str, object]] = [
            {"in_passes": layer.in_passes - 1},
            {"in_passes": layer.in_passes + 1},
            {"out_passes": layer.out_passes - 1},
            {"out_passes": layer.out_passes + 1},
            {"index": layer.index + 1},
            {"name": layer.name + "'"},
            {"cycles": layer.cycles + 1},
            {"ring_words": layer.ring_words - 1},
            {"ring_words": layer.ring_words + 1},
            {"ring_words": 0},
            {"inputs": layer.inputs[::-1]},
            {"inputs": layer.inputs[:1] * len(layer.inputs)},
            {"inputs": layer.inputs[1:]},
            *({"output": region} for region in layer.inputs[:1]),
        ]
        for change in changes:
            yield Mutant(f"{layer.name}: {change}", partial(with_layer, plan, position, **change))


def _kernels(plan: Plan) -> Iterator[Mutant]:
    """Kernels near where they were, where others are, and at both ends of the memory."""
    slots = dict.fromkeys(layer.kernels for layer in plan.layers)
    for position, layer in enumerate(plan.layers):
        for slot in (*slots, *_other_kernels(layer.kernels, tuple(slots))):
            yield Mutant(f"{layer.name}: {slot}", partial(with_layer, plan, position, kernels=slot))


def _other_kernels(
    slot: KernelSlot | None, others: tuple[KernelSlot | None, ...]
) -> Iterator[KernelSlot | None]:
    yield None
    if slot is None:
        return
    starts = {slot.start_word + words for words in (-8, -4, -1, 1, 4, 8, 500)}
    starts |= {0, 764, 768, 768 - slot.words, 768 - slot.words & ~3, 772 - slot.words & ~3}
    for other in others:
        if other is not None:
            behind = other.start_word + other.words
            before = other.start_word - slot.words
            starts |= {behind & ~3, behind + 3 & ~3, before & ~3, before + 3 & ~3}
    for start in sorted(starts):
        yield replace(slot, start_word=start)
    for words in (slot.words - 1, slot.words + 1):
        yield replace(slot, words=words)


def _biases(plan: Plan) -> Iterator[Mutant]:
    """Biases near where they were, where others are, and at both ends of the memories."""
    slots = dict.fromkeys(layer.bias for layer in plan.layers)
    for position, layer in enumerate(plan.layers):
        for slot in (*slots, *_other_biases(layer.bias)):
            yield Mutant(f"{layer.name}: {slot}", partial(with_layer, plan, position, bias=slot))


def _other_biases(slot: BiasSlot | None) -> Iterator[BiasSlot | None]:
    yield None
    if slot is None:
        return
    for count in (-4, -1, 1, 4):
        yield replace(slot, start_byte=slot.start_byte + count)
    yield replace(slot, start_byte=512 - slot.length_bytes)
    yield replace(slot, start_byte=513 - slot.length_bytes)
    for quadrant in sorted({0, 1, 2, 3, 4} - {slot.quadrant}):
        yield replace(slot, quadrant=quadrant)
    for length in (slot.length_bytes - 1, slot.length_bytes + 1):
        yield replace(slot, length_bytes=length)


def _orders(plan: Plan) -> Iterator[Mutant]:
    """Neighbouring layers change places: in the plan, and in the network as well."""
    for index in range(len(plan.layers) - 1):
        first, second = plan.layers[index : index + 2]
        pair = (second, first)
        layers = (*plan.layers[:index], *pair, *plan.layers[index + 2 :])
        yield Mutant(f"{second.name} first in the plan", partial(replace, plan, layers=layers))
        try:
            networks = {
                "network": _swapped(plan.network, index),
                "realization": plan.realization and _swapped(plan.realization, index),
            }
        except ValueError:
            continue
        numbered = tuple(replace(layer, index=number) for number, layer in enumerate(layers))
        yield Mutant(f"{second.name} first", partial(replace, plan, layers=numbered, **networks))
    yield Mutant("without the last layer", partial(replace, plan, layers=plan.layers[:-1]))


def _swapped(network: QuantNetwork, index: int) -> QuantNetwork:
    """Layers ``index`` and the next one in the other order; ValueError when that cannot be."""
    layers = list(network.layers)
    layers[index : index + 2] = layers[index : index + 2][::-1]
    changed = replace(network, layers=tuple(layers))
    changed.verify()
    return changed


def _hosts(plan: Plan) -> Iterator[Mutant]:
    for count in range(16):
        quadrants = tuple(q for q in range(4) if count >> q & 1)
        yield Mutant(f"quadrants {quadrants}", partial(replace, plan, quadrants=quadrants))
    yield Mutant("quadrants twice", partial(replace, plan, quadrants=plan.quadrants * 2))
    yield Mutant("one more quadrant", partial(replace, plan, quadrants=(*plan.quadrants, 4)))
    yield Mutant("outputs reversed", partial(replace, plan, outputs=plan.outputs[::-1]))
    yield Mutant("no outputs", partial(replace, plan, outputs=()))
    for layer in plan.layers:
        yield Mutant(
            f"output {layer.output.value}", partial(replace, plan, outputs=(layer.output,))
        )
    yield Mutant("FIFOs", partial(replace, plan, fifo=not plan.fifo))
    yield Mutant("cycles", partial(replace, plan, cycles=plan.cycles + 1))


def _streams(plan: Plan) -> Iterator[Mutant]:
    """How the input comes, rings, and what the layers compute instead of the network."""
    yield Mutant("input by the other way", partial(replace, plan, fifo=not plan.fifo))
    if plan.realization is not None:
        for fill in (plan.input_fill - 1, plan.input_fill + 1, 0):
            yield Mutant(f"fill {fill}", partial(replace, plan, input_fill=fill))
        yield Mutant("layers as in the network", partial(replace, plan, realization=None))
        for layer in plan.realization.layers:
            yield Mutant(f"other weights of {layer.name}", partial(_other_weight, plan, layer.name))
    for position, layer in enumerate(plan.layers):
        rings = {0, 1, 2, 8191} | {layer.ring_words + n for n in (-2, -1, 1, 2, 64)}
        for words in sorted(rings):
            yield Mutant(
                f"{layer.name}: a ring of {words} words",
                partial(with_layer, plan, position, ring_words=words),
            )


def _other_weight(plan: Plan, name: str) -> Plan:
    """The plan with the last weight of a realized layer changed."""
    layers = []
    for layer in plan.hardware.layers:
        if layer.name == name and layer.weight is not None:
            weight = layer.weight.array.copy()
            weight.flat[-1] ^= 1
            layers.append(replace(layer, weight=Tensor(weight)))
        else:
            layers.append(layer)
    return replace(plan, realization=replace(plan.hardware, layers=tuple(layers)))


GROUPS = (
    _moved,
    _moved,
    _tensors,
    _joins,
    _exchanges,
    _kernels,
    _biases,
    _layers,
    _orders,
    _hosts,
    _streams,
)
"""Those that are most often accepted come more often."""
