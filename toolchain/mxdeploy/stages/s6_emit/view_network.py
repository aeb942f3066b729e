"""The network's name, input and outputs as the templates see them."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ir.plan import DataOrder, Region
from mxdeploy.ir.program import Program
from mxdeploy.stages.s6_emit import tables
from mxdeploy.stages.s6_emit.escape import c_comment, c_identifier, c_string, wire_name
from mxdeploy.stages.s6_emit.lanes import Lanes, check_region, lanes_of, step_bytes
from mxdeploy.stages.s6_emit.view_fifos import FifosView, fifos_view

_BYTE_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """Identity and size of the network."""

    comment: str
    name_literal: str
    wire_literal: str
    digest: str
    program_digest: str
    layers: int
    cycles: int
    quadrants: str
    weight_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesView:
    """One row of a table of lanes."""

    address: str
    channels: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputView:
    """How the input is written: to data memory, or through FIFOs."""

    channels: int
    rows: int
    columns: int
    pixels: int
    bytes: int
    order: str
    step_bytes: int
    lanes: tuple[LanesView, ...]
    fifos: FifosView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputView:
    """How one output is read."""

    comment: str
    member: str
    name_literal: str
    wire_literal: str
    scale: str
    bits: int
    c_type: str
    unload: str
    channels: int
    rows: int
    columns: int
    pixels: int
    elements: int
    step_bytes: int
    lanes: tuple[LanesView, ...]


def network_view(program: Program) -> NetworkView:
    """Identity and size of the network."""
    plan = program.plan
    return NetworkView(
        comment=c_comment(plan.network.name),
        name_literal=c_string(plan.network.name),
        wire_literal=c_string(wire_name(plan.network.name)),
        digest=plan.network.digest,
        program_digest=program.digest,
        layers=len(plan.layers),
        cycles=plan.cycles,
        quadrants=f"0x{sum(1 << q for q in plan.quadrants):x}u",
        weight_bytes=sum(image.words.array.nbytes for image in program.kernels),
    )


def input_view(program: Program) -> InputView:
    """How the input is written.

    Raises:
        ValueError: the plan places it where the generated code cannot write it.
    """
    plan = program.plan
    channels, rows, columns = plan.network.value(plan.network.input).shape
    check_region(plan.input, is_output=False)
    return InputView(
        channels=channels,
        rows=rows,
        columns=columns,
        pixels=rows * columns,
        bytes=channels * rows * columns,
        order=str(plan.input.order),
        step_bytes=step_bytes(plan.input),
        lanes=lanes_view(plan.input, channels),
        fifos=fifos_view(plan) if plan.fifo else None,
    )


def output_views(program: Program) -> tuple[OutputView, ...]:
    """How the outputs are read, in the network's order.

    Raises:
        ValueError: the plan places one where the generated code cannot read it.
    """
    return tuple(_output(program, i, r) for i, r in enumerate(program.plan.outputs))


def _output(program: Program, index: int, region: Region) -> OutputView:
    check_region(region, is_output=True)
    value = program.plan.network.value(region.value)
    channels, rows, columns = value.shape
    is_byte = region.bits == _BYTE_BITS
    return OutputView(
        comment=c_comment(value.name),
        member=c_identifier(value.name, f"output{index}"),
        name_literal=c_string(value.name),
        wire_literal=c_string(wire_name(value.name)),
        scale=tables.c_float(value.scale),
        bits=region.bits,
        c_type="int8_t" if is_byte else "int32_t",
        unload="unload_bytes" if is_byte else "unload_words",
        channels=channels,
        rows=rows,
        columns=columns,
        pixels=rows * columns,
        elements=channels * rows * columns,
        step_bytes=step_bytes(region),
        lanes=lanes_view(region, channels),
    )


def lanes_view(region: Region, channels: int) -> tuple[LanesView, ...]:
    """The rows of a table of lanes."""
    is_chw = region.order is DataOrder.CHW
    return tuple(_lanes_view(lanes, is_chw=is_chw) for lanes in lanes_of(region, channels))


def _lanes_view(lanes: Lanes, *, is_chw: bool) -> LanesView:
    present = [c for c in lanes.channels if c is not None]
    first, last = present[0], present[-1]
    text = f"channel {first}" if first == last or is_chw else f"channels {first} to {last}"
    return LanesView(
        address=tables.hex32(lanes.address),
        channels=tables.channels(lanes.channels),
        text=text,
    )
