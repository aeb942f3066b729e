"""A validation as one self-contained web page: figures, histograms, tensors side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mxdeploy import __version__
from mxdeploy.pages import page_environment
from mxdeploy.text import count
from mxdeploy.validation.result import Difference, Durations, IntArray, Validation

_TEMPLATE = "page.html.j2"
_WINDOW = 32
"""Rows and columns of a picture: the surroundings of the first difference."""
_NUMBERS_UP_TO = 12
"""Columns of a picture whose cells still have room for numbers."""
_CELL = 12.0
_WIDE_CELL = 44.0
_BINS = 24
_HISTOGRAM = (480.0, 120.0)
_SHOWN_INPUTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of a histogram, in the units of its picture."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How often which duration occurred."""

    title: str
    width: float
    height: float
    bars: tuple[Bar, ...]
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One element of a picture of a tensor; ``number`` is empty where there is no room."""

    x: float
    y: float
    grey: int
    differs: bool
    text: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A part of a tensor."""

    title: str
    width: float
    height: float
    cell_width: float
    cell_height: float
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A tensor of the integer model and of the board, side by side."""

    title: str
    text: str
    part: str
    pictures: tuple[Picture, ...]


def render(validation: Validation, network: str, classes: Sequence[str] = ()) -> bytes:
    """The page.

    Args:
        validation: what was found.
        network: the network's name.
        classes: names of the channels of the output, in order.
    """
    environment = page_environment(Path(__file__).parent)
    found = (validation.output, validation.layer)
    text = environment.get_template(_TEMPLATE).render(
        v=validation,
        network=network,
        version=__version__,
        figures=tuple(_figures(validation)),
        histograms=(
            _histogram("Inference (CNN)", validation.cnn),
            _histogram("Load of the input", validation.load),
        ),
        comparisons=tuple(_comparison(d, classes) for d in found if d is not None),
        unequal=", ".join(str(i) for i in validation.unequal[:_SHOWN_INPUTS]),
        more=max(0, len(validation.unequal) - _SHOWN_INPUTS),
    )
    return text.encode()


def _figures(v: Validation) -> Iterator[tuple[str, str]]:
    yield "inputs", f"{v.inputs} ({v.source})"
    yield "board", f"{v.identity.board} at {v.port}"
    yield "network, digest", v.identity.network
    yield "register program, digest", v.identity.program
    yield "compiler of the firmware", v.identity.compiler
    yield "inference (CNN), median", f"{v.cnn.median:,.1f} µs"
    yield "estimate", f"{v.estimate_us:,.1f} µs; measured {v.deviation:+.2%}"
    yield "load of the input, median", f"{v.load.median:,.1f} µs"
    yield "load and inference", f"{v.chip_rate:,.0f} inputs per second"
    yield "over the serial line", f"{v.line_rate:,.1f} inputs per second, {v.seconds:,.1f} s in all"
    for form, accuracy in (v.accuracy or {}).items():
        right = f"{accuracy.correct} of {accuracy.total} right, {accuracy.share:.2%}"
        yield f"accuracy, {form}", right
    if v.paired is not None:
        yield "integer → board", v.paired.to_text()
    yield "layers compared", str(v.layers_compared) if v.layers_compared else "none"
    s = v.statistics
    counted = (
        f"{count(s.frames, 'frame')} received, {s.dropped} dropped, {s.repeated} answered again, "
        f"{count(s.overruns, 'overrun')}; {count(v.repeats, 'request')} sent again"
    )
    yield "serial line", counted


def _histogram(title: str, durations: Durations) -> Histogram:
    values = np.array(durations.microseconds)
    low, high = float(values.min()), float(values.max())
    if high - low < 1:  # equal but for the timer's tick
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    width, height = _HISTOGRAM
    step, most = width / _BINS, int(counts.max())
    bars = tuple(
        Bar(
            x=round(step * i, 1),
            y=round(height * (1 - count / most), 1),
            width=round(step - 1, 1),
            height=round(height * count / most, 1),
            text=f"{edges[i]:,.2f} to {edges[i + 1]:,.2f} µs: {count}",
        )
        for i, count in enumerate(counts.tolist())
        if count
    )
    return Histogram(
        title=title, width=width, height=height, bars=bars,
        low=f"{low:,.2f} µs", high=f"{high:,.2f} µs",
    )  # fmt: skip


def _comparison(difference: Difference, classes: Sequence[str]) -> Comparison:
    channel, row, column = difference.place
    expected, found, left = difference.expected, difference.found, 0
    if expected.shape[1:] == (1, 1):  # a vector: channels from top to bottom
        names = tuple(classes) if difference.layer is None else ()
        first = max(0, channel - _WINDOW // 2)
        planes = [t[first : first + _WINDOW, :, 0] for t in (expected, found)]
        part = f"channels {first} to {first + len(planes[0]) - 1}"
        places = [_named(first + i, names) for i in range(len(planes[0]))]
    else:
        top, left = max(0, row - _WINDOW // 2), max(0, column - _WINDOW // 2)
        planes = [t[channel, top : top + _WINDOW, left : left + _WINDOW] for t in (expected, found)]
        part = f"channel {channel}, from row {top}, column {left} on"
        places = [f"row {top + i}" for i in range(len(planes[0]))]
    titles = ("integer model", "board")
    return Comparison(
        title=difference.where,
        text=difference.to_text(),
        part=part,
        pictures=tuple(
            _picture(title, plane, planes, places, left)
            for title, plane in zip(titles, planes, strict=True)
        ),
    )


def _named(channel: int, names: Sequence[str]) -> str:
    return f"channel {channel}" + (f" ({names[channel]})" if channel < len(names) else "")


def _picture(
    title: str,
    plane: IntArray,
    planes: Sequence[IntArray],
    places: Sequence[str],
    left: int,
) -> Picture:
    """One of two ``planes``; ``places`` names its rows, ``left`` is its first column."""
    rows, columns = plane.shape
    differs = planes[0] != planes[1]
    low = min(int(p.min()) for p in planes)
    span = max(1, max(int(p.max()) for p in planes) - low)
    numbered = columns <= _NUMBERS_UP_TO
    width = _WIDE_CELL * (2 if columns == 1 else 1) if numbered else _CELL
    height = 2 * _CELL if numbered else _CELL
    cells = tuple(
        Cell(
            x=width * c,
            y=height * r,
            grey=40 + 200 * (int(plane[r, c]) - low) // span,
            differs=bool(differs[r, c]),
            text=f"{places[r]}, column {left + c}: {plane[r, c]}" if columns > 1
            else f"{places[r]}: {plane[r, c]}",
            number=str(plane[r, c]) if numbered else "",
        )
        for r in range(rows)
        for c in range(columns)
    )  # fmt: skip
    return Picture(
        title=title, width=width * columns, height=height * rows, cell_width=width,
        cell_height=height, cells=cells,
    )  # fmt: skip
