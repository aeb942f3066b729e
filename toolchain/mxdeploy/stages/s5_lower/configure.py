"""The registers of all layers in all quadrants that are in use."""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.program import Write
from mxdeploy.stages.s5_lower import control, geometry, pointers, stream
from mxdeploy.stages.s5_lower.placed import PlacedLayer
from mxdeploy.stages.s5_lower.sequences import write


def layer_registers(placed: PlacedLayer, quadrant: int) -> tuple[reg.LayerRegister, ...]:
    """Every register of one layer in one quadrant, in the order in which they are written."""
    return (
        geometry.row_count(placed),
        geometry.column_count(placed),
        geometry.pool_row_count(placed),
        geometry.pool_column_count(placed),
        geometry.stride(placed),
        pointers.write_pointer_base(placed, quadrant),
        pointers.write_pointer_time_slot_offset(placed),
        pointers.write_pointer_mask_offset(placed),
        pointers.write_pointer_channel_offset(placed),
        pointers.read_pointer_base(placed),
        control.layer_control_0(placed, quadrant),
        control.layer_control_1(placed),
        control.mask_count(placed),
        geometry.one_dimensional(placed),
        geometry.tram_pointer(placed),
        control.post_processing(placed, quadrant),
        control.enable(placed, quadrant),
        *stream.stream_registers(placed),
    )


def configure(plan: Plan) -> tuple[Write, ...]:
    """Writes of all layer registers; words equal to the reset value are left out.

    The registers hold their reset value because power-on precedes every configuration.
    """
    return tuple(_configure(plan))


def _configure(plan: Plan) -> Iterator[Write]:
    layers = zip(plan.hardware.layers, plan.layers, stream.cadences_of(plan), strict=True)
    for layer, layer_plan, cadence in layers:
        placed = PlacedLayer(layer=layer, plan=layer_plan, cadence=cadence)
        for quadrant in plan.quadrants:
            for register in layer_registers(placed, quadrant):
                if register.encode() != register.reset_word():
                    address = register.address(quadrant, layer_plan.index)
                    yield write(address, register, layer.name)
    if plan.fifo:
        yield from _fifos(plan)


def _fifos(plan: Plan) -> Iterator[Write]:
    """The length of the input, and the FIFOs that deliver it."""
    frame = stream.input_frame(plan)
    for quadrant in plan.quadrants:
        yield write(frame.address(quadrant), frame, plan.input.value)
    control = stream.fifo_control(plan)
    yield write(control.address(), control, plan.input.value)
