"""Listening to a freshly programmed application until its known-answer test is over.

The firmware says who it is (``@hello``) and whether it computed what it should (``@result``); see
``firmware_templates/src/wire.h``. A result counts only after a hello of the same start.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.flash import Port
from mxdeploy.link.flash_image import HELLO_DIGEST_DIGITS, FlashImage

APPLICATION_SECONDS = 30.0
"""Longest wait for the application's verdict, its start-up wait included."""
SHOWN_LINES = 8
_SLICE_SECONDS = 0.05
_QUIET_SECONDS = 0.05
_FORGET_SECONDS = 2.0
_HELLO = re.compile(rf"@hello mxdeploy (\S+) ([0-9a-f]{{{HELLO_DIGEST_DIGITS}}}) (\S+)")
_TIME = re.compile(r"@time_us (\d+)")
_RESULT = re.compile(r"@result (PASS|FAIL)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the application said about itself.

    Attributes:
        passed: its known-answer test.
        name: name of the network.
        network: first digits of its digest.
        board: the board it was built for.
        time_us: duration of the inference as it measured it; None when it did not say.
        lines: all it has printed, without the lines for programs.
    """

    passed: bool
    name: str
    network: str
    board: str
    time_us: int | None
    lines: tuple[str, ...]


def watch(
    port: Port,
    url: str,
    image: FlashImage,
    *,
    heard: bytes = b"",
    seconds: float = APPLICATION_SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Verdict:
    """Wait for the verdict.

    Args:
        port: an open connection.
        url: its name, for messages.
        image: what was programmed; the application must be it.
        heard: what came already.
        seconds: longest wait.
        clock: seconds, rising.

    Raises:
        DeviceError: no verdict in time, another application, or the connection is gone.
    """
    received = bytearray(heard)
    end = clock() + seconds
    while (verdict := _verdict(bytes(received))) is None:
        left = end - clock()
        if left <= 0:
            raise DeviceError(_no_verdict(url, seconds, bytes(received)))
        piece = port.read(1, timeout_seconds=min(left, _SLICE_SECONDS))
        received += piece + port.read(4096, timeout_seconds=0.0) if piece else b""
    if not image.is_of(verdict.network):
        raise DeviceError(_another(url, verdict, image))
    return verdict


def forget(port: Port, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Throw away what an earlier application has said: its verdict is not that of the next.

    Raises:
        DeviceError: the connection is gone.
    """
    end = clock() + _FORGET_SECONDS
    while port.read(4096, timeout_seconds=_QUIET_SECONDS) and clock() < end:
        pass


def _verdict(received: bytes) -> Verdict | None:
    """The verdict, if its line is complete."""
    complete = received[: received.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines()
    lines = [line.strip() for line in complete]
    starts = [n for n, line in enumerate(lines) if _HELLO.fullmatch(line)]
    if not starts:
        return None
    told = lines[starts[-1] :]  # a reset in between begins again
    hello = _HELLO.fullmatch(told[0])
    result = next((match for line in told if (match := _RESULT.fullmatch(line))), None)
    if hello is None or result is None:
        return None
    measured = next((match for line in told if (match := _TIME.fullmatch(line))), None)
    return Verdict(
        passed=result[1] == "PASS",
        name=hello[1],
        network=hello[2],
        board=hello[3],
        time_us=int(measured[1]) if measured else None,
        lines=tuple(line for line in lines if not line.startswith("@")),
    )


def _no_verdict(url: str, seconds: float, received: bytes) -> Diagnostic:
    last = received.decode("utf-8", "replace").splitlines()[-SHOWN_LINES:]
    return Diagnostic(
        code="MX7420",
        where=url,
        what=f"flash holds the image, but no verdict of its known-answer test within {seconds:g} s",
        why="\n".join(["its last lines:", *(f"  {line[:100]}" for line in last)])
        if last
        else "the application has said nothing",
        fix="release the activation pins and reset the board; a program of your own that does not "
        "test itself: --no-wait",
    )


def _another(url: str, verdict: Verdict, image: FlashImage) -> Diagnostic:
    return Diagnostic(
        code="MX7421",
        where=url,
        what=f"another application answers: {verdict.name}, network {verdict.network}",
        why=f"the image holds network {image.network or 'without that digest'}",
        fix="check that the port belongs to the board that was programmed",
    )
