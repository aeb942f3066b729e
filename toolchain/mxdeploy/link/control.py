"""The control port of a virtual board: reset, power, buttons and lights, without hands.

A TCP connection on this machine. Each request is one line with a JSON object, and is answered by
one line with a JSON object, in order::

    {"version": 1, "command": "reset", "bootloader": true}
    {"version": 1, "ok": true}

| command | arguments | answer beside ``version`` and ``ok`` |
|---|---|---|
| ``reset`` | ``bootloader``: with both activation pins held low | |
| ``power`` | ``on``, ``bootloader`` | |
| ``hold`` | ``held``: both activation pins are held low until let go | |
| ``press``, ``release`` | ``button``: its name | |
| ``leds`` | | ``leds``: names of the lights, true = lit |
| ``status`` | | ``status``: see ``Status`` |
| ``quit`` | | |

A refused request has ``ok`` false and ``error``, a diagnostic as an object.
"""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mxdeploy.errors import DeviceError, Diagnostic

VERSION = 1
CONNECT_SECONDS = 5.0
"""Longest wait for the connection."""
ANSWER_SECONDS = 30.0
"""Longest wait for an answer: a board in the middle of a large inference answers after it."""
MAXIMUM_LINE_BYTES = 65536
_URL = re.compile(r"socket://(?P<host>[^/?#:]+):(?P<port>\d{1,5})")


class State(StrEnum):
    """What a virtual board is doing."""

    FIRMWARE = "firmware"
    BOOTLOADER = "bootloader"
    OFF = "off"
    LOCKED_UP = "locked up"
    HALTED = "halted"


class Request(BaseModel):
    """A request as it travels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    command: Literal["reset", "power", "hold", "press", "release", "leds", "status", "quit"]
    bootloader: bool = False
    on: bool = True
    held: bool = True
    button: str = ""


class Status(BaseModel):
    """A board's state.

    Attributes:
        board: its name.
        state: what it does; ``halted`` means that a debugger has stopped the firmware.
        why: why it is locked up; empty otherwise.
        seconds: virtual seconds since power-on.
        leds: lights by name, true = lit.
        buttons: buttons by name, true = pressed.
        activation_held: whether the bootloader's activation pins are held low.
    """

    model_config = ConfigDict(frozen=True)

    board: str
    state: State
    why: str = ""
    seconds: float
    leds: dict[str, bool]
    buttons: dict[str, bool]
    activation_held: bool = False


class Answer(BaseModel):
    """An answer as it travels."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    ok: bool
    leds: dict[str, bool] | None = None
    status: Status | None = None
    error: dict[str, str] | None = None


