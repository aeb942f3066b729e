"""What the generated C code leaves out, and why."""

from __future__ import annotations

from mxdeploy.errors import Diagnostic
from mxdeploy.ir.program import Program
from mxdeploy.stages.s6_emit.options import EmitOptions
from mxdeploy.stages.s6_emit.storage import storage_of
from mxdeploy.stages.s6_emit.view_network import output_views
from mxdeploy.stages.s6_emit.view_tail import is_computed, output_bytes, tail_plans

_DEFAULTS = EmitOptions()


def left_out(program: Program, options: EmitOptions) -> tuple[Diagnostic, ...]:
    """A warning for every output of the model that the firmware cannot compute."""
    storage = storage_of(program, output_views(program), options)
    return tuple(
        Diagnostic(
            code="MX6020",
            where=f"output {plan.result.name}",
            what=f"is not computed by the firmware: its {plan.elements:,} numbers and those in "
            f"between take {output_bytes(plan):,} bytes",
            why=f"{storage.sram_bytes:,} bytes of SRAM are left beside what the accelerator gives"
            if storage.outputs
            else "what the accelerator gives does not fit the SRAM itself",
            fix="use the accelerator's own outputs (cnn_unload or layers_read), or end the model "
            "with something smaller",
            severity="warning",
        )
        for plan in tail_plans(program.plan.network)
        if not is_computed(plan, storage)
    )


def sample_fits(program: Program, options: EmitOptions = _DEFAULTS) -> bool:
    """Whether the flash has room for an input of the network."""
    return storage_of(program, output_views(program), options).sample


def sample_too_large(file: str, size: int) -> Diagnostic:
    """The user's sample is not in the firmware."""
    return Diagnostic(
        code="MX6021",
        where=file,
        what=f"is not the known-answer test's sample: the flash has no room for {size:,} bytes",
        why="code, kernels and answer take the rest",
        fix="none is needed: the firmware tests itself with numbers that it generates",
        severity="warning",
    )
