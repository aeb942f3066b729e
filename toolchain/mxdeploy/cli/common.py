"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdeploy.chosen_data import DataChoice
from mxdeploy.cli.output import Output, run
from mxdeploy.data import Layout, Scale, parse_reference
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.objective import Objective
from mxdeploy.options import InputOptions, ProjectOptions, load_options, options_path

if TYPE_CHECKING:
    from mxdeploy.builds import BuildFolder
    from mxdeploy.ir.quantized import QuantNetwork

Body = Callable[..., None]

DATA_HELP = "an .npz file (FILE[:KEY]), or a folder of images or WAV files"


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


def gathered(body: Body, name: str, kind: type) -> Body:
    """``body``, given the options called as the fields of ``kind`` (a dataclass) as one."""
    names = [field.name for field in fields(kind)]

    @functools.wraps(body)
    def together(*args: Any, **options: Any) -> None:  # noqa: ANN401 - whatever click gives
        mine = {key: options.pop(key) for key in names}
        body(*args, **{name: kind(**mine)}, **options)

    return together


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


def data_choice(
    text: str, layout: str, scale: str | None, limit: int | None, default: InputOptions
) -> DataChoice:
    """The four options as one value; ``default`` says what the model takes when they do not."""
    return DataChoice(
        reference=parse_reference(text),
        layout=Layout(layout),
        scale=Scale(scale) if scale else None,
        default_scale=default.scale,
        is_stated=scale is not None or default.stated_scale is not None,
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
