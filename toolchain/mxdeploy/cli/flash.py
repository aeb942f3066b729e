"""``mxdeploy flash``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdeploy.cli.common import talking
from mxdeploy.cli.output import Output
from mxdeploy.errors import Diagnostic, MismatchError

if TYPE_CHECKING:
    from mxdeploy.link.flash_image import FlashImage
    from mxdeploy.link.flash_run import FlashOutcome

METHODS = ("auto", "bootloader", "daplink", "openocd", "pyocd")
PERCENT_STEP = 5
SHOWN_LINES = 8


@click.command(name="flash")
@click.argument("build", type=click.Path(path_type=Path, exists=True))
@click.option("--port", required=True, help="Serial port: a device, COM3, socket://host:port.")
@click.option("--method", type=click.Choice(METHODS), default="auto", help="How to program.")
@click.option("--baud", type=click.IntRange(min=1), default=115200, help="Bits per second.")
@click.option("--probe", default="", metavar="ID", help="Debug adapter, when there are several.")
@click.option("--unlock", is_flag=True, help="Unlock a locked chip: erases its whole flash.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the application's own test.")
@click.option(
    "--line-delay",
    type=click.FloatRange(0, 1000),
    default=0.0,
    metavar="MS",
    help="Pause after each line sent to the bootloader.",
)
@click.option(
    "--activation",
    type=click.FloatRange(1, 3600),
    default=60.0,
    metavar="S",
    help="How long to wait for the bootloader to be activated by hand.",
)
@talking
def command(  # noqa: PLR0913 - one per option
    output: Output,
    build: Path,
    *,
    port: str,
    method: str,
    baud: int,
    probe: str,
    unlock: bool,
    no_wait: bool,
    line_delay: float,
    activation: float,
) -> None:
    """Program BUILD (a build folder, an ELF or .bin file) and watch it pass its own test.

    What flash holds is proved before the application is started. A virtual board activates its
    bootloader by itself; for a real one the command says what to do. A second run begins where an
    interrupted one stopped.
    """
    from mxdeploy.link.flash_image import load_flash_image
    from mxdeploy.link.flash_run import flash, methods, open_target

    image = load_flash_image(build)
    with (
        open_target(port, baud=baud, image=image, wanted=method) as found,
        output.stages() as stage,
    ):
        target = replace(
            found, probe=probe, unlock=unlock, line_delay_seconds=line_delay / 1000,
            activation_seconds=activation, say=_teller(output),
        )  # fmt: skip
        outcome = flash(
            target, image, _shower(stage), ways=methods(), wanted=method, wait=not no_wait
        )
    output.report(outcome.report.diagnostics)
    output.result = _document(outcome, image, port, target.board)
    for line in _text(outcome, image):
        output.say(line)
    if outcome.verdict is not None and not outcome.verdict.passed:
        raise MismatchError(_failed(port, outcome.verdict.lines))


def _teller(output: Output) -> Callable[[str], None]:
    """Sentences about what is going on or to be done, on standard error."""

    def tell(text: str) -> None:
        if output.verbosity >= 0:
            click.echo(text, err=True)

    return tell


def _shower(stage: Callable[[str], None]) -> Callable[[str, int, int], None]:
    """Progress in words, whenever they change."""
    shown = ""

    def show(phase: str, done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // max(total, 1) // PERCENT_STEP * PERCENT_STEP
        text = f"{phase} {percent} %"
        if text != shown:
            shown = text
            stage(text)

    return show


def _document(outcome: FlashOutcome, image: FlashImage, port: str, board: str) -> dict[str, Any]:
    report, verdict = outcome.report, outcome.verdict
    return {
        "port": port,
        "board": board,
        "image": str(image.path),
        "bytes": len(image.content),
        "method": report.method,
        "why": outcome.choice.why,
        "missed": [{"method": name, "why": why} for name, why in outcome.choice.missed],
        "proof": report.proof,
        "pages_erased": report.pages_erased,
        "pages_kept": report.pages_kept,
        "attempts": report.attempts,
        "program_seconds": round(outcome.program_seconds, 3),
        "total_seconds": round(outcome.total_seconds, 3),
        "verdict": None if verdict is None else asdict(verdict) | {"lines": list(verdict.lines)},
    }


def _text(outcome: FlashOutcome, image: FlashImage) -> list[str]:
    report, verdict = outcome.report, outcome.verdict
    kept = ""
    if report.pages_kept:
        kept = f", {report.pages_kept} of {len(image.pages)} pages were right already"
    again = f", {report.attempts} attempts" if report.attempts > 1 else ""
    took = f"{outcome.program_seconds:.1f} s{kept}{again}"
    done = f"programmed {len(image.content)} bytes by {report.method} in {took}"
    lines = [f"{done}; proof: {report.proof}"]
    if verdict is not None:
        ran = f" in {verdict.time_us} us" if verdict.time_us is not None else ""
        word = "PASS" if verdict.passed else "FAIL"
        lines.append(
            f"{word}: {verdict.name} ({verdict.network}) on {verdict.board}, known-answer test"
            f"{ran}; {outcome.total_seconds:.1f} s in all"
        )
    return lines


def _failed(port: str, lines: tuple[str, ...]) -> Diagnostic:
    return Diagnostic(
        code="MX7422",
        where=port,
        what="the application fails its known-answer test on this board",
        why="\n".join(["its last lines:", *(f"  {line}" for line in lines[-SHOWN_LINES:])]),
        fix="flash holds the right bytes: look at supply, clock and board; `mxdeploy validate` "
        "finds the first layer that differs",
    )
