"""Registers of layers that stream, and of an input that comes through the FIFOs."""

from __future__ import annotations

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.streaming import Cadence, StreamLayer, cadences, whole_frame
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ops.stream import stream_layer
from mxdeploy.stages.s5_lower.placed import PlacedLayer

FIFO_THRESHOLD = 2
"""Both thresholds of the FIFOs, as working programs set them; they only move status flags."""


def cadences_of(plan: Plan) -> tuple[Cadence | None, ...]:
    """When each layer works: those that stream, and a layer 0 that reads from the FIFOs."""
    chosen: tuple[Cadence, ...] = ()
    if plan.streams:
        chosen = cadences([_stream_layer(plan, index) for index in range(plan.streams)])
    elif plan.fifo:
        chosen = (whole_frame(_stream_layer(plan, 0)),)
    return (*chosen, *[None] * (len(plan.layers) - len(chosen)))


def _stream_layer(plan: Plan, index: int) -> StreamLayer:
    chw = plan.layers[index].inputs[0].order is DataOrder.CHW
    return stream_layer(plan.hardware.layers[index].spec, chw=chw)


def stream_registers(placed: PlacedLayer) -> tuple[reg.StreamRegister, ...]:
    """When the layer works, and its ring; none for a layer that waits for the one before it."""
    cadence = placed.cadence
    if cadence is None:
        return ()
    return (
        reg.Stream0(strm_isval=cadence.start),
        reg.Stream1(
            strm_invol=cadence.passes_before,
            strm_dsval1=cadence.step,
            strm_dsval2=cadence.row_step,
        ),
        reg.StreamBuffer(fbuf_max=placed.plan.ring_words),
    )


def input_frame(plan: Plan) -> reg.InputFrame:
    """Words of an input that each FIFO delivers."""
    return reg.InputFrame(ifrm_reg=_stream_layer(plan, 0).frame_words)


def fifo_control(plan: Plan) -> reg.FifoControl:
    """The FIFOs of the quadrants in which the input lies, in lock step."""
    return reg.FifoControl(
        rdy_sel=0,
        full_thresh=FIFO_THRESHOLD,
        empty_thresh=FIFO_THRESHOLD,
        fifo_cpl=1,
        fifo_en=sum(1 << quadrant for quadrant in plan.input.quadrants),
    )
