"""A serial connection by URL: a device, ``COM3``, ``socket://host:port`` or ``loop://``.

A thin wrapper around pyserial whose errors say what is wrong with the port and how to mend it.
"""

from __future__ import annotations

import errno
import time
from types import TracebackType
from typing import Self

import serial

from mxdeploy.errors import DeviceError, Diagnostic

DEFAULT_BAUD = 115200
POLL_SECONDS = 0.05
WRITE_SECONDS = 10.0
"""Longest wait for the system to take what is written; a device that hangs takes nothing."""


class Transport:
    """An open serial connection, 8 data bits, no parity, 1 stop bit."""

    def __init__(self, url: str, *, baud: int = DEFAULT_BAUD) -> None:
        """Open the port.

        Args:
            url: what pyserial's ``serial_for_url`` understands.
            baud: bits per second; sockets ignore it.

        Raises:
            DeviceError: there is no such port, or it cannot be used.
        """
        self.url = url
        try:
            self._port = serial.serial_for_url(
                url, baudrate=baud, timeout=0, write_timeout=WRITE_SECONDS, do_not_open=True
            )
            if url.startswith("/") or url.upper().startswith("COM"):
                # Two programs on one port would steal each other's bytes.
                self._port.exclusive = True
            self._port.open()
        except (serial.SerialException, ValueError, OSError) as error:
            raise DeviceError(_cannot_open(url, error)) from error

    def __enter__(self) -> Self:
        """The open connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the port."""
        connection = getattr(self._port, "_socket", None)
        self._port.close()
        if connection is not None:
            connection.close()  # pyserial leaves it open when the other end has gone first

    def write(self, data: bytes) -> None:
        """Send all of ``data``.

        Raises:
            DeviceError: the connection is gone.
        """
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise DeviceError(_lost(self.url, error)) from error

    def read(self, size: int, *, timeout_seconds: float) -> bytes:
        """Up to ``size`` bytes: what has come when that many are there or the time is over.

        Raises:
            DeviceError: the connection is gone.
        """
        deadline = time.monotonic() + timeout_seconds
        received = bytearray()
        try:
            while len(received) < size:
                left = deadline - time.monotonic()
                self._port.timeout = max(0.0, min(left, POLL_SECONDS))
                received += self._port.read(size - len(received))
                if left <= 0:
                    break
        except (serial.SerialException, OSError) as error:
            raise DeviceError(_lost(self.url, error)) from error
        return bytes(received)

    def read_until(self, end: bytes, *, timeout_seconds: float) -> bytes:
        """Everything up to and including ``end``.

        Raises:
            DeviceError: the connection is gone, or ``end`` did not come in time.
        """
        deadline = time.monotonic() + timeout_seconds
        received = bytearray()
        while not received.endswith(end):
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeviceError(_no_answer(self.url, end, bytes(received), timeout_seconds))
            received += self.read(1, timeout_seconds=min(left, POLL_SECONDS))
        return bytes(received)

    def drain(self, *, quiet_seconds: float = 0.1) -> bytes:
        """Everything that comes until nothing has come for ``quiet_seconds``."""
        received = bytearray()
        while piece := self.read(1, timeout_seconds=quiet_seconds):
            received += piece
        return bytes(received)


def _reason(error: Exception) -> int | None:
    """The operating system's error number behind pyserial's exception."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno is not None:
            return seen.errno
        seen = seen.__cause__ or seen.__context__
    return None


def _cannot_open(url: str, error: Exception) -> Diagnostic:
    number = _reason(error)
    text = str(error).lower()
    if number == errno.EACCES or "permission" in text:
        what, fix = "no permission to open the port", "add yourself to the group dialout (Linux)"
    elif number in (errno.ENOENT, errno.ENXIO) or "filenotfounderror" in text:
        what, fix = "there is no such port", "plug the board in; `mxdeploy ports` lists the ports"
    elif number == errno.ECONNREFUSED or "refused" in text:
        what, fix = "nobody answers there", "start `mxdeploy board`, or correct the address"
    elif number in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        what, fix = "another program uses the port", "close the other program"
    elif isinstance(error, ValueError):
        what, fix = f"not a port that can be opened: {error}", "give a device or a socket:// URL"
    else:
        what, fix = f"the port cannot be opened: {error}", ""
    return Diagnostic(code="MX7081", where=url, what=what, why=str(error), fix=fix)


def _lost(url: str, error: Exception) -> Diagnostic:
    return Diagnostic(
        code="MX7082",
        where=url,
        what="the connection is gone",
        why=str(error),
        fix="check the cable, or whether the virtual board is still running",
    )


def _no_answer(url: str, end: bytes, received: bytes, seconds: float) -> Diagnostic:
    return Diagnostic(
        code="MX7083",
        where=url,
        what=f"no {end!r} within {seconds:g} s",
        why=f"received so far: {received[-80:]!r}" if received else "nothing was received",
        fix="check the baud rate and that the firmware is running; reset the board",
    )
