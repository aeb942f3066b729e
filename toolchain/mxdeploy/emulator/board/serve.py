"""The board's serial port as a pseudo-terminal or a TCP port, for any serial program.

One client at a time, any number after each other. What the board sends while nobody is connected
is kept up to a limit and shown to the next client.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from mxdeploy.emulator.board.board import StopReason
from mxdeploy.emulator.board.console import Line, LineConsole, PtyLine, SocketLine
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.files import complete_file

HOST = "localhost"
Ready = Callable[[str, Callable[[], None]], None]
"""Called once the port can be used: (URL or device path, function that stops serving)."""
KnownAs = Callable[[str], AbstractContextManager[object]]
"""Makes the URL or device path known to others for as long as the context lasts."""


class Served(Protocol):
    """A board: ``VirtualBoard``, or ``LiveBoard`` with power switch and bootloader."""

    def serve(self, console: LineConsole) -> StopReason:
        """Run with the console connected until it says stop."""


def serve_socket(
    board: Served,
    port: int = 0,
    *,
    port_file: Path | None = None,
    on_ready: Ready | None = None,
    known_as: KnownAs | None = None,
) -> StopReason:
    """Serve at ``socket://localhost:PORT`` until stopped; port 0 takes a free one.

    Args:
        board: the board to run.
        port: TCP port on this machine only.
        port_file: gets the URL as soon as the port can be used; removed at the end.
        on_ready: called with the URL and a function that stops serving.
        known_as: gets the URL before the port file is written; its context lasts until the end.

    Raises:
        DeviceError: the port cannot be opened, or the firmware failed.
    """
    with ExitStack() as stack:
        listener, url = listen(stack, port)
        line = SocketLine(listener)
        stack.callback(line.close)
        if known_as is not None:
            stack.enter_context(known_as(url))
        return _serve(stack, board, line, url, port_file, on_ready)


def listen(stack: ExitStack, port: int) -> tuple[socket.socket, str]:
    """A listening TCP port of this machine, closed by ``stack``, and its URL; 0 takes any.

    Raises:
        DeviceError: the port cannot be opened.
    """
    try:
        listener = stack.enter_context(socket.create_server((HOST, port)))
    except OSError as error:
        raise DeviceError(_port_refused(port, error)) from error
    return listener, f"socket://{HOST}:{listener.getsockname()[1]}"


def serve_pty(
    board: Served,
    *,
    port_file: Path | None = None,
    on_ready: Ready | None = None,
    known_as: KnownAs | None = None,
) -> StopReason:
    """Serve on a new pseudo-terminal until stopped; see ``serve_socket``.

    Raises:
        DeviceError: this system has no pseudo-terminals, or the firmware failed.
    """
    if sys.platform == "win32":
        raise DeviceError(_no_ptys())
    import tty

    with ExitStack() as stack:
        master, other = os.openpty()
        stack.callback(os.close, master)
        stack.callback(os.close, other)
        tty.setraw(other)
        os.set_blocking(master, False)
        line = PtyLine(master)
        path = os.ttyname(other)
        if known_as is not None:
            stack.enter_context(known_as(path))
        return _serve(stack, board, line, path, port_file, on_ready)


def _serve(
    stack: ExitStack,
    board: Served,
    line: Line,
    url: str,
    port_file: Path | None,
    on_ready: Ready | None,
) -> StopReason:
    console = LineConsole(line)
    stack.callback(console.close)
    stack.enter_context(_stop_on_signals(console.stop))
    if port_file is not None:
        stack.enter_context(_written(port_file, url))
    if on_ready is not None:
        on_ready(url, console.stop)
    return board.serve(console)


@contextmanager
def _written(path: Path, text: str) -> Iterator[None]:
    """A file that appears complete and disappears at the end."""
    try:
        with complete_file(path) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise DeviceError(_no_port_file(path, error)) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM end serving cleanly; only the main thread can ask for that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = [(n, signal.signal(n, handler)) for n in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, previous in before:
            signal.signal(number, previous)


def _port_refused(port: int, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7076",
        where=f"TCP port {port}",
        what=f"the port cannot be opened: {error.strerror}",
        fix="choose another port, or 0 for any free one",
    )


def _no_ptys() -> Diagnostic:
    return Diagnostic(
        code="MX7077",
        where="virtual board",
        what="this system has no pseudo-terminals",
        fix="serve on a socket instead; serial programs open it as socket://localhost:PORT",
    )


def _no_port_file(path: Path, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7078",
        where=str(path),
        what=f"the port file cannot be written: {error.strerror}",
    )
