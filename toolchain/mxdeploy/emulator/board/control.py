"""The board's side of the control port; the protocol is described in ``mxdeploy.link.control``."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Protocol

from pydantic import ValidationError

from mxdeploy.emulator.board.console import RECEIVE_BYTES
from mxdeploy.errors import Diagnostic, MxdeployError
from mxdeploy.link.control import MAXIMUM_LINE_BYTES, VERSION, Answer, Request, Status

SEND_SECONDS = 1.0
"""A client that takes no answer for so long is disconnected."""


class Controlled(Protocol):
    """What the commands act on."""

    def reset(self, *, bootloader: bool = False) -> None:
        """The reset button."""

    def power(self, *, on: bool, bootloader: bool = False) -> None:
        """The power switch."""

    def hold_activation(self, *, held: bool) -> None:
        """The bootloader's activation pins."""

    def press(self, button: str, *, down: bool = True) -> None:
        """A button."""

    def status(self) -> Status:
        """What the board does."""

    def quit(self) -> None:
        """End serving."""


class ControlPort:
    """Takes requests from any number of clients; they are executed between two stretches."""

    def __init__(self, listener: socket.socket) -> None:
        """Take clients from this listening socket, which the caller closes."""
        self._listener = listener
        self._received: dict[socket.socket, bytearray] = {}
        self._requests: list[tuple[socket.socket, bytes]] = []

    @property
    def waiting(self) -> bool:
        """Whether there is a request to execute."""
        return bool(self._requests)

    def close(self) -> None:
        """Disconnect everybody."""
        for client in list(self._received):
            self._drop(client)

    def watched(self) -> list[socket.socket]:
        """The listening socket and all clients."""
        return [self._listener, *self._received]

    def handle(self, ready: list[socket.socket]) -> None:
        """Collect requests."""
        for item in ready:
            if item is self._listener:
                with suppress(OSError):  # gone before it was accepted
                    client, _ = self._listener.accept()
                    client.settimeout(SEND_SECONDS)
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._received[client] = bytearray()
            else:
                self._collect(item)

    def _collect(self, client: socket.socket) -> None:
        try:
            data = client.recv(RECEIVE_BYTES)
        except OSError:
            data = b""
        buffer = self._received[client]
        buffer += data
        if not data or len(buffer) > MAXIMUM_LINE_BYTES:
            self._drop(client)
            return
        *lines, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest
        self._requests += [(client, line) for line in lines if line.strip()]

    def _drop(self, client: socket.socket) -> None:
        self._received.pop(client, None)
        client.close()

    def work(self, board: Controlled) -> None:
        """Execute the requests that have come, in order."""
        while self._requests:
            client, line = self._requests.pop(0)
            if client in self._received:
                self._answer(client, _execute(board, line))
                if not line.lstrip().startswith(b"{"):
                    self._drop(client)  # speaks something else, HTTP perhaps

    def _answer(self, client: socket.socket, answer: Answer) -> None:
        text = answer.model_dump_json(exclude_none=True)
        try:
            client.sendall(text.encode() + b"\n")
        except OSError:
            self._drop(client)


def _execute(board: Controlled, line: bytes) -> Answer:
    try:
        request = Request.model_validate_json(line)
    except ValidationError as error:
        return _refused(_not_a_request(line, str(error.errors()[0]["msg"])))
    try:
        return _obey(board, request)
    except MxdeployError as error:
        return _refused(error.diagnostics[0])


def _obey(board: Controlled, request: Request) -> Answer:
    match request.command:
        case "reset":
            board.reset(bootloader=request.bootloader)
        case "power":
            board.power(on=request.on, bootloader=request.bootloader)
        case "hold":
            board.hold_activation(held=request.held)
        case "press":
            board.press(request.button)
        case "release":
            board.press(request.button, down=False)
        case "leds":
            return Answer(ok=True, leds=board.status().leds)
        case "status":
            return Answer(ok=True, status=board.status())
        case "quit":
            board.quit()
    return Answer(ok=True)


def _refused(finding: Diagnostic) -> Answer:
    error = {"code": finding.code, "what": finding.what, "why": finding.why, "fix": finding.fix}
    return Answer(ok=False, error=error)


def _not_a_request(line: bytes, reason: str) -> Diagnostic:
    return Diagnostic(
        code="MX7323",
        where="control port",
        what=f"this is no request: {line[:80].decode('utf-8', 'replace')!r}",
        why=f"{reason}; the protocol's version is {VERSION}",
        fix='send one JSON object per line, like {"version": 1, "command": "status"}',
    )
