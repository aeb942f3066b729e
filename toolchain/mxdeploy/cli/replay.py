"""``mxdeploy replay``."""

from __future__ import annotations

import os
from dataclasses import asdict
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
    few = len(results) <= 30  # noqa: PLR2004 - what fits a screen
    tally = {s: sum(r.status == s for r in results) for s in ("exact", "mismatch", "not_modelled")}
    output.result = {"total": len(results), **tally, "traces": [_document(r) for r in results]}
    shown = [r for r in results if few or output.verbosity > 0 or r.status != "exact"]
    if shown:
        output.show(_table(shown))
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


def _table(results: list[ReplayResult]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("program", "result", "words", "cycles", "ms"):
        table.add_column(heading, justify="left" if heading in {"program", "result"} else "right")
    for r in results:
        cells = (str(r.words_compared), f"{sum(r.layer_cycles):,}", f"{1e3 * r.seconds:.1f}")
        table.add_row(Text(r.name), Text(_words(r)), *cells)
    return table


def _words(result: ReplayResult) -> str:
    """The outcome in words."""
    if result.refusal is not None:
        return result.refusal.text
    different = result.difference
    if different is None:
        note = " (all expected words are equal: proves little)" if result.constant else ""
        return f"exact{note}"
    where = [] if different.address is None else [f"address 0x{different.address:08x}"]
    for name in ("layer", "channel", "row", "column"):
        number = getattr(different, name)
        if number is not None:
            where.append(f"{name} {number}")
    return (
        f"{result.words_different} of {result.words_compared} words differ, first at "
        f"{', '.join(where)}: expected 0x{different.expected & 0xFFFFFFFF:08x}, "
        f"got 0x{different.got & 0xFFFFFFFF:08x}"
    )


def _document(result: ReplayResult) -> dict[str, object]:
    """For ``--json``."""
    return {
        "name": result.name,
        "status": str(result.status),
        "text": _words(result),
        "difference": asdict(result.difference) if result.difference else None,
        "layer_difference": asdict(result.layer_difference) if result.layer_difference else None,
        "refusal": asdict(result.refusal) if result.refusal else None,
        "words_compared": result.words_compared,
        "words_different": result.words_different,
        "layers_compared": result.layers_compared,
        "layers_different": result.layers_different,
        "constant": result.constant,
        "layer_cycles": list(result.layer_cycles),
        "seconds": round(result.seconds, 6),
    }


def _judge(results: list[ReplayResult]) -> None:
    for status, code, error in (
        ("mismatch", "MX8203", MismatchError),
        ("not_modelled", "MX8204", ModelError),
    ):
        bad = [r for r in results if r.status == status]
        if bad:
            raise error(Diagnostic(code=code, where=r.name, what=_words(r)) for r in bad)
