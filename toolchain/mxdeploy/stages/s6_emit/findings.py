"""What the generated C code leaves out, and why."""

from __future__ import annotations

from mxdeploy.errors import Diagnostic
from mxdeploy.ir.program import Program
from mxdeploy.stages.s6_emit.options import EmitOptions
from mxdeploy.stages.s6_emit.view_network import output_views
from mxdeploy.stages.s6_emit.view_tail import free_bytes, output_bytes, tail_plans


def left_out(program: Program, options: EmitOptions) -> tuple[Diagnostic, ...]:
    """A warning for every output of the model that the firmware cannot compute."""
    room = free_bytes(output_views(program), options)
    return tuple(
        Diagnostic(
            code="MX6020",
            where=f"output {plan.result.name}",
            what=f"is not computed by the firmware: its {plan.elements:,} numbers and those in "
            f"between take {output_bytes(plan):,} bytes",
            why=f"{max(0, room):,} bytes of SRAM are left beside what the accelerator gives",
            fix="use the accelerator's own outputs (cnn_unload), or end the model with something "
            "smaller, such as ArgMax",
            severity="warning",
        )
        for plan in tail_plans(program.plan.network)
        if output_bytes(plan) > room
    )
