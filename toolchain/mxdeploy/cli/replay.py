"""``mxdeploy replay``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, MismatchError, ModelError, MxdeployError, UsageError
from mxdeploy.text import count

if TYPE_CHECKING:
    from rich.table import Table

    from mxdeploy.emulator.outcome import Difference, ReplayResult

STATUSES = ("exact", "mismatch", "not_modelled", "unreadable")
FEW = 30
"""So many programs fit a screen, one line each."""


@click.command(name="replay")
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), help="Processes (default: one per core).")
@click.option(
    "--describe", is_flag=True, help="Say in words what the registers spell, layer by layer."
)
@click.option("--layer", type=click.IntRange(0, 31), help="Dump what layer K of a program wrote.")
@click.option(
    "-o", "--output", "target", type=click.Path(path_type=Path), metavar="FILE",
    help="With --layer: write all of it to FILE (.npy, or .png for a picture).",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Warnings about a program are errors.")
@click.option("--lenient", is_flag=True, help="Ignore undeclared bits and addresses, as the chip.")
@talking
def command(  # noqa: PLR0913 - one for each option
    output: Output,
    traces: tuple[Path, ...],
    *,
    jobs: int | None,
    describe: bool,
    layer: int | None,
    target: Path | None,
    strict: bool,
    lenient: bool,
) -> None:
    """Play recorded register programs on the accelerator model and compare the known answers.

    TRACES are .npz files or folders of them. Exit status 6 when an answer differs, 2 when a file
    cannot be read, 3 when only programs remain that use what is not modelled (with --strict: or
    that the model warns about).
    """
    paths = _expand(traces)
    if describe:
        _describe(output, paths, lenient=lenient)
        return
    if layer is not None:
        from mxdeploy.cli.replay_layer import dump_layer

        dump_layer(output, paths, layer, target, lenient=lenient)
        return
    if target is not None:
        raise UsageError(
            Diagnostic(
                code="MX8058", where=str(target), what="-o has nothing to write without --layer",
                fix="add --layer K",
            )
        )  # fmt: skip
    results = _replay(output, paths, jobs, lenient=lenient)
    _show(output, results, strict=strict)
    _judge(results, strict=strict)


def _replay(
    output: Output, paths: list[Path], jobs: int | None, *, lenient: bool
) -> list[ReplayResult]:
    from mxdeploy.emulator.replay import replay_many

    processes = min(jobs or os.cpu_count() or 1, len(paths))
    results: list[ReplayResult] = []
    with output.progress("replaying", len(paths)) as advance:
        for result in replay_many(paths, jobs=processes, lenient=lenient):
            results.append(result)
            advance(1)
    return results


def _describe(output: Output, paths: list[Path], *, lenient: bool) -> None:
    from mxdeploy.emulator.description import describe
    from mxdeploy.emulator.trace import load_trace

    described = [describe(load_trace(path), lenient=lenient) for path in paths]
    output.result = {"programs": [asdict(program) for program in described]}
    output.say("\n\n".join(program.to_text() for program in described))


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


# --- what people and machines see ---------------------------------------------------------------


def _show(output: Output, results: list[ReplayResult], *, strict: bool) -> None:
    tally = {s: sum(r.status == s for r in results) for s in STATUSES}
    weak = sum(r.status == "exact" and r.weak for r in results)
    output.result = {
        "total": len(results),
        **tally,
        "exact_weak": weak,
        "traces": [_document(r) for r in results],
    }
    few = len(results) <= FEW
    shown = [r for r in results if few or output.verbosity > 0 or r.status != "exact"]
    if shown:
        output.show(_table(shown))
    if not few:
        output.show(_kinds(results))
    if not strict and (few or output.verbosity > 0):
        output.report(_doubts(results))
    output.say(
        f"{count(len(results), 'program')}: {tally['exact']} exact, {tally['mismatch']} different, "
        f"{tally['not_modelled']} not modelled"
        + (f", {tally['unreadable']} not readable" if tally["unreadable"] else "")
    )
    if weak:
        output.say(
            f"exact but weak: {count(weak, 'program')} whose answers have at most two different "
            "words"
        )
    _say_doubts(output, results)


def _say_doubts(output: Output, results: list[ReplayResult]) -> None:
    names = Counter(d.what.partition(":")[0] for r in results for d in r.doubts)
    if names:
        kinds = ", ".join(f"{number} {name}" for name, number in sorted(names.items()))
        output.say(f"warnings: {count(sum(bool(r.doubts) for r in results), 'program')}: {kinds}")


def _doubts(results: list[ReplayResult]) -> Iterator[Diagnostic]:
    """All warnings, with the program's name."""
    for result in results:
        for found in result.doubts:
            yield replace(found, where=f"{result.name}, {found.where}")


