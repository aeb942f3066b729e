"""The model's input as the templates see it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mxdeploy.data import Scale, pixels
from mxdeploy.ir.program import Program
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.escape import c_comment, markdown_text
from mxdeploy.stages.s6_emit.head_planes import (
    Bounds,
    Function,
    Plane,
    Scaling,
    Spread,
    plan_head,
)

_PER_LINE = 4
_PIXEL_TEXTS = {
    Scale.NONE: "the model takes the pixel p as the number p",
    Scale.UNIT: "the model takes the pixel p as p / 255",
    Scale.CHIP: "the model takes the pixel p as round((p / 255 - 0.5) * 256) / 128, 1 as 127 / 128",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionView:
    """One function of all numbers: bounds, or ``scales`` and ``offsets`` by group or by element."""

    by_element: bool = False
    scales: tuple[str, ...] = ()
    offsets: tuple[str, ...] = ()
    low: str = ""
    high: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadView:
    """How the chip's input is made of the model's.

    ``planes``: tables of regular channels; else ``order`` holds every element. ``pixels``: integers
    by group; else ``pixel_numbers`` are what the model takes for each pixel. ``parts``: where
    the model's inputs lie, if it has several.
    """

    shape: str
    elements: int
    planes: tuple[str, ...]
    order: tuple[str, ...]
    group_of: tuple[str, ...]
    functions: tuple[FunctionView, ...]
    pixels: tuple[tuple[str, ...], ...]
    pixel_numbers: tuple[str, ...]
    pixel_text: str
    scale: str
    steps: tuple[str, ...]
    parts: tuple[str, ...]
    parts_markdown: str


def head_view(program: Program, scale: Scale) -> HeadView:
    """How the chip's input is made of the model's, and of 8-bit pixels scaled as told."""
    network = program.plan.network
    source = network.value(network.input)
    numbers = pixels(scale)
    plan = plan_head(network.head, network.input_shape, source.shape, source.scale, numbers)
    order = () if plan.order is None else plan.order.tolist()
    return HeadView(
        shape=" x ".join(str(n) for n in plan.shape),
        elements=math.prod(plan.shape),
        planes=tuple(_plane(plane) for plane in plan.planes),
        order=tables.lines(order),
        group_of=tables.lines(plan.groups),
        functions=tuple(_function(function) for function in plan.functions),
        pixels=()
        if plan.pixels is None
        else tuple(tables.lines(row.astype(int)) for row in plan.pixels),
        pixel_numbers=_reals(numbers) if plan.pixels is None else (),
        pixel_text=_PIXEL_TEXTS[scale],
        scale=tables.c_float(source.scale),
        steps=tuple(type(op).__name__ for op in network.head),
        parts=tuple(c_comment(part.to_text()) for part in network.parts),
        parts_markdown=", ".join(markdown_text(part.to_text()) for part in network.parts),
    )


def _plane(plane: Plane) -> str:
    rows, columns = plane.rows, plane.columns
    return (
        f"{{{plane.first}, {plane.row_step}, {plane.column_step}, "
        f"{{{rows[0]}u, {rows[1]}u}}, {{{columns[0]}u, {columns[1]}u}}}}"
    )


def _reals(values: Iterable[float]) -> tuple[str, ...]:
    """Lines of real constants."""
    texts = [tables.c_float(float(v)) for v in values]
    return tuple(", ".join(texts[i : i + _PER_LINE]) for i in range(0, len(texts), _PER_LINE))


def _function(function: Function) -> FunctionView:
    match function:
        case Scaling():
            return FunctionView(scales=_reals(function.scales), offsets=_reals(function.offsets))
        case Spread():
            scales, offsets = (
                () if numbers is None else _reals(numbers.tolist())
                for numbers in (function.scales, function.offsets)
            )
            return FunctionView(by_element=True, scales=scales, offsets=offsets)
        case Bounds():
            low, high = (
                "" if math.isinf(bound) else tables.c_float(bound)
                for bound in (function.low, function.high)
            )
            return FunctionView(low=low, high=high)
