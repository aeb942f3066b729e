"""``mxdeploy check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import (
    explain,
    explain_option,
    optimize_option,
    read_options,
    talking,
    with_objective,
)
from mxdeploy.cli.output import Output
from mxdeploy.cli.widths import WidthArguments, width_options
from mxdeploy.text import count

if TYPE_CHECKING:
    from mxdeploy.ir.plan import Plan


@click.command(name="check")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--config", type=click.Path(path_type=Path), help="Options (default: MODEL.toml).")
@width_options
@explain_option
@optimize_option
@talking
def command(
    output: Output,
    model: Path,
    *,
    config: Path | None,
    widths: WidthArguments,
    explain_rewrites: bool,
    objective: str | None,
) -> None:
    """Say whether MODEL (an ONNX file) runs on the chip, without building it.

    Everything that stands in the way is reported at once: which node, which limit, what to do.
    """
    from mxdeploy.narrowing import left_open
    from mxdeploy.pipeline import placement_of

    options = widths.applied(read_options(model, config))
    options = with_objective(options, objective)
    output.report(left_open(options.quantize.weight_memory, options.quantize.max_drop))
    with output.trace() as trace:
        _, plan = placement_of(model, options, trace)
    output.result = _result(plan)
    _show(output, plan)
    if explain_rewrites:
        explain(output, plan.network)


def _result(plan: Plan) -> dict[str, object]:
    from mxdeploy.chip.max78000.clocks import CNN_CLOCK_HZ

    return {
        "model": plan.network.name,
        "fits": True,
        "layers": [
            {
                "index": p.index,
                "name": p.name,
                "operation": q.spec.to_text(),
                "weight_bits": q.weight_bits if q.weight is not None else None,
                "cycles": p.cycles,
            }
            for p, q in zip(plan.layers, plan.network.layers, strict=True)
        ],
        "rewrites": [
            {"rule": r.rule, "nodes": list(r.nodes), "text": r.text, "exact": r.exact}
            for r in plan.network.rewrites
        ],
        "cycles": plan.cycles,
        "milliseconds": plan.cycles / CNN_CLOCK_HZ * 1e3,
    }


def _show(output: Output, plan: Plan) -> None:
    from mxdeploy.chip.max78000.clocks import CNN_CLOCK_HZ
    from mxdeploy.chip.max78000.layouts import WEIGHT_BITS
    from mxdeploy.cli import render

    for line in render.rewrite_lines(plan.network.rewrites):
        output.detail(line)
    for part in plan.network.parts:
        output.say(f"input {part.to_text()}")
    for placed, layer in zip(plan.layers, plan.network.layers, strict=True):
        shape = "x".join(map(str, layer.spec.out_shape))
        narrow = "" if layer.weight_bits == WEIGHT_BITS[0] else f", {layer.weight_bits}-bit weights"
        output.say(f"{placed.index:3} {placed.name}: {layer.spec.to_text()}{narrow} -> {shape}")
    output.say(
        f"{plan.network.name} fits: {count(len(plan.layers), 'hardware layer')}, "
        f"{plan.cycles:,} cycles = {plan.cycles / CNN_CLOCK_HZ * 1e3:.3f} ms (estimated)"
    )
