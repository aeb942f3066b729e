"""Register writes of the sequence around a run: initialisation, start, acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator

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
            reg.Ctrl(rdy_sel=0, clk_en=1, mexpress=1),
            reg.Sram(),
            reg.LayerCountMax(lcnt=len(plan.layers) - 1),
        )
        writes += [write(r.address(quadrant), r, Phase.INIT) for r in registers]
    return tuple(writes)


def start(plan: Plan) -> tuple[Write, ...]:
    """Quadrants are coupled and the others enabled; enabling the leading one starts them all."""
    return tuple(_start(plan))


def _start(plan: Plan) -> Iterator[Write]:
    for quadrant in plan.quadrants:
        yield _control(quadrant, ext_sync_en=1, cnn_en=int(quadrant != _LEADER), step=Phase.START)
    yield _control(_LEADER, ext_sync_en=0, cnn_en=1, step=Phase.START)


def acknowledge(plan: Plan) -> tuple[Write, ...]:
    """After the interrupt: clear the completion flag and the enables."""
    return tuple(
        _control(quadrant, ext_sync_en=int(quadrant != _LEADER), cnn_en=0, step=Phase.ACKNOWLEDGE)
        for quadrant in plan.quadrants
    )


def _control(quadrant: int, *, ext_sync_en: int, cnn_en: int, step: Phase) -> Write:
    control = reg.Ctrl(
        cnn_en=cnn_en,
        rdy_sel=0,
        clk_en=1,
        ext_sync_quadrant=_LEADER if ext_sync_en else 0,
        ext_sync_en=ext_sync_en,
        mexpress=1,
    )
    return write(reg.Ctrl.address(quadrant), control, step)
