"""The board's serial port as a pseudo-terminal or a TCP port, for any serial program.

One client at a time, any number after each other. What the board sends while nobody is connected
is kept up to a limit and shown to the next client. Nothing is polled: an idle board sleeps in
``select``.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from mxdeploy.emulator.board.board import StopReason, VirtualBoard
from mxdeploy.errors import DeviceError, Diagnostic

RECEIVE_BYTES = 4096
KEPT_BYTES = 65536
"""Bytes kept for a client that does not read at the moment."""
PATIENCE_SECONDS = 1.0
"""A client that has read nothing for so long, with the buffer full, is not there."""
HOST = "localhost"


class _Line(Protocol):
    """A connection, or the place where connections arrive."""

    def watched(self) -> list[Any]:
        """What ``select`` watches for input."""

    def take(self, ready: list[Any]) -> bytes:
        """Input from what ``select`` found ready."""

    def writable(self) -> Any | None:  # noqa: ANN401 - a socket or a file descriptor
        """What ``select`` watches for room; None when nobody is connected."""

    def put(self, data: bytes) -> int:
        """Send without blocking; number of bytes taken."""


class LineConsole:
    """Buffers, waits and stops; the ``Console`` of the board."""

    def __init__(self, line: _Line) -> None:
        """Serve this line."""
        self._line = line
        self._pending = bytearray()
        self._full_since: float | None = None
        self._stop = False
        self._waker, self._wake = socket.socketpair()
        self._waker.setblocking(False)
        self._wake.setblocking(False)

    def close(self) -> None:
        """Send what can still be sent; no more use."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._pending and time.monotonic() < deadline and self._send(0.05):
            pass
        self._waker.close()
        self._wake.close()

    def stop(self) -> None:
        """End serving soon; may be called from signal handlers and other threads."""
        self._stop = True
        with suppress(OSError):
            self._waker.send(b"!")

    def stopped(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop

    def transmit(self, data: bytes) -> None:
        """Send now or later; blocks while a reading client is slower than the board."""
        self._pending += data
        self._send(0.0)
        while len(self._pending) > KEPT_BYTES and not self._stop:
            if not self._send(0.05) and self._given_up():
                del self._pending[: len(self._pending) - KEPT_BYTES]

    def _given_up(self) -> bool:
        now = time.monotonic()
        if self._full_since is None:
            self._full_since = now
        return self._line.writable() is None or now - self._full_since > PATIENCE_SECONDS

    def _send(self, timeout_seconds: float) -> bool:
        """Send what the line takes; True when it took something."""
        target = self._line.writable()
        if target is None or not self._pending:
            return False
        _, ready, _ = select.select([], [target], [], timeout_seconds)
        count = self._line.put(bytes(self._pending)) if ready else 0
        del self._pending[:count]
        if count:
            self._full_since = None
        return count > 0

    def receive(self, timeout_seconds: float) -> bytes:
        """Input for the board; waits for the first byte, a new client, or ``stop``."""
        self._send(0.0)
        watched = [self._wake, *self._line.watched()]
        target = self._line.writable() if self._pending else None
        ready, _, _ = select.select(
            watched, [target] if target is not None else [], [], timeout_seconds
        )
        if self._wake in ready:
            with suppress(OSError):
                self._wake.recv(RECEIVE_BYTES)
            ready.remove(self._wake)
        return self._line.take(ready)


class _SocketLine:
    """A listening TCP port with at most one client."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._client: socket.socket | None = None

    def watched(self) -> list[Any]:
        """The client, or the listener while there is none."""
        return [self._listener if self._client is None else self._client]

    def writable(self) -> socket.socket | None:
        """The client."""
        return self._client

    def take(self, ready: list[Any]) -> bytes:
        """Input of the client; accepts a client; notices when it has gone."""
        if self._client is None:
            if ready:
                self._client, _ = self._listener.accept()
                self._client.setblocking(False)
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return b""
        if not ready:
            return b""
        try:
            data = self._client.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.close()
        return data

    def put(self, data: bytes) -> int:
        """Send to the client."""
        if self._client is None:
            return 0
        try:
            return self._client.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()
            return 0

    def close(self) -> None:
        """Forget the client."""
        if self._client is not None:
            self._client.close()
            self._client = None


class _PtyLine:
    """The controlling end of a pseudo-terminal.

    The other end is kept open here too, so that its settings survive between clients.
    """

    def __init__(self, master: int) -> None:
        self._master = master

    def watched(self) -> list[Any]:
        """The terminal."""
        return [self._master]

    def writable(self) -> int:
        """The terminal."""
        return self._master

    def take(self, ready: list[Any]) -> bytes:
        """Input of whoever has the terminal open."""
        if not ready:
            return b""
        try:
            return os.read(self._master, RECEIVE_BYTES)
        except OSError:
            return b""

    def put(self, data: bytes) -> int:
        """Send to whoever has the terminal open."""
        try:
            return os.write(self._master, data)
        except OSError:
            return 0


Ready = Callable[[str, Callable[[], None]], None]
"""Called once the port can be used: (URL or device path, function that stops serving)."""


def serve_socket(
    board: VirtualBoard,
    port: int = 0,
    *,
    port_file: Path | None = None,
    on_ready: Ready | None = None,
) -> StopReason:
    """Serve at ``socket://localhost:PORT`` until stopped; port 0 takes a free one.

    Args:
        board: the board to run.
        port: TCP port on this machine only.
        port_file: gets the URL as soon as the port can be used; removed at the end.
        on_ready: called with the URL and a function that stops serving.

    Raises:
        DeviceError: the port cannot be opened, or the firmware failed.
    """
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.create_server((HOST, port)))
        except OSError as error:
            raise DeviceError(_port_refused(port, error)) from error
        line = _SocketLine(listener)
        stack.callback(line.close)
        url = f"socket://{HOST}:{listener.getsockname()[1]}"
        return _serve(stack, board, line, url, port_file, on_ready)


def serve_pty(
    board: VirtualBoard, *, port_file: Path | None = None, on_ready: Ready | None = None
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
        line = _PtyLine(master)
        return _serve(stack, board, line, os.ttyname(other), port_file, on_ready)


def _serve(
    stack: ExitStack,
    board: VirtualBoard,
    line: _Line,
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
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
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
