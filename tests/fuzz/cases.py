"""Random legal networks with a random legal placement, made without the mapper."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import assume
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from tests.fuzz import geometry
from tests.fuzz.case import Case, Layer, Place
from tests.fuzz.geometry import Operand
from tests.fuzz.masks import input_mask, output_mask, passthrough_mask

CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 24, 31, 33)
MANY_CHANNELS = (60, 64, 65, 68, 70, 100, 128, 130)
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 17, 20)
KERNEL_STARTS = (0, 4, 8, 12, 16, 20, 52, 100, 300)
BIAS_STARTS = (0, 1, 3, 40, 200)
SKIPS = (0, 0, 1, 2, 5, 64, 777, 3000)
MAX_KERNEL_WORDS = 200
SHIFTS = st.integers(-15, 15) | st.integers(-5, 5)


@dataclass(kw_only=True)
class Draft:
    """A network that grows layer by layer.

    Attributes:
        shape: of the input.
        places: of the input and of what each layer writes, still without words.
        layers: specification and values read.
        group: numbers of the values that lie interleaved, in order.
    """

    shape: tuple[int, int, int]
    places: list[Place]
    layers: list[tuple[LayerSpec, tuple[int, ...]]] = field(default_factory=list)
    group: tuple[int, ...] = ()

    def operand(self, value: int) -> Operand:
        """A value as a layer sees it."""
        shape = self.layers[value - 1][0].out_shape if value else self.shape
        place = self.places[value]
        passes = layouts.expansion(shape[0], place.processors)
        return Operand(shape=shape, passes=passes, chw=place.order is DataOrder.CHW)

    def add(self, draw, spec: LayerSpec, reads: tuple[int, ...], mask: int = 0) -> None:
        """Append a layer; its output gets processors of its own unless ``mask`` names them."""
        source = self.places[reads[0]].processors
        if spec.kind is Kind.PASSTHROUGH:
            mask = mask or passthrough_mask(draw, source)
        else:
            mask = mask or output_mask(draw, spec.out_channels)
        assume(spec.out_size[0] * spec.out_size[1] <= geometry.MAX_PIXELS)
        self.layers.append((spec, reads))
        self.places.append(Place(processors=mask, word=0))

    def readable(self) -> list[int]:
        """Values that a layer with one operand can read."""
        if self.places[0].order is DataOrder.CHW and self.layers:
            # Data in CHW order are for the first layer alone.
            return [n for n in range(1, len(self.places)) if n not in self.group]
        return [n for n in range(len(self.places)) if n not in self.group]


@st.composite
def cases(draw, max_layers: int = 3) -> Case:
    """Chains, forks and joins of up to ``max_layers`` layers (joins of many operands: more)."""
    draft = _begin(draw)
    if draw(st.integers(0, 2)) == 0 and draft.places[0].order is DataOrder.HWC:
        _join(draw, draft)
    else:
        draft.add(draw, draw(geometry.single(draft.operand(0))), (0,))
    while len(draft.layers) < max_layers and draw(st.booleans()):
        value = draw(st.sampled_from(draft.readable()))
        draft.add(draw, draw(geometry.single(draft.operand(value))), (value,))
    return _placed(draw, draft)


def _begin(draw) -> Draft:
    channels = draw(st.sampled_from(CHANNELS))
    if draw(st.integers(0, 9)) == 0:
        channels = draw(st.sampled_from(MANY_CHANNELS))
    rows, columns = draw(st.sampled_from(SIZES)), draw(st.sampled_from(SIZES))
    if draw(st.integers(0, 3)) == 0:
        columns = 1
    assume(rows * columns * channels <= 4096)
    chw = channels <= mem.DATA_MEMORIES and draw(st.integers(0, 5)) == 0
    mask = input_mask(draw, channels, chw=chw)
    order = DataOrder.CHW if chw else DataOrder.HWC
    return Draft(
        shape=(channels, rows, columns), places=[Place(processors=mask, word=0, order=order)]
    )


def _join(draw, draft: Draft) -> None:
    """Several layers that write interleaved operands, and one (or two) that combine them."""
    operands = draw(st.sampled_from((2, 2, 3, 3, 4, 7, 16)))
    spec = draw(geometry.single(draft.operand(0)))
    assume(spec.out_size[0] * spec.out_size[1] * operands <= geometry.MAX_PIXELS)
    draft.add(draw, spec, (0,))
    mask = draft.places[1].processors
    for _ in range(operands - 1):
        draft.add(draw, geometry.variant(draw, spec), (0,), mask)
    draft.group = tuple(range(1, operands + 1))
    combined = draft.operand(1)
    for _ in range(1 + (draw(st.integers(0, 3)) == 0)):
        draft.add(draw, draw(geometry.combination(combined, operands)), draft.group)


# --- placement ----------------------------------------------------------------------------------


def _placed(draw, draft: Draft) -> Case:
    read = {value for _, reads in draft.layers for value in reads}
    layers = []
    for number, (drawn, reads) in enumerate(draft.layers, start=1):
        spec, place = drawn, draft.places[number]
        last = number not in read
        if last and spec.kind is not Kind.PASSTHROUGH and draw(st.integers(0, 2)) == 0:
            spec = replace(spec, output_bits=32, activation=Activation.NONE)
        gap = len(draft.group) - 1 if number in draft.group else 0
        if last and draw(st.integers(0, 3)) == 0:
            gap = draw(st.integers(1, 15))
        passes = layouts.expansion(spec.out_channels, place.processors)
        if spec.kind is not Kind.PASSTHROUGH:
            assume(passes * (gap + 1) <= limits.MAX_WRITE_STEP)
        layers.append(Layer(spec=spec, reads=reads, to=replace(place, gap=gap)))
    case = Case(shape=draft.shape, at=draft.places[0], layers=tuple(layers), quadrants=(0,))
    case = _with_parameters(draw, _with_words(draw, case, draft.group))
    return replace(case, seed=draw(st.integers(0, 0xFFFF)))


def _with_words(draw, case: Case, group: tuple[int, ...]) -> Case:
    """First words: every tensor has words of its own; operands share a block."""
    places = [case.at, *(layer.to for layer in case.layers)]
    words, cursor = [0] * len(places), draw(st.sampled_from(SKIPS))
    for number, region in enumerate(case.regions):
        if number in group[1:]:
            words[number] = words[number - 1] + 1
            continue
        words[number] = cursor
        shape = case.values[number].shape
        per_word = layouts.LANES if region.order is DataOrder.CHW else 1
        pixels = -(-shape[1] * shape[2] // per_word)
        cursor += pixels * region.passes * (region.gap + 1) * (region.bits // 8)
        cursor += draw(st.sampled_from(SKIPS))
    spare = mem.DATA_WORDS - cursor
    assume(spare >= 0)
    if draw(st.integers(0, 4)) == 0:
        # Up to the last word of the memories.
        words = [word + spare for word in words]
    placed = [replace(place, word=word) for place, word in zip(places, words, strict=True)]
    layers = [replace(la, to=to) for la, to in zip(case.layers, placed[1:], strict=True)]
    return replace(case, at=placed[0], layers=tuple(layers))


def _with_parameters(draw, case: Case) -> Case:
    """Quadrants, kernels and biases, each of a place of its own."""
    touched = {0, *(q for region in case.regions for q in region.quadrants)}
    if draw(st.integers(0, 3)) == 0:
        touched.add(draw(st.integers(0, mem.QUADRANTS - 1)))
    quadrants = tuple(sorted(touched))
    kernel_end, bias_end = draw(st.sampled_from(KERNEL_STARTS)), dict.fromkeys(quadrants, 0)
    layers = []
    for layer in case.layers:
        if layer.spec.weight_shape is None:
            layers.append(layer)
            continue
        bits = draw(st.sampled_from(layouts.WEIGHT_BITS))
        shift = draw(SHIFTS)
        placed = replace(layer, weight_bits=bits, shift=shift, kernels=kernel_end)
        words = placed.kernel_words(case.regions[layer.reads[0]].processors)
        assume(words <= MAX_KERNEL_WORDS)
        kernel_end += -(-words // 4) * 4 + draw(st.sampled_from((0, 0, 4, 8)))
        if draw(st.booleans()):
            quadrant = draw(st.sampled_from(quadrants))
            first = bias_end[quadrant] + draw(st.sampled_from(BIAS_STARTS))
            bias_end[quadrant] = first + layer.slots()
            assume(bias_end[quadrant] <= mem.BIAS_BYTES)
            placed = replace(placed, bias=(quadrant, first))
        layers.append(placed)
    assume(kernel_end <= mem.KERNEL_WORDS)
    return replace(case, layers=tuple(layers), quadrants=quadrants)
