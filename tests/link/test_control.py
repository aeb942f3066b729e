"""The client of the control port, against servers that answer by hand."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link import control
from mxdeploy.link.control import Control, State

STATUS = {
    "board": "max78000fthr",
    "state": "locked up",
    "why": "flash is blank",
    "seconds": 1.5,
    "leds": {"red": True},
    "buttons": {"SW1": False},
    "activation_held": False,
}


class Server:
    """One connection; remembers the lines, answers what it was told."""

    def __init__(self, *answers: bytes) -> None:
        self.lines: list[dict[str, object]] = []
        self._answers = list(answers)
        self._listener = socket.create_server(("localhost", 0))
        self.url = f"socket://localhost:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client, _ = self._listener.accept()
        with client, client.makefile("rb") as lines:
            for answer in self._answers:
                self.lines.append(json.loads(lines.readline()))
                client.sendall(answer)
            if not self._answers or self._answers[-1].endswith(b"\n"):
                return
            lines.readline()  # stay connected until the client has gone

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()


@contextmanager
def answering(*answers: bytes) -> Iterator[Server]:
    server = Server(*answers)
    try:
        yield server
    finally:
        server.close()


OK = b'{"version": 1, "ok": true}\n'


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda c: c.reset(bootloader=True), {"command": "reset", "bootloader": True}),
        (lambda c: c.reset(), {"command": "reset", "bootloader": False}),
        (lambda c: c.power(on=False), {"command": "power", "on": False, "bootloader": False}),
        (lambda c: c.hold_activation(held=True), {"command": "hold", "held": True}),
        (lambda c: c.press("SW1"), {"command": "press", "button": "SW1"}),
        (lambda c: c.release("SW1"), {"command": "release", "button": "SW1"}),
        (lambda c: c.quit(), {"command": "quit"}),
    ],
)
def test_requests_as_documented(call: Callable[[Control], None], sent: dict[str, object]) -> None:
    with answering(OK) as server, Control(server.url) as client:
        call(client)
    assert server.lines == [{"version": 1, **sent}]


def test_status_and_leds() -> None:
    leds = b'{"version": 1, "ok": true, "leds": {"red": true, "green": false}}\n'
    status = json.dumps({"version": 1, "ok": True, "status": STATUS}).encode() + b"\n"
    with answering(leds, status) as server, Control(server.url) as client:
        assert client.leds() == {"red": True, "green": False}
        found = client.status()
    assert (found.state, found.why) == (State.LOCKED_UP, "flash is blank")
    assert (found.seconds, found.buttons) == (1.5, {"SW1": False})


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(DeviceError) as caught:
        call()
    return caught.value.diagnostics[0].code


@pytest.mark.parametrize("url", ["", "COM3", "socket://", "socket://x:99999", "http://x:1"])
def test_bad_addresses(url: str) -> None:
    assert code_of(Control(url).reset) == "MX7310"


def test_nobody_there() -> None:
    with socket.create_server(("localhost", 0)) as listener:
        number = listener.getsockname()[1]
    assert code_of(Control(f"socket://localhost:{number}").status) == "MX7311"


def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.1)
    with answering(b'{"version": 1,') as server, Control(server.url) as client:
        assert code_of(client.reset) == "MX7312"


def test_the_board_goes_away() -> None:
    with answering() as server, Control(server.url) as client:
        assert code_of(client.reset) == "MX7313"


@pytest.mark.parametrize(
    "answer",
    [b"ULDR> \n", b"[]\n", b'{"version": 2, "ok": true}\n', b'{"version": 1}\n', OK, b"\xff\n"],
)
def test_what_is_no_answer_to_status(answer: bytes) -> None:
    with answering(answer) as server, Control(server.url) as client:
        assert code_of(client.status) == "MX7314"


def test_a_refusal_says_why() -> None:
    error = {"code": "MX0000", "what": "there is no button SW9", "why": "w", "fix": "f"}
    answer = json.dumps({"version": 1, "ok": False, "error": error}).encode() + b"\n"
    with (
        answering(answer) as server,
        Control(server.url) as client,
        pytest.raises(DeviceError, match="there is no button SW9") as caught,
    ):
        client.press("SW9")
    assert caught.value.diagnostics[0].fix == "f"
