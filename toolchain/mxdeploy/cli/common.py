"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdeploy.chosen_data import DataChoice
from mxdeploy.cli.output import Output, run
from mxdeploy.data import Layout, Scale, parse_reference
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.objective import Objective
from mxdeploy.options import InputOptions, ProjectOptions, WeightBits, load_options, options_path

if TYPE_CHECKING:
    from mxdeploy.builds import BuildFolder
    from mxdeploy.ir.quantized import QuantNetwork

Body = Callable[..., None]

DATA_HELP = "an .npz file (FILE[:KEY]), or a folder of images or WAV files"

_WIDTHS: dict[str, WeightBits] = {"8": 8, "4": 4, "2": 2, "1": 1}


def talking(body: Body) -> Callable[..., None]:
    """Add ``--json``, ``-v`` and ``-q``; the body gets an ``Output`` as its first argument."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @click.option("-v", "--verbose", count=True, help="Say more; twice for even more.")
    @click.option("-q", "--quiet", is_flag=True, help="Say only what is wrong.")
    @functools.wraps(body)
    def command(*args: Any, as_json: bool, verbose: int, quiet: bool, **options: Any) -> None:  # noqa: ANN401
        output = Output(as_json=as_json, verbosity=-1 if quiet else verbose)
        run(output, lambda: body(output, *args, **options))

    return command


def data_options(name: str, help_text: str, *, required: bool) -> Callable[[Body], Body]:
    """Add ``--NAME DATA``, ``--layout``, ``--scale`` and ``--limit``."""

    def decorate(body: Body) -> Body:
        layouts = click.Choice([str(v) for v in Layout])
        scales = click.Choice([str(v) for v in Scale])
        for option in (
            click.option("--limit", type=click.IntRange(min=1), help="Use at most this many."),
            click.option(
                "--scale",
                type=scales,
                help="none: as is; unit: p/255; chip: to [-1, 127/128] as the chip takes it.",
            ),
            click.option("--layout", type=layouts, default="auto", help="Order of the axes."),
            click.option(
                f"--{name}",
                name,
                required=required,
                metavar="DATA",
                help=f"{help_text}: {DATA_HELP}.",
            ),
        ):
            body = option(body)
        return body

    return decorate


def optimize_option(body: Body) -> Body:
    """Add ``--optimize``."""
    return click.option(
        "--optimize",
        "objective",
        type=click.Choice([str(o) for o in Objective]),
        help="What to make small once the network fits: cycles (the default), or loaded bytes.",
    )(body)


def with_objective(options: ProjectOptions, objective: str | None) -> ProjectOptions:
    """Project options with the objective of the command line, if it names one."""
    if objective is None:
        return options
    section = options.map.model_copy(update={"optimize": objective})
    return options.model_copy(update={"map": section})


def width_options(body: Body) -> Body:
    """Add ``--weight-bits`` and ``--fit``."""
    for option in (
        click.option(
            "--fit", is_flag=True, help="If weights do not fit, narrow those that cost least."
        ),
        click.option(
            "--weight-bits",
            metavar="[LAYER=]BITS",
            multiple=True,
            help="Width of weights: 8, 4, 2 or 1; of some layers with their name or pattern.",
        ),
    ):
        body = option(body)
    return body


def narrowing_options(body: Body) -> Body:
    """Add ``--weight-memory`` and ``--max-drop``."""
    for option in (
        click.option(
            "--max-drop",
            type=click.FloatRange(0, 100),
            metavar="POINTS",
            help="The smallest weights that lose at most so many percent of the answers.",
        ),
        click.option(
            "--weight-memory",
            metavar="SIZE",
            help="The best widths of weights within SIZE: 50%, or bytes, or 216K.",
        ),
    ):
        body = option(body)
    return body


def with_narrowing(
    options: ProjectOptions, weight_memory: str | None, max_drop: float | None
) -> ProjectOptions:
    """Project options with the command line's way of making weights narrower, if it gives one."""
    if weight_memory is None and max_drop is None:
        return options
    changes = {"weight_memory": weight_memory, "max_drop": max_drop}
    section = options.quantize.model_copy(update=changes)
    return options.model_copy(update={"quantize": section})


def explain_option(body: Body) -> Body:
    """Add ``--explain-rewrites``."""
    text = "Show what became of every node of the model."
    return click.option("--explain-rewrites", is_flag=True, help=text)(body)


def explain(output: Output, network: QuantNetwork) -> None:
    """Show, and add to the JSON document, what became of every node of the model."""
    from mxdeploy.cli import render
    from mxdeploy.fates import fates

    found = fates(network)
    output.result["nodes"] = [fate.to_dict() for fate in found]
    output.show(render.fate_table(found))


def with_widths(options: ProjectOptions, weight_bits: tuple[str, ...], fit: bool) -> ProjectOptions:
    """Project options with the widths of the command line; these come after those of the file.

    Raises:
        UsageError: not a width.
    """
    section = options.quantize
    default, layers = section.weight_bits, dict(section.layers)
    for text in weight_bits:
        pattern, equals, number = text.rpartition("=")
        bits = _WIDTHS.get(number)
        if bits is None:
            raise UsageError(_no_width(text))
        if equals:
            layers.pop(pattern, None)
            layers[pattern] = bits
        else:
            default = bits
    changes = {"weight_bits": default, "layers": layers, "fit": fit or section.fit}
    return options.model_copy(update={"quantize": section.model_copy(update=changes)})


def _no_width(text: str) -> Diagnostic:
    return Diagnostic(
        code="MX8023",
        where=f"--weight-bits {text}",
        what="is no width of weights",
        why=f"the accelerator has weights of {', '.join(_WIDTHS)} bits",
        fix="--weight-bits 4, or --weight-bits LAYER=4 for one layer, or a pattern as conv*=4",
    )


def data_choice(
    text: str, layout: str, scale: str | None, limit: int | None, default: InputOptions
) -> DataChoice:
    """The four options as one value; ``default`` says what the model takes when they do not."""
    return DataChoice(
        reference=parse_reference(text),
        layout=Layout(layout),
        scale=Scale(scale) if scale else None,
        default_scale=default.scale,
        limit=limit,
        rate=default.rate,
    )


def labelled_choice(
    folder: BuildFolder, text: str, layout: str, scale: str | None, limit: int | None
) -> DataChoice:
    """The four options as one value, for a build whose outputs the labels are compared with."""
    info = folder.info
    default = InputOptions(scale=info.scale, rate=info.rate)
    return replace(data_choice(text, layout, scale, limit, default), classes=info.classes)


def read_options(model: Path, given: Path | None) -> ProjectOptions:
    """The options file that was named, else the one beside the model, else the defaults."""
    if given is not None and not given.is_file():
        raise UsageError(
            Diagnostic(
                code="MX8022", where=str(given), what="there is no such file", fix="check --config"
            )
        )
    path = given or options_path(model)
    return load_options(path) if path.is_file() else ProjectOptions()
