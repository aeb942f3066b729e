"""The quantization section of the page: rows of its tables, and histograms as shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mxdeploy.stages.s9_report.pictures import Mark, hue
from mxdeploy.stages.s9_report.schema import HistogramReport, LayerQuantization
from mxdeploy.text import share

_WIDTH, _HEIGHT, _AXIS = 236.0, 56.0, 13.0
_FULL_DB = 60.0
"""Signal to noise at which a bar is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A histogram: outlines of the bars inside the limits and of those outside, and its axis."""

    width: float
    height: float
    inside: str
    outside: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Both histograms of one layer."""

    index: int
    name: str
    hue: int
    outputs: Curve
    weights: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A layer in the tables: its record, and what is shown in other words."""

    layer: LayerQuantization
    hue: int
    percent: float
    weight_step: str
    outputs_cut: str
    weights_cut: str
    saturated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Everything in the section; without rows there is none."""

    rows: tuple[Row, ...]
    figures: tuple[Figure, ...]


def quantization_section(layers: Sequence[LayerQuantization]) -> Section:
    """Tables and pictures of what was measured; empty when nothing was."""
    if all(layer.sqnr_db is None for layer in layers):
        return Section(rows=(), figures=())
    return Section(
        rows=tuple(_row(layer) for layer in layers),
        figures=tuple(_figures(layers)),
    )


def curve_of(found: HistogramReport, limits: tuple[float, float] | None) -> Curve:
    """A histogram with logarithmic heights; bins whose middle lies outside ``limits`` apart."""
    count = len(found.counts)
    step, size = _WIDTH / count, (found.high - found.low) / count
    most = math.log1p(max(found.counts, default=0)) or 1.0
    heights = [_HEIGHT * math.log1p(number) / most for number in found.counts]
    middles = [found.low + (i + 0.5) * size for i in range(count)]
    inside = [limits is None or limits[0] <= middle <= limits[1] for middle in middles]
    return Curve(
        width=_WIDTH,
        height=_HEIGHT + _AXIS,
        inside=_outline((h if i else 0.0 for h, i in zip(heights, inside, strict=True)), step),
        outside=_outline((0.0 if i else h for h, i in zip(heights, inside, strict=True)), step),
        marks=_axis(found),
    )


def _axis(found: HistogramReport) -> tuple[Mark, ...]:
    """The smallest and the largest value, and zero where it lies well between them."""
    y = _HEIGHT + _AXIS - 2
    marks = [
        Mark(x=0, y=y, text=f"{found.low:.3g}"),
        Mark(x=_WIDTH, y=y, text=f"{found.high:.3g}", anchor="end"),
    ]
    zero = -found.low / (found.high - found.low) * _WIDTH
    if _WIDTH / 5 < zero < _WIDTH * 4 / 5:
        marks.append(Mark(x=round(zero, 1), y=y, text="0", anchor="middle"))
    return tuple(marks)


def _outline(heights: Iterable[float], step: float) -> str:
    """A path around bars of these heights, ``step`` wide each; empty when all are zero."""
    tops = list(heights)
    if not any(tops):
        return ""
    parts = [f"M 0 {_HEIGHT:g}"]
    for i, height in enumerate(tops):
        parts.append(f"V {_HEIGHT - height:.1f} H {(i + 1) * step:.1f}")
    return " ".join([*parts, f"V {_HEIGHT:g} Z"])


def _row(layer: LayerQuantization) -> Row:
    return Row(
        layer=layer,
        hue=hue(layer.index),
        percent=round(100 * min(max(layer.sqnr_db or 0.0, 0.0) / _FULL_DB, 1.0), 1),
        weight_step="-" if layer.weight_scale is None else f"{layer.weight_scale:.4g}",
        outputs_cut=share(layer.beyond),
        weights_cut=share(layer.weights_cut),
        saturated=share(layer.saturated),
    )


def _figures(layers: Sequence[LayerQuantization]) -> Iterable[Figure]:
    for layer in layers:
        if layer.outputs is not None and layer.weight_values is not None:
            yield Figure(
                index=layer.index,
                name=layer.name,
                hue=hue(layer.index),
                outputs=curve_of(layer.outputs, layer.limits),
                weights=curve_of(layer.weight_values, None),
            )
