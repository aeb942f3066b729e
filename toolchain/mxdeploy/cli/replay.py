"""``mxdeploy replay``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, MismatchError, ModelError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from mxdeploy.emulator.replay import ReplayResult


@click.command(name="replay")
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), help="Processes (default: one per core).")
@talking
def command(output: Output, traces: tuple[Path, ...], *, jobs: int | None) -> None:
    """Play recorded register programs on the accelerator model and compare the known answers.

    TRACES are .npz files or folders of them. Exit status 6 when an answer differs, 3 when only
    programs remain that use what is not modelled.
    """
    from mxdeploy.emulator.replay import replay_many

    paths = _expand(traces)
    count = min(jobs or os.cpu_count() or 1, len(paths))
    results: list[ReplayResult] = []
    with output.progress("replaying", len(paths)) as advance:
        for result in replay_many(paths, jobs=count):
            results.append(result)
            advance(1)
    tally = {s: sum(r.status == s for r in results) for s in ("exact", "mismatch", "not_modelled")}
    output.result = {"total": len(results), **tally, "traces": [r.to_dict() for r in results]}
    output.show(_table(results, verbose=output.verbosity > 0))
    output.say(
        f"{len(results)} programs: {tally['exact']} exact, {tally['mismatch']} differ, "
        f"{tally['not_modelled']} use what is not modelled"
    )
    _judge(results)


def _expand(given: tuple[Path, ...]) -> list[Path]:
    paths: list[Path] = []
    for path in given:
        found = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not found:
            raise UsageError(
                Diagnostic(
                    code="MX8050",
                    where=str(path),
                    what="holds no .npz files",
                    fix="name a recorded program or a folder of them",
                )
            )
        paths += found
    return paths


def _table(results: list[ReplayResult], *, verbose: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("program", "result", "words", "cycles", "ms"):
        table.add_column(heading, justify="left" if heading in {"program", "result"} else "right")
    few = len(results) <= 30  # noqa: PLR2004 - what fits a screen
    for r in results:
        if few or verbose or r.status != "exact":
            cycles = "-" if r.cycles is None else f"{r.cycles:,}"
            cells = (str(r.words_compared), cycles, f"{1e3 * r.seconds:.1f}")
            table.add_row(Text(r.name), Text(r.to_text()), *cells)
    return table


def _judge(results: list[ReplayResult]) -> None:
    for status, code, error in (
        ("mismatch", "MX8203", MismatchError),
        ("not_modelled", "MX8204", ModelError),
    ):
        bad = [r for r in results if r.status == status]
        if bad:
            raise error(Diagnostic(code=code, where=r.name, what=r.to_text()) for r in bad)
