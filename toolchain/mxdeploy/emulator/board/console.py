"""What is connected to the board's serial port: buffers, waits, pseudo-terminal or TCP port.

Nothing is polled: an idle board sleeps in one ``select`` over its serial port and its services
(control port, debugger).
"""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import suppress
from typing import Any, Protocol

RECEIVE_BYTES = 4096
KEPT_BYTES = 65536
"""Bytes kept for a client that does not read at the moment."""
PATIENCE_SECONDS = 1.0
"""A client that has read nothing for so long, with the buffer full, is not there."""


class Line(Protocol):
    """A connection, or the place where connections arrive."""

    def watched(self) -> list[Any]:
        """What ``select`` watches for input."""

    def take(self, ready: list[Any]) -> bytes:
        """Input from what ``select`` found ready."""

    def writable(self) -> Any | None:  # noqa: ANN401 - a socket or a file descriptor
        """What ``select`` watches for room; None when nobody is connected."""

    def put(self, data: bytes) -> int:
        """Send without blocking; number of bytes taken."""


class Service(Protocol):
    """Something else that is connected to the board."""

    def watched(self) -> list[socket.socket]:
        """What ``select`` watches for input."""

    def handle(self, ready: list[socket.socket]) -> None:
        """Take input from these sockets, without acting on it: the program is running."""


class LineConsole:
    """Buffers, waits and stops; the ``Console`` of the board."""

    def __init__(self, line: Line) -> None:
        """Serve this line."""
        self._line = line
        self._services: list[Service] = []
        self._pending = bytearray()
        self._full_since: float | None = None
        self._stop = False
        self._waker, self._wake = socket.socketpair()
        self._waker.setblocking(False)
        self._wake.setblocking(False)

    def attach(self, service: Service) -> None:
        """Look after this service, too, while the board waits."""
        self._services.append(service)

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
        services = [(service, service.watched()) for service in self._services]
        watched = [self._wake, *self._line.watched()]
        for _, sockets in services:
            watched += sockets
        target = self._line.writable() if self._pending else None
        ready, _, _ = select.select(
            watched, [target] if target is not None else [], [], timeout_seconds
        )
        if self._wake in ready:
            with suppress(OSError):
                self._wake.recv(RECEIVE_BYTES)
        for service, sockets in services:
            if answered := [item for item in sockets if item in ready]:
                service.handle(answered)
        return self._line.take([item for item in self._line.watched() if item in ready])


class SocketLine:
    """A listening TCP port with at most one client."""

    def __init__(self, listener: socket.socket) -> None:
        """Take clients from ``listener``."""
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


class PtyLine:
    """The controlling end of a pseudo-terminal.

    The other end is kept open here too, so that its settings survive between clients.
    """

    def __init__(self, master: int) -> None:
        """Use the controlling end ``master``."""
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
