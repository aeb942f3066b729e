"""``mxdeploy validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import DATA_HELP, labelled_choice, talking
from mxdeploy.cli.output import Output
from mxdeploy.data import Layout, Scale
from mxdeploy.errors import Diagnostic, MismatchError, UsageError
from mxdeploy.text import agreeing, count

if TYPE_CHECKING:
    from mxdeploy.builds import BuildFolder
    from mxdeploy.validation import Inputs, Validation

DEFAULT_INPUTS = 100
LAYOUTS = [str(v) for v in Layout]
SCALES = [str(v) for v in Scale]


@click.command(name="validate")
@click.argument("build", type=click.Path(path_type=Path))
@click.option("--port", required=True, help="Serial port or socket:// URL of the board.")
@click.option("--baud", type=click.IntRange(min=300), default=115200, help="Bits per second.")
@click.option(
    "--data",
    metavar="DATA",
    help=f"Inputs, and labels when there are any: {DATA_HELP} (default: the sample, then random "
    "numbers).",
)
@click.option("--layout", type=click.Choice(LAYOUTS), default="auto", help="Order of the axes.")
@click.option(
    "--scale",
    type=click.Choice(SCALES),
    help="none: as is; unit: p/255; chip: to [-1, 127/128] as the chip takes it.",
)
@click.option(
    "--n",
    "count",
    type=click.IntRange(min=1),
    default=DEFAULT_INPUTS,
    help=f"Send at most this many inputs (default {DEFAULT_INPUTS}).",
)
@click.option("--layers", is_flag=True, help="Compare every layer too, on the first input.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a web page to this file.")
@talking
def command(  # noqa: PLR0913 - one per option
    output: Output,
    build: Path,
    *,
    port: str,
    baud: int,
    data: str | None,
    layout: str,
    scale: str | None,
    count: int,
    layers: bool,
    html: Path | None,
) -> None:
    """Run inputs on the board at --port and compare with the integer model of BUILD, bit for bit.

    The board, real or virtual, runs the build's firmware. On a difference the first differing
    layer, channel and pixel are found; exit status 6. A board that runs another network: 2; a
    port without an answer: 5.
    """
    from mxdeploy.builds import open_build, write_file
    from mxdeploy.link.protocol.client import Client, Patience
    from mxdeploy.link.transport import Transport
    from mxdeploy.validation import validate
    from mxdeploy.validation.page import render

    folder = open_build(build)
    if html is not None:
        _check_page(html)
    inputs = _inputs(folder, data, layout, scale, count)
    if inputs.dataset is not None:
        output.report(inputs.dataset.problems)
    with (
        Transport(port, baud=baud) as line,
        output.progress("validating", len(inputs.x)) as advance,
    ):
        client = Client(line, Patience(baud=baud))
        result = validate(folder, client, port, inputs, layers=layers, advance=advance)
    output.result = result.to_dict()
    _show(output, result)
    problems = [] if result.passed else [_differs(build, result)]
    if html is not None:
        try:
            write_file(html, render(result, folder.info.name, folder.info.classes))
            output.say(f"written: {html}")
        except UsageError as error:
            if result.passed:
                raise
            problems += error.diagnostics  # a page that is missing does not hide the verdict
    if problems:
        raise MismatchError(problems)


def _inputs(
    folder: BuildFolder, data: str | None, layout: str, scale: str | None, count: int
) -> Inputs:
    from mxdeploy.chosen_data import read_data
    from mxdeploy.validation import built_in_inputs, inputs_from

    if data is None:
        return built_in_inputs(folder, count)
    network = folder.plan.network
    choice = labelled_choice(folder, data, layout, scale, count)
    dataset = read_data(choice, network, "x_test")
    return inputs_from(folder, dataset)


def _check_page(html: Path) -> None:
    """Say before the run, not after it, that the page cannot be written."""
    if html.is_dir() or not html.absolute().parent.is_dir():
        raise UsageError(
            Diagnostic(
                code="MX8263",
                where=str(html),
                what="is a folder" if html.is_dir() else "the folder for it does not exist",
                fix="name a file in a folder that exists",
            )
        )


def _show(output: Output, result: Validation) -> None:
    who = result.identity
    output.say(f"{who.board} at {result.port}, firmware compiled with {who.compiler}")
    output.say(f"{count(result.inputs, 'input')}: {result.source}")
    cnn, load = result.cnn, result.load
    output.say(
        f"  inference (CNN)    {cnn.median:>10,.1f} us  ({cnn.least:,.1f} .. {cnn.greatest:,.1f}); "
        f"estimated {result.estimate_us:,.1f} us, measured {result.deviation:+.2%}"
    )
    output.say(
        f"  load of the input  {load.median:>10,.1f} us  "
        f"({load.least:,.1f} .. {load.greatest:,.1f})"
    )
    output.say(
        f"  throughput         {result.chip_rate:>10,.1f} inputs per second on the chip, "
        f"{result.line_rate:,.1f} over the serial line ({result.seconds:.1f} s)"
    )
    for name, accuracy in (result.accuracy or {}).items():
        output.say(f"  accuracy {name:8} {accuracy.to_text()}")
    if result.paired is not None and result.paired.changed:
        output.say(f"  integer -> board: {result.paired.to_text()}")
    if result.layers_compared and result.layer is None:
        output.say(f"  layers             {result.layers_compared:>10} compared, all equal")
    counted = result.statistics
    if result.repeats or counted.dropped or counted.overruns:
        output.say(
            f"  serial line        {result.repeats:>10} {agreeing(result.repeats, 'request')} sent "
            f"again; the firmware dropped {count(counted.dropped, 'frame')}, its UART overran "
            f"{count(counted.overruns, 'time')}"
        )
    for difference in (result.output, result.layer):
        if difference is not None:
            output.say(f"  first difference: {difference.to_text()}")
    output.say(result.verdict)


def _differs(build: Path, result: Validation) -> Diagnostic:
    found = result.layer or result.output
    return Diagnostic(
        code="MX8264",
        where=f"{build} on {result.port}",
        what=f"the board differs from the integer model: {found.to_text() if found else ''}",
        why="inputs of this layer are equal: its weights, biases or registers on the board are not "
        "those of the build, or the chip computes otherwise than the model"
        if result.layer is not None
        else "every layer is equal when the network is run up to it alone: the difference comes "
        "and goes, or lies in how outputs are kept until the end",
        fix="flash the build again; if it stays, report it with this output",
    )
