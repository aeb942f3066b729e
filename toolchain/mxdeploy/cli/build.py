"""``mxdeploy build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.calibration import CalibrationArguments, calibration_options
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
from mxdeploy.data import Scale
from mxdeploy.errors import Diagnostic, MismatchError, ToolError, UsageError

if TYPE_CHECKING:
    from mxdeploy.ir.quantized import QuantNetwork
    from mxdeploy.pipeline import BuildRequest
    from mxdeploy.stages.s9_report.schema import Report

BOARD = "max78000fthr"


@click.command(name="build")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="Build folder.")
@click.option("--force", is_flag=True, help="Replace a build that is there.")
@click.option("--board", default=BOARD, show_default=True, help="Board the firmware is for.")
@calibration_options
@click.option("--config", type=click.Path(path_type=Path), help="Options (default: MODEL.toml).")
@width_options
@optimize_option
@click.option(
    "--compiler",
    type=click.Choice(["auto", "gcc", "zig", "none"]),
    default="auto",
    help="C compiler; auto takes arm-none-eabi-gcc, else pip's ziglang.",
)
@click.option(
    "--app",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Your own C file in place of the generated application; repeat for more files.",
)
@click.option(
    "--map",
    "placement",
    type=click.Path(path_type=Path),
    help="Take this placement (a build's map.json, perhaps edited) instead of searching for one.",
)
@click.option("--run", is_flag=True, help="Run the firmware on the virtual board.")
@explain_option
@talking
def command(  # noqa: PLR0913 - one parameter per option
    output: Output,
    model: Path,
    *,
    target: Path | None,
    force: bool,
    board: str,
    calibration: CalibrationArguments,
    config: Path | None,
    widths: WidthArguments,
    objective: str | None,
    compiler: str,
    app: tuple[Path, ...],
    placement: Path | None,
    run: bool,
    explain_rewrites: bool,
) -> None:
    """Take MODEL (an ONNX file) to C sources and firmware, proved bit for bit.

    The result is a folder with the integer model, the C project, the firmware image and the
    report. Ranges come from the model (QuantizeLinear/DequantizeLinear, Clip), from calibration
    data, or from made-up inputs (--data-free).
    """
    from mxdeploy.pipeline import BuildRequest

    if app and run:
        raise UsageError(_run_with_app())
    options = widths.applied(read_options(model, config))
    options = with_objective(options, objective)
    request = BuildRequest(
        model=model,
        options=options,
        board=board,
        calibration=calibration.choice(options),
        compiler=compiler,
        run=run,
        placement=placement,
        app=app,
        scale=Scale(calibration.scale) if calibration.scale else options.input.scale,
    )
    folder = target or Path("build") / model.stem
    report, network = _build(output, request, folder, force)
    if explain_rewrites:
        explain(output, network)
    _judge(report, request)


def _build(
    output: Output, request: BuildRequest, target: Path, force: bool
) -> tuple[Report, QuantNetwork]:
    """Build and show it; the report, and the network as it was placed."""
    from mxdeploy.builds import check_target, write_build
    from mxdeploy.cli import render
    from mxdeploy.package import package
    from mxdeploy.pipeline import build

    check_target(target, force=force)
    with output.trace() as trace:
        built = build(request, trace)
        report, files = package(built, trace)
        write_build(target, files)
    output.result = {"folder": str(target), "report": report.model_dump(mode="json")}
    if built.calibration is not None:
        output.report(built.calibration.problems)
    output.report(built.diagnostics)
    _show(output, report, target)
    for line in render.rewrite_lines(built.plan.network.rewrites):
        output.detail(line)
    return report, built.plan.network


def _show(output: Output, report: Report, target: Path) -> None:
    from rich.text import Text

    from mxdeploy.cli import render

    output.show(Text(f"{report.model} for {report.board}", style="bold"))
    output.show(render.layer_table(report))
    output.show(render.placement_table(report))
    output.show(render.totals_table(report))
    output.say("")
    for line in render.summary_lines(report):
        output.say(line)
    if report.board_run is not None:
        output.detail(report.board_run.console)
    if report.classes:
        label = f", which shows: {report.sample_label}" if report.sample_label else ""
        output.say(f"\nthe sample ({report.sample}{label}):")
        output.show(render.class_table(report))
    output.say(f"\nbuilt in {target} (report.html, firmware/, integer.onnx)")


def _run_with_app() -> Diagnostic:
    return Diagnostic(
        code="MX8214",
        where="--run",
        what="cannot be used with --app",
        why="it reads the verdict of the generated known-answer test, which --app replaces",
        fix="build without --run, then: mxdeploy board --image BUILD_FOLDER",
    )


def _judge(report: Report, request: BuildRequest) -> None:
    """Fail after the build is written: it is good, but what was asked for did not happen."""
    if request.run and report.compiler is None:
        raise ToolError(
            Diagnostic(
                code="MX8207",
                where="--run",
                what="there is no firmware to run: no C compiler was found",
                why="the C sources and the proof are complete and in the build folder",
                fix='pip install "mxdeploy[firmware]", or put arm-none-eabi-gcc on the PATH',
            )
        )
    if report.board_run is not None and not report.board_run.passed:
        raise MismatchError(
            Diagnostic(
                code="MX8202",
                where=f"virtual board {report.board}",
                what="the known-answer test failed",
                fix="mxdeploy build -v shows what the board printed",
            )
        )
