"""How commands talk: tables and messages for people, one JSON document for machines."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mxdeploy import __version__
from mxdeploy.errors import Diagnostic, MxdeployError, Severity, Told, told
from mxdeploy.trace import Trace

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SCHEMA = "mxdeploy/1"
DEFECT = 1
PIPE_WIDTH = 100
"""Columns of tables that nobody watches being printed."""
_SHORT = 56
INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell reports for a program that a closed pipe ended (128 + SIGPIPE)."""


class Output:
    """Where a command's results, messages and progress go.

    Results go to standard output, everything else to standard error. With ``--json`` standard
    output carries exactly one document, written when the command ends.
    """

    def __init__(self, *, as_json: bool, verbosity: int) -> None:
        """``verbosity``: -1 quiet, 0 normal, 1 and more verbose."""
        self.as_json = as_json
        self.verbosity = verbosity
        self.diagnostics: list[Diagnostic] = []
        self.result: dict[str, Any] = {}

    def _console(self, *, error: bool) -> Console:
        from rich.console import Console

        watched = sys.stderr.isatty() if error else sys.stdout.isatty()
        width = None if watched else PIPE_WIDTH
        return Console(stderr=error, highlight=False, width=width)

    def show(self, item: RenderableType) -> None:
        """A result for people (nothing with ``--json`` or ``-q``)."""
        if not self.as_json and self.verbosity >= 0:
            self._console(error=False).print(item)

    def say(self, text: str) -> None:
        """A plain line of result text for people, markup and colours left out."""
        if not self.as_json and self.verbosity >= 0:
            click.echo(text)

    def detail(self, text: str) -> None:
        """A message only with ``-v``."""
        if not self.as_json and self.verbosity > 0:
            click.echo(text, err=True)

    def report(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Findings; shown at once, of many alike the first, and all part of the JSON document."""
        found = tuple(diagnostics)
        self.diagnostics += found
        if self.as_json:
            return
        for one in told(found) if self.verbosity <= 0 else (Told(finding=d) for d in found):
            severity = one.finding.severity
            if self.verbosity >= 0 or severity == "error":
                _write(one.finding.to_text(), severity)
                if one.rest:
                    _write(f"{one.rest} (-v shows all)", severity)

    @contextmanager
    def stages(self) -> Iterator[Callable[[str], None]]:
        """What names the running stage; shown only where a person watches, else with ``-v``."""
        with self.trace() as trace:
            yield trace.on_stage

    @contextmanager
    def trace(self) -> Iterator[Trace]:
        """For the pipeline: the running stage, and a bar where a stage says how far it is."""
        if self.as_json or self.verbosity < 0 or not sys.stderr.isatty():
            yield Trace(on_stage=self.detail, on_step=lambda *step: self.detail(_in_words(*step)))
            return
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn())
        with Progress(
            *columns, TimeElapsedColumn(), console=self._console(error=True), transient=True
        ) as bar:
            task = bar.add_task("starting", total=None)

            def stage(name: str) -> None:
                nonlocal task
                bar.remove_task(task)
                task = bar.add_task(f"{name} …", total=None)

            def step(done: int, total: int, text: str) -> None:
                words = _in_words(done, total, text)
                bar.update(task, description=words, total=total, completed=done, refresh=True)

            yield Trace(on_stage=stage, on_step=step)

    @contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar; the caller reports how many units were done."""
        if self.as_json or self.verbosity < 0 or not sys.stderr.isatty():
            yield lambda _advance: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
        with Progress(
            *columns, TimeRemainingColumn(), console=self._console(error=True), transient=True
        ) as bar:
            task = bar.add_task(text, total=total)
            yield lambda advance: bar.advance(task, advance)

    @contextmanager
    def steps(self, text: str, total: int) -> Iterator[Callable[[int, str], None]]:
        """A progress bar for long work; the caller reports units done, and what it sees."""
        if self.as_json or self.verbosity < 0 or not sys.stderr.isatty():
            yield lambda _advance, _text: None
            return
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

        columns = ("[progress.description]{task.description}", BarColumn(), TaskProgressColumn())
        with Progress(
            *columns, TimeRemainingColumn(), console=self._console(error=True), transient=True
        ) as bar:
            task = bar.add_task(text, total=total)

            def advance(count: int, seen: str) -> None:
                bar.update(task, advance=count, description=f"{text}: {seen}" if seen else text)

            yield advance

    def finish(self, exit_code: int) -> NoReturn:
        """Write the JSON document, if asked for, and end with ``exit_code``."""
        if self.as_json:
            document = {
                "schema": SCHEMA,
                "tool": "mxdeploy",
                "version": __version__,
                "status": "ok" if exit_code == 0 else "error",
                "exit_code": exit_code,
                "diagnostics": [d.to_dict() for d in self.diagnostics],
                "result": self.result,
            }
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        sys.exit(exit_code)


def _write(text: str, severity: Severity) -> None:
    """A finding to standard error, its head in the colour of the severity."""
    colours: dict[Severity, str] = {"error": "red", "warning": "yellow", "note": "cyan"}
    head, colon, rest = text.partition(": ")
    click.echo(f"{click.style(head, fg=colours[severity], bold=True)}{colon}{rest}", err=True)


def _in_words(done: int, total: int, text: str) -> str:
    """What comes now within a stage, on one line: names of layers may be long."""
    short = text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
    return f"{done + 1} of {total}: {short}"


def run(output: Output, command: Callable[[], None]) -> NoReturn:
    """Run the body of a command and turn every end into the right exit status."""
    try:
        _run(output, command)
    except BrokenPipeError:  # the reader of a pipe (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(PIPE_CLOSED)


def _run(output: Output, command: Callable[[], None]) -> NoReturn:
    interrupts = _count_interrupts()
    try:
        command()
    except MxdeployError as error:
        output.report(error.diagnostics)
        output.finish(error.exit_code)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        output.report((_interrupted(),))
        output.finish(INTERRUPTED)
    except MemoryError:
        output.report((_out_of_memory(),))
        output.finish(DEFECT)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect, named as such
        if interrupts:  # a library turned the interruption into an error of its own
            output.report((_interrupted(),))
            output.finish(INTERRUPTED)
        output.report((_defect(error, verbose=output.verbosity > 0),))
        output.finish(DEFECT)
    output.finish(0)


def _count_interrupts() -> list[int]:
    """Let Ctrl-C raise KeyboardInterrupt, and remember that it did."""
    seen: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupt)
    return seen


def _interrupted() -> Diagnostic:
    return Diagnostic(
        code="MX8101", where="mxdeploy", what="interrupted; no file was left half-written"
    )


def _out_of_memory() -> Diagnostic:
    return Diagnostic(
        code="MX8102",
        where="mxdeploy",
        what="the machine's memory is exhausted",
        fix="close other programs, or pass fewer inputs (--limit)",
    )


def _defect(error: Exception, *, verbose: bool) -> Diagnostic:
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    trace = "".join(traceback.format_exception(error)) if verbose else ""
    return Diagnostic(
        code="MX8100",
        where=f"{frame.filename}:{frame.lineno}",
        what=f"{type(error).__name__}: {error}{chr(10) + trace if trace else ''}",
        why="this is a defect of mxdeploy, not of your model",
        fix="report it with the model and the command" + ("" if verbose else "; -v shows more"),
    )
