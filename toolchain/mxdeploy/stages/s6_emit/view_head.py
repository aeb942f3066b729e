"""The model's input as the templates see it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mxdeploy.data import Scale, pixels
from mxdeploy.ir.program import Program
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.head_planes import Bounds, Plane, Scaling, plan_head

_PIXEL_TEXTS = {
    Scale.NONE: "the model takes the pixel p as the number p",
    Scale.UNIT: "the model takes the pixel p as p / 255",
    Scale.CHIP: "the model takes the pixel p as round((p / 255 - 0.5) * 256) / 128, 1 as 127 / 128",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionView:
    """One function of all numbers: ``scales`` and ``offsets`` by group, or bounds."""

    scales: str
    offsets: str
    low: str
    high: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadView:
    """How the chip's input is made of the model's."""

    shape: str
    elements: int
    planes: tuple[str, ...]
    functions: tuple[FunctionView, ...]
    groups: int
    pixels: tuple[tuple[str, ...], ...]
    pixel_text: str
    scale: str
    steps: tuple[str, ...]


def head_view(program: Program, scale: Scale) -> HeadView:
    """How the chip's input is made of the model's, and of 8-bit pixels scaled as told."""
    network = program.plan.network
    source = network.value(network.input)
    plan = plan_head(network.head, network.input_shape, source.shape, source.scale, pixels(scale))
    return HeadView(
        shape=" x ".join(str(n) for n in plan.shape),
        elements=math.prod(plan.shape),
        planes=tuple(_plane(plane) for plane in plan.planes),
        functions=tuple(_function(function) for function in plan.functions),
        groups=plan.groups,
        pixels=tuple(tables.lines(row.astype(int)) for row in plan.pixels),
        pixel_text=_PIXEL_TEXTS[scale],
        scale=tables.c_float(source.scale),
        steps=tuple(type(op).__name__ for op in network.head),
    )


def _plane(plane: Plane) -> str:
    rows, columns = plane.rows, plane.columns
    return (
        f"{{{plane.first}, {plane.row_step}, {plane.column_step}, "
        f"{{{rows[0]}u, {rows[1]}u}}, {{{columns[0]}u, {columns[1]}u}}, {plane.group}u}}"
    )


def _function(function: Bounds | Scaling) -> FunctionView:
    if isinstance(function, Scaling):
        scales, offsets = (
            ", ".join(tables.c_float(v) for v in values)
            for values in (function.scales, function.offsets)
        )
        return FunctionView(scales=scales, offsets=offsets, low="", high="")
    low, high = (
        "" if math.isinf(bound) else tables.c_float(bound)
        for bound in (function.low, function.high)
    )
    return FunctionView(scales="", offsets="", low=low, high=high)
