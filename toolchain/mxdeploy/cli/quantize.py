"""``mxdeploy quantize``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.calibration import CalibrationArguments, calibration_options
from mxdeploy.cli.common import (
    read_options,
    talking,
)
from mxdeploy.cli.output import Output
from mxdeploy.cli.widths import WidthArguments, width_options

if TYPE_CHECKING:
    from mxdeploy.chosen_data import DataChoice
    from mxdeploy.options import ProjectOptions
    from mxdeploy.quantization import Quantization


@click.command(name="quantize")
@click.argument("model", type=click.Path(path_type=Path))
@calibration_options
@click.option("--config", type=click.Path(path_type=Path), help="Options (default: MODEL.toml).")
@width_options
@click.option(
    "--explain",
    "layer",
    metavar="LAYER",
    help="Everything decided about one layer (its name, number, or an ONNX node in it), and what "
    "else it could have been.",
)
@click.option(
    "--data",
    "test",
    metavar="FILE[:KEY]",
    help="Labelled data: count the answers that integers change (all inputs, not --limit).",
)
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--force", is_flag=True, help="Replace what was written there before.")
@talking
def command(  # noqa: PLR0913 - one parameter per option
    output: Output,
    model: Path,
    *,
    calibration: CalibrationArguments,
    config: Path | None,
    widths: WidthArguments,
    layer: str | None,
    test: str | None,
    target: Path | None,
    force: bool,
) -> None:
    """Turn MODEL (an ONNX file) into integers, and say what each decision costs.

    The quantization stage of a build alone: one line per layer, and with --explain all about one
    layer. With --data it counts right answers of the float model and of the integers, of pixels
    where each has a class. With -o it writes integer.onnx (integers only), quantized.onnx (the same
    network with QuantizeLinear and DequantizeLinear), quantization.json and quantization.html.
    """
    from mxdeploy.builds import check_target, write_build
    from mxdeploy.quantization import (
        QUANTIZATION_FILE,
        QuantizationRequest,
        quantization_files,
        quantize_model,
    )

    options = widths.applied(read_options(model, config))
    request = QuantizationRequest(
        model=model,
        options=options,
        calibration=calibration.choice(options),
        layer=layer,
        test=_test(test, calibration, options) if test else None,
    )
    if target is not None:
        check_target(target, force=force, marker=QUANTIZATION_FILE)
    with output.trace() as trace:
        result = quantize_model(request, trace)
    # The files first: who reads the tables may close the pipe.
    if target is not None:
        write_build(target, quantization_files(result))
    _show(output, result)
    if target is not None:
        output.result["folder"] = str(target)
        output.say(f"\nwritten to {target} (quantization.html, integer.onnx, quantized.onnx)")


def _test(reference: str, calibration: CalibrationArguments, options: ProjectOptions) -> DataChoice:
    """All of the data to count answers on; class folders get the numbers of the model's classes."""
    choice = replace(calibration, limit=None).data(reference, options)
    return replace(choice, classes=options.classes)


def _show(output: Output, result: Quantization) -> None:
    """The tables, and the answers that changed."""
    from mxdeploy.quantization import quantization_document

    output.result = quantization_document(result)
    if result.calibration is not None:
        output.report(result.calibration.problems)
    output.report(result.notes)
    _show_layers(output, result)
    if result.answers is not None:
        output.say("")
        for line in result.answers.lines():
            output.say(line)


def _show_layers(output: Output, result: Quantization) -> None:
    """The table of layers, or all about one of them."""
    from mxdeploy.cli import render_quantization as render
    from mxdeploy.stages.s9_report import layer_quantizations

    layers = layer_quantizations(result.network)
    if result.layer is None:
        output.show(render.scales_table(layers))
        output.show(render.errors_table(layers))
        output.say(render.LAYERS_LEGEND)
        return
    (layer,) = (one for one in layers if one.name == result.layer)
    for line in render.layer_lines(layer):
        output.say(line)
    if not result.alternatives:
        output.say("  this layer has no weights of its own to decide about")
        return
    output.show(render.alternatives_table(result.alternatives))
    output.say(render.ALTERNATIVES_LEGEND)