def _table(results: list[ReplayResult]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("program", "result", "words", "cycles", "ms"):
        table.add_column(heading, justify="left" if heading in {"program", "result"} else "right")
    for r in results:
        time = "-" if r.time is None else f"{'~' if r.time.estimated else ''}{r.time.cycles:,}"
        cells = (str(r.words_compared), time, f"{1e3 * r.seconds:.1f}")
        table.add_row(Text(r.name), Text(_words(r)), *cells)
    return table


def _kinds(results: list[ReplayResult]) -> Table:
    """Counts by the kind of program: the part of its name before the first dash."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("kind")
    for heading in ("programs", "exact", "of them weak", "different", "not modelled", "words",
                    "layers", "differing"):  # fmt: skip
        table.add_column(heading, justify="right")
    kinds = sorted({r.name.partition("-")[0] for r in results})
    for kind in kinds:
        some = [r for r in results if r.name.partition("-")[0] == kind]
        numbers = (
            len(some),
            sum(r.status == "exact" for r in some),
            sum(r.status == "exact" and r.weak for r in some),
            sum(r.status == "mismatch" for r in some),
            sum(r.status == "not_modelled" for r in some),
            sum(r.words_compared for r in some),
            sum(r.layers_compared for r in some),
            sum(r.layers_different for r in some),
        )
        table.add_row(Text(f"{kind}-"), *(f"{number:,}" for number in numbers))
    return table


def _words(result: ReplayResult) -> str:
    """The outcome in words."""
    if result.refusal is not None:
        return result.refusal.text
    different, layer = result.difference, result.layer_difference
    first_layer = "" if layer is None else _first_layer(layer)
    if different is None:
        notes = ["answers prove little"] if result.weak else []
        notes += [f"recorded {first_layer}"] if layer is not None else []
        return f"exact ({'; '.join(notes)})" if notes else "exact"
    text = (
        f"{result.words_different} of {result.words_compared} words differ, first at "
        f"{_place(different)}: expected 0x{different.expected & 0xFFFFFFFF:08x}, "
        f"got 0x{different.got & 0xFFFFFFFF:08x}"
    )
    return f"{text}; first differing {first_layer}" if layer is not None else text


def _place(difference: Difference) -> str:
    where = [] if difference.address is None else [f"address 0x{difference.address:08x}"]
    for name in ("layer", "channel", "row", "column"):
        number = getattr(difference, name)
        if number is not None:
            where.append(f"{name} {number}")
    return ", ".join(where)


def _first_layer(difference: Difference) -> str:
    return f"{_place(difference)}: expected {difference.expected}, got {difference.got}"


def _document(result: ReplayResult) -> dict[str, object]:
    """For ``--json``."""
    return {
        "name": result.name,
        "status": str(result.status),
        "text": _words(result),
        "difference": asdict(result.difference) if result.difference else None,
        "layer_difference": asdict(result.layer_difference) if result.layer_difference else None,
        "refusal": asdict(result.refusal) if result.refusal else None,
        "warnings": [found.to_dict() for found in result.doubts],
        "words_compared": result.words_compared,
        "words_different": result.words_different,
        "distinct_values": result.distinct_values,
        "weak": result.weak,
        "layers_compared": result.layers_compared,
        "layers_different": result.layers_different,
        "layer_cycles": list(result.layer_cycles),
        "time": asdict(result.time) if result.time else None,
        "seconds": round(result.seconds, 6),
    }


def _judge(results: list[ReplayResult], *, strict: bool) -> None:
    """End with the error of the worst kind that occurred."""
    kinds: tuple[tuple[str, str, type[MxdeployError]], ...] = (
        ("mismatch", "MX8203", MismatchError),
        ("unreadable", "MX8209", UsageError),
        ("not_modelled", "MX8204", ModelError),
    )
    for status, code, error in kinds:
        bad = [r for r in results if r.status == status]
        if bad:
            raise error(Diagnostic(code=code, where=r.name, what=_words(r)) for r in bad)
    doubts = [replace(found, severity="error") for found in _doubts(results)]
    if strict and doubts:
        raise ModelError(doubts)
