"""Register writes of the sequence around a run: initialisation, start, acknowledgement."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.program import Phase, Write

_LEADER = int(limits.LEADING_QUADRANT)


def write(address: int, register: Register, origin: str) -> Write:
    """A register as a write, with its own text."""
    return Write(address=address, value=register.encode(), text=str(register), origin=origin)


def init(plan: Plan) -> tuple[Write, ...]:
    """After power-on: clocks, packed kernel writes, memory timing, number of layers."""
    writes = [write(reg.AlwaysOnControl.address(), reg.AlwaysOnControl(rdy_sel=0), Phase.INIT)]
    for quadrant in plan.quadrants:
        registers = (
            reg.Ctrl(rdy_sel=0, clk_en=1, mexpress=1, fifo_en=int(plan.fifo)),
            reg.Sram(),
            reg.LayerCountMax(lcnt=len(plan.layers) - 1),
        )
        writes += [write(r.address(quadrant), r, Phase.INIT) for r in registers]
    return tuple(writes)


def start(plan: Plan) -> tuple[Write, ...]:
    """Quadrants are coupled and the others enabled; enabling the leading one starts them all.

    Where the input comes through the FIFOs, working programs leave the leading quadrant coupled
    (to itself).
    """
    others = (
        _control(plan, coupled=True, cnn_en=int(quadrant != _LEADER)) for quadrant in plan.quadrants
    )
    leader = _control(plan, coupled=plan.fifo, cnn_en=1)
    controls = (*zip(plan.quadrants, others, strict=True), (_LEADER, leader))
    return tuple(write(c.address(quadrant), c, Phase.START) for quadrant, c in controls)


def acknowledge(plan: Plan) -> tuple[Write, ...]:
    """After the interrupt: clear the completion flag, the enables and the streaming mode."""
    controls = (
        (quadrant, _control(plan, coupled=plan.fifo or quadrant != _LEADER))
        for quadrant in plan.quadrants
    )
    return tuple(
        write(c.address(quadrant), replace(c, stream_en=0), Phase.ACKNOWLEDGE)
        for quadrant, c in controls
    )


def _control(plan: Plan, *, coupled: bool, cnn_en: int = 0) -> reg.Ctrl:
    return reg.Ctrl(
        cnn_en=cnn_en,
        rdy_sel=0,
        clk_en=1,
        ext_sync_quadrant=_LEADER if coupled else 0,
        ext_sync_en=int(coupled),
        stream_en=int(plan.streams > 0),
        fifo_en=int(plan.fifo),
        lilbuf=int(plan.streams > 0),
        mexpress=1,
    )
