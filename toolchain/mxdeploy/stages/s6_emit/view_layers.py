"""Where every layer's tensor lies, as the templates see it."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import Region
from mxdeploy.ir.program import Program
from mxdeploy.stages.s6_emit.escape import c_comment
from mxdeploy.stages.s6_emit.lanes import check_region, step_bytes
from mxdeploy.stages.s6_emit.storage import Storage
from mxdeploy.stages.s6_emit.tables import hex32
from mxdeploy.stages.s6_emit.view_network import LanesView, OutputView, lanes_view
from mxdeploy.stages.s6_emit.view_tail import TailView

_RESULT_BYTES = 10
"""SRAM of one element of a table of results: value, probability and rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorView:
    """One row of a table of tensors: its lanes are ``first_lane`` and the following ones."""

    text: str
    first_lane: int
    lanes: int
    pixels: int
    elements: int
    bits: int
    step_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersView:
    """Tensors of layers and outputs, their lanes, and how fewer layers (``least``) are run.

    ``input_room``: bytes for an input from the serial line; ``shares_memory``: they are those of an
    output of the model at other times, since there is no room for both.
    """

    layers: tuple[TensorView, ...]
    outputs: tuple[TensorView, ...]
    lanes: tuple[LanesView, ...]
    count_registers: tuple[str, ...]
    count_shift: int
    least: int
    input_room: int
    shares_memory: bool


def layers_view(
    program: Program, outputs: tuple[OutputView, ...], tail: TailView, storage: Storage
) -> LayersView:
    """Where the layers' tensors lie.

    Raises:
        ValueError: the plan places one where the generated code cannot read it.
    """
    plan = program.plan
    lanes: list[LanesView] = []
    known: dict[Region, TensorView] = {}

    def tensor(region: Region) -> TensorView:
        if region not in known:
            known[region] = _tensor(program, region, lanes)
        return known[region]

    tables = _RESULT_BYTES * max(output.channels for output in outputs)
    room = storage.sram_bytes - tail.workspace_bytes - tables
    channels, rows, columns = plan.network.value(plan.network.input).shape
    size = channels * rows * columns
    return LayersView(
        layers=tuple(tensor(layer.output) for layer in plan.layers),
        outputs=tuple(tensor(region) for region in plan.outputs),
        lanes=tuple(lanes),
        count_registers=tuple(hex32(reg.LayerCountMax.address(q)) for q in plan.quadrants),
        count_shift=reg.LayerCountMax.bit_fields()["lcnt"].low,
        least=max(1, plan.streams),
        input_room=size if size <= room else 0,
        shares_memory=size + tail.largest_bytes > room,
    )


def _tensor(program: Program, region: Region, lanes: list[LanesView]) -> TensorView:
    check_region(region, is_output=True)
    value = program.plan.network.value(region.value)
    channels, rows, columns = value.shape
    rows_of_table = lanes_view(region, channels)
    first = len(lanes)
    lanes += rows_of_table
    return TensorView(
        text=c_comment(f"{value.name}: {channels} x {rows} x {columns}"),
        first_lane=first,
        lanes=len(rows_of_table),
        pixels=rows * columns,
        elements=channels * rows * columns,
        bits=region.bits,
        step_bytes=step_bytes(region),
    )
