"""``mxdeploy evaluate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import data_options, labelled_choice, talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, MismatchError
from mxdeploy.text import all_of, count

if TYPE_CHECKING:
    from mxdeploy.evaluation import Evaluation


@click.command(name="evaluate")
@click.argument("build", type=click.Path(path_type=Path))
@data_options("data", "Inputs, and labels when there are any", required=True)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes (default: one per core).")
@talking
def command(
    output: Output,
    build: Path,
    *,
    data: str,
    layout: str,
    scale: str | None,
    limit: int | None,
    jobs: int | None,
) -> None:
    """Run data through a BUILD folder's three forms: float model, integer model, emulator.

    Shows the accuracy of each (with labels), which answers the integer model changes against the
    float model, and checks that integer model and emulator are equal on every input; exit status 6
    when they are not. Where network and labels tell a class for every pixel, pixels are counted,
    with intervals over images.
    """
    from mxdeploy.builds import open_build
    from mxdeploy.chosen_data import read_data
    from mxdeploy.evaluation import evaluate

    folder = open_build(build)
    choice = labelled_choice(folder, data, layout, scale, limit)
    dataset = read_data(choice, folder.plan.network, "x_test")
    output.report(dataset.problems)
    with output.progress("evaluating", len(dataset)) as advance:
        result = evaluate(folder, dataset, jobs=jobs or os.cpu_count() or 1, advance=advance)
    output.result = result.to_dict()
    _show(output, result)
    if result.unequal:
        raise MismatchError(
            Diagnostic(
                code="MX8206",
                where=f"{build}, input {result.unequal[0]}",
                what=f"integer model and emulator differ on {count(len(result.unequal), 'input')}",
                fix=f"mxdeploy emulate {build} --input … --index {result.unequal[0]}",
            )
        )


def _show(output: Output, result: Evaluation) -> None:
    output.say(
        f"{result.source}: {count(result.inputs, 'input')}, layout {result.layout}, "
        f"scale {result.scale}"
    )
    for line in _accuracy_lines(result):
        output.say(f"  {line}")
    for found in result.outputs:
        said = f"output {found.name} ({'x'.join(map(str, found.shape)) or 'number'})"
        if found.sqnr_db is not None:
            output.say(f"  {said}: signal to quantization noise {found.sqnr_db:.1f} dB")
        if found.equal is not None:
            output.say(f"  {said}: {found.equal:.2%} of the positions are those of the float model")
    if not result.unequal:
        output.say(f"  integer = emulator on {all_of(result.inputs, 'input')}, bit for bit")


def _accuracy_lines(result: Evaluation) -> list[str]:
    """What is right, and what the integer model answers otherwise."""
    lines = [] if result.pixels is None else result.pixels.lines()
    if result.accuracy is not None:
        lines += [f"{name:9} {accuracy.to_text()}" for name, accuracy in result.accuracy.items()]
        if result.paired is not None:
            lines.append(f"float -> integer: {result.paired.to_text()}")
    elif result.agreement is not None:
        lines.append(f"float and integer choose the same class for {result.agreement:.2%}")
    return lines