@dataclass
class Control:
    """A connection to a board's control port; opened by the first request.

    All methods raise ``DeviceError`` when the port cannot be reached, does not answer within
    ``ANSWER_SECONDS``, or refuses the request.
    """

    url: str
    _socket: socket.socket | None = field(default=None, repr=False)
    _received: bytearray = field(default_factory=bytearray, repr=False)

    def __enter__(self) -> Self:
        """The connection."""
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
        """Close the connection; another request opens a new one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._received.clear()

    # --- commands ---------------------------------------------------------------------------

    def reset(self, *, bootloader: bool = False) -> None:
        """Press the reset button; ``bootloader`` holds both activation pins meanwhile."""
        self._ask(command="reset", bootloader=bootloader)

    def power(self, *, on: bool, bootloader: bool = False) -> None:
        """The power switch: flash keeps its content, SRAM does not."""
        self._ask(command="power", on=on, bootloader=bootloader)

    def hold_activation(self, *, held: bool) -> None:
        """Hold the bootloader's activation pins low, or let go of them.

        While they are held the board receives nothing: one of them is its receive line.
        """
        self._ask(command="hold", held=held)

    def press(self, button: str) -> None:
        """Press a button and keep it pressed."""
        self._ask(command="press", button=button)

    def release(self, button: str) -> None:
        """Let go of a button."""
        self._ask(command="release", button=button)

    def leds(self) -> dict[str, bool]:
        """Lights by name, True = lit."""
        leds = self._ask(command="leds").leds
        if leds is None:
            raise DeviceError(_not_an_answer(self.url, "the lights are missing"))
        return leds

    def status(self) -> Status:
        """What the board does."""
        status = self._ask(command="status").status
        if status is None:
            raise DeviceError(_not_an_answer(self.url, "the status is missing"))
        return status

    def quit(self) -> None:
        """End the board's process."""
        self._ask(command="quit")
        self.close()

    # --- the connection -----------------------------------------------------------------------

    def _ask(self, **request: Any) -> Answer:  # noqa: ANN401 - the fields of ``Request``
        """Send a request, wait for its answer."""
        line = json.dumps({"version": VERSION, **request}).encode()
        try:
            self._connection().sendall(line + b"\n")
            answer = self._parse(self._read_line())
        except OSError as error:
            self.close()
            raise DeviceError(_lost(self.url, error)) from error
        except DeviceError:
            self.close()  # a late answer must not be taken for that of the next request
            raise
        if not answer.ok:
            raise DeviceError(_refusal(self.url, answer.error or {}))
        return answer

    def _connection(self) -> socket.socket:
        if self._socket is None:
            match = _URL.fullmatch(self.url)
            if match is None or int(match["port"]) > 0xFFFF:  # noqa: PLR2004 - largest TCP port
                raise DeviceError(_bad_url(self.url))
            place = (match["host"], int(match["port"]))
            try:
                self._socket = socket.create_connection(place, timeout=CONNECT_SECONDS)
            except OSError as error:
                raise DeviceError(_unreachable(self.url, error)) from error
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _read_line(self) -> bytes:
        connection = self._connection()
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeviceError(_silent(self.url))
            if len(self._received) > MAXIMUM_LINE_BYTES:
                raise DeviceError(_not_an_answer(self.url, "a line without an end"))
            connection.settimeout(left)
            try:
                piece = connection.recv(4096)
            except TimeoutError:
                continue
            if not piece:
                raise ConnectionResetError("the board closed the connection")
            self._received += piece
        line, _, rest = bytes(self._received).partition(b"\n")
        self._received[:] = rest
        return line

    def _parse(self, line: bytes) -> Answer:
        try:
            return Answer.model_validate_json(line)
        except ValidationError as error:
            raise DeviceError(_not_an_answer(self.url, repr(line[:80]))) from error


def _bad_url(url: str) -> Diagnostic:
    return Diagnostic(
        code="MX7310",
        where=url,
        what="not the address of a control port",
        fix="write it as socket://localhost:PORT; `mxdeploy board` prints it",
    )


def _unreachable(url: str, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7311",
        where=url,
        what=f"the control port cannot be reached: {error.strerror or error}",
        fix="start `mxdeploy board`, or correct the address",
    )


def _silent(url: str) -> Diagnostic:
    return Diagnostic(
        code="MX7312",
        where=url,
        what=f"the control port has not answered within {ANSWER_SECONDS:g} s",
        fix="end the board's process and start it again",
    )


def _lost(url: str, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7313",
        where=url,
        what=f"the connection to the control port is gone: {error.strerror or error}",
        fix="check whether the virtual board is still running",
    )


def _not_an_answer(url: str, what: str) -> Diagnostic:
    return Diagnostic(
        code="MX7314",
        where=url,
        what=f"this is not what a control port (version {VERSION}) answers: {what}",
        fix="give the control port of a board of the same version of mxdeploy",
    )


def _refusal(url: str, error: dict[str, str]) -> Diagnostic:
    return Diagnostic(
        code="MX7315",
        where=url,
        what=f"the board refuses: {error.get('what', 'no reason given')}",
        why=error.get("why", ""),
        fix=error.get("fix", ""),
    )
