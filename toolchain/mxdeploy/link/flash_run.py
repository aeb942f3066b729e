"""From an image and a port to a board that has passed its own test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.link import virtual
from mxdeploy.link.bootloader import Bootloader
from mxdeploy.link.bootloader_flash import BootloaderMethod
from mxdeploy.link.daplink import DapLinkMethod
from mxdeploy.link.flash import (
    AUTO,
    BOOTLOADER,
    Choice,
    FlashMethod,
    FlashReport,
    FlashTarget,
    Progress,
    choose,
)
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.flash_watch import APPLICATION_SECONDS, Verdict, forget, watch
from mxdeploy.link.openocd import OpenOcdMethod
from mxdeploy.link.ports import look
from mxdeploy.link.pyocd import PyOcdMethod
from mxdeploy.link.transport import Transport

PROBE_SECONDS = 0.5
"""How long a bootloader that may be there already has to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashOutcome:
    """What happened.

    Attributes:
        choice: the method taken.
        report: what programming did.
        verdict: what the application said; None when nobody listened.
        program_seconds: time for programming.
        total_seconds: time until the verdict.
    """

    choice: Choice
    report: FlashReport
    verdict: Verdict | None
    program_seconds: float
    total_seconds: float


def methods() -> tuple[FlashMethod, ...]:
    """All ways to program a board."""
    return (BootloaderMethod(), DapLinkMethod(), OpenOcdMethod(), PyOcdMethod())


@contextmanager
def open_target(
    url: str, *, baud: int, image: FlashImage, wanted: str = AUTO
) -> Iterator[FlashTarget]:
    """Open the port and find out what is behind it.

    Args:
        url: what ``Transport`` takes.
        baud: speed, bits per second.
        image: what shall be programmed.
        wanted: name of a method, or ``auto``.

    Raises:
        DeviceError: the port cannot be opened.
        UsageError: the image is for another board.
    """
    board = virtual.find(url)
    usb = None if board is not None else look().port(url)
    name = _board_name(url, image, board.board if board else "", usb.console_of if usb else ())
    with Transport(url, baud=baud) as port:
        target = FlashTarget(url=url, port=port, baud=baud, board=name, virtual=board, usb=usb)
        if board is None and wanted in {AUTO, BOOTLOADER}:
            dialogue = Bootloader(port, url, limit_seconds=60.0)
            target = replace(target, prompt_seen=dialogue.answers(PROBE_SECONDS))
        yield target


def _board_name(url: str, image: FlashImage, virtual_name: str, consoles: Sequence[str]) -> str:
    """The board behind the port, as far as known."""
    known = (virtual_name,) if virtual_name else tuple(consoles)
    if image.board and known and image.board not in known:
        raise UsageError(
            Diagnostic(
                code="MX7403",
                where=url,
                what=f"the image was built for {image.board}, the port is that of {known[0]}",
                why="pins, lights and the console differ from board to board",
                fix=f"mxdeploy build … --board {known[0]}",
            )
        )
    return known[0] if len(known) == 1 else image.board


def flash(
    target: FlashTarget,
    image: FlashImage,
    progress: Progress,
    *,
    ways: Sequence[FlashMethod],
    wanted: str = AUTO,
    wait: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> FlashOutcome:
    """Program the image and listen to what it says.

    Args:
        target: an open port.
        image: what to program.
        progress: told what is done.
        ways: the methods there are.
        wanted: name of one of them, or ``auto``.
        wait: whether to wait for the application's verdict.
        clock: seconds, rising.

    Raises:
        DeviceError: not programmed, not proved, or no verdict; never a half-written image
            reported as good.
        ToolError: a program that a method needs is missing or failed.
    """
    started = clock()
    choice = choose(ways, target, wanted)
    for name, reason in choice.missed:
        target.say(f"not {name}: {reason}")
    target.say(f"method {choice.method.name}: {choice.why}")
    forget(target.port, clock=clock)
    report = choice.method.program(target, image, progress)
    programmed = clock() - started
    verdict = None
    if wait:
        progress("test", 0, 1)
        verdict = watch(
            target.port, target.url, image, heard=report.heard, seconds=APPLICATION_SECONDS,
            clock=clock,
        )  # fmt: skip
    return FlashOutcome(
        choice=choice,
        report=report,
        verdict=verdict,
        program_seconds=programmed,
        total_seconds=clock() - started,
    )
