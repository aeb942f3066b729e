"""Pictures of a placement as shapes: kernel memory, data memories over time, the network.

Only numbers and words; the page's template makes SVG of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s9_report.lives import Life, lives
from mxdeploy.stages.s9_report.schema import LayerReport, Report

_GOLDEN_ANGLE = 137.508
"""Degrees between the hues of neighbouring numbers: no two of 32 look alike."""
_PROCESSOR_WIDTH = 11.0
_WORDS_PER_POINT = 2.0
_MEMORY_HEIGHT = 34.0
_MEMORY_GAP = 6.0
_STEP_WIDTH = 26.0
_NODE_WIDTH = 430.0
_NODE_HEIGHT = 30.0
_NODE_PITCH = 44.0
_LANE = 14.0
_LEFT = 44.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A coloured rectangle: position and size in points, hue in degrees, text for people."""

    x: float
    y: float
    width: float
    height: float
    hue: int
    title: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A short text beside an axis."""

    x: float
    y: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """From one box of the network to another: a path, dashed where it passes others by."""

    path: str
    skips: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything in one drawing."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    marks: tuple[Mark, ...] = ()
    frames: tuple[Box, ...] = ()
    arrows: tuple[Arrow, ...] = ()


def hue(number: int) -> int:
    """A colour for layer ``number``."""
    return round(number * _GOLDEN_ANGLE) % 360


def kernel_picture(report: Report) -> Picture:
    """64 processors side by side, 768 words from top to bottom, each layer's words coloured."""
    width = _LEFT + mem.PROCESSORS * _PROCESSOR_WIDTH
    height = mem.KERNEL_WORDS / _WORDS_PER_POINT
    top = 16.0
    boxes = [box for layer in report.layers for box in _kernel_boxes(layer, top)]
    frames = tuple(
        Box(
            x=_LEFT + q * mem.PROCESSORS_PER_QUADRANT * _PROCESSOR_WIDTH,
            y=top,
            width=mem.PROCESSORS_PER_QUADRANT * _PROCESSOR_WIDTH,
            height=height,
            hue=0,
            title=f"quadrant {q}",
        )
        for q in range(mem.QUADRANTS)
    )
    words = range(0, mem.KERNEL_WORDS + 1, mem.KERNEL_WORDS // 4)
    marks = [
        Mark(x=_LEFT - 6, y=top + w / _WORDS_PER_POINT + 4, text=str(w), anchor="end")
        for w in words
    ]
    marks += [
        Mark(x=_LEFT + p * _PROCESSOR_WIDTH + 1, y=top - 4, text=str(p))
        for p in range(0, mem.PROCESSORS, mem.PROCESSORS_PER_MEMORY)
    ]
    return Picture(
        width=width + 2,
        height=height + top + 6,
        boxes=tuple(boxes),
        marks=tuple(marks),
        frames=frames,
    )


def _kernel_boxes(layer: LayerReport, top: float) -> Iterator[Box]:
    if layer.kernel_start_word is None:
        return
    mask = 0
    for region in layer.inputs:
        mask |= int(region.processors, 16)
    last = layer.kernel_start_word + layer.kernel_words - 1
    for first, count in _runs(mask):
        height = layer.kernel_words / _WORDS_PER_POINT
        yield Box(
            x=_LEFT + first * _PROCESSOR_WIDTH,
            y=top + layer.kernel_start_word / _WORDS_PER_POINT,
            width=count * _PROCESSOR_WIDTH,
            height=height,
            hue=hue(layer.index),
            title=f"{layer.index} {layer.name}: processors {first} to {first + count - 1}, words "
            f"{layer.kernel_start_word} to {last}, {layer.weight_bits}-bit weights",
            label=str(layer.index) if height >= _MEMORY_GAP else "",
        )


def _runs(mask: int) -> Iterator[tuple[int, int]]:
    """First processor and length of each run of set bits."""
    first = 0
    while mask >> first:
        zeros = (mask >> first & -(mask >> first)).bit_length() - 1
        first += zeros
        count = (~(mask >> first) & -~(mask >> first)).bit_length() - 1
        yield first, count
        first += count


def data_picture(report: Report) -> Picture:
    """The 16 data memories one below the other; time from left to right, one step per layer."""
    steps = len(report.layers) + 1
    pitch, top = _MEMORY_HEIGHT + _MEMORY_GAP, 16.0
    boxes = [
        _data_box(life, number, top + memory * pitch)
        for number, life in enumerate(lives(report.layers, report.chip_outputs))
        for memory in life.region.memories
    ]
    frames = tuple(
        Box(
            x=_LEFT,
            y=top + memory * pitch,
            width=steps * _STEP_WIDTH,
            height=_MEMORY_HEIGHT,
            hue=0,
            title=f"data memory {memory}, {mem.DATA_BYTES:,} bytes",
        )
        for memory in range(mem.DATA_MEMORIES)
    )
    marks = [
        Mark(
            x=_LEFT - 6,
            y=top + memory * pitch + _MEMORY_HEIGHT / 2 + 4,
            text=f"{first}-{first + mem.PROCESSORS_PER_MEMORY - 1}",
            anchor="end",
        )
        for memory, first in enumerate(range(0, mem.PROCESSORS, mem.PROCESSORS_PER_MEMORY))
    ]
    marks.append(Mark(x=_LEFT + 2, y=top - 4, text="in"))
    marks += [
        Mark(
            x=_LEFT + (i + 1) * _STEP_WIDTH + _STEP_WIDTH / 2,
            y=top - 4,
            text=str(i),
            anchor="middle",
        )
        for i in range(steps - 1)
    ]
    return Picture(
        width=_LEFT + steps * _STEP_WIDTH + 2,
        height=top + mem.DATA_MEMORIES * pitch,
        boxes=tuple(boxes),
        marks=tuple(marks),
        frames=frames,
    )


def _data_box(life: Life, number: int, top: float) -> Box:
    region, scale = life.region, _MEMORY_HEIGHT / mem.DATA_BYTES
    shape = " x ".join(map(str, region.shape))
    return Box(
        x=_LEFT + (life.birth + 1) * _STEP_WIDTH,
        y=top + region.offset_bytes * scale,
        width=(life.death - life.birth + 1) * _STEP_WIDTH,
        height=max(0.5, (region.end_bytes - region.offset_bytes) * scale),
        hue=hue(number),
        title=f"{region.value}: {shape}, {region.bits} bits, {region.order}, bytes "
        f"{region.offset_bytes} to {region.end_bytes - 1}",
    )


def network_picture(report: Report) -> Picture:
    """The layers from top to bottom, and what reads what."""
    place = {name: i + 1 for i, name in enumerate(layer.output.value for layer in report.layers)}
    lanes = _Lanes()
    arrows = [
        _arrow(place.get(region.value, 0), layer.index + 1, lanes)
        for layer in report.layers
        for region in layer.inputs
    ]
    source = " x ".join(map(str, report.input_shape))
    texts = [("input", f"input {source}", 0)]
    texts += [
        (
            f"{layer.name}: {layer.operation}; {layer.cycles:,} cycles",
            f"{layer.index}  {layer.operation}  {' x '.join(map(str, layer.out_shape))}",
            hue(layer.index),
        )
        for layer in report.layers
    ]
    boxes = tuple(
        Box(
            x=1,
            y=1 + i * _NODE_PITCH,
            width=_NODE_WIDTH,
            height=_NODE_HEIGHT,
            hue=colour,
            title=title,
            label=label,
        )
        for i, (title, label, colour) in enumerate(texts)
    )
    return Picture(
        width=_NODE_WIDTH + 8 + _LANE * (lanes.count + 1),
        height=len(boxes) * _NODE_PITCH,
        boxes=boxes,
        arrows=tuple(arrows),
    )


class _Lanes:
    """Lanes beside the boxes for arrows that pass others by; each as far in as it is free."""

    def __init__(self) -> None:
        self._ends: list[int] = []

    @property
    def count(self) -> int:
        return len(self._ends)

    def take(self, first: int, last: int) -> int:
        """A lane that is free from box ``first`` to box ``last``."""
        for lane, end in enumerate(self._ends):
            if end <= first:
                self._ends[lane] = last
                return lane
        self._ends.append(last)
        return len(self._ends) - 1


def _arrow(source: int, target: int, lanes: _Lanes) -> Arrow:
    begin, end = 1 + source * _NODE_PITCH + _NODE_HEIGHT, 1 + target * _NODE_PITCH
    if target == source + 1:
        return Arrow(path=f"M 40 {begin} V {end}", skips=False)
    right = _NODE_WIDTH + 1
    lane = right + _LANE * (lanes.take(source, target) + 1)
    low, high = begin - _NODE_HEIGHT / 3, end + _NODE_HEIGHT / 3
    return Arrow(path=f"M {right} {low} H {lane} V {high} H {right}", skips=True)
