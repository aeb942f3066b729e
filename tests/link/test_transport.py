"""Serial connections by URL, and what is said when they fail."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link.transport import Transport


def test_loopback_carries_bytes() -> None:
    with Transport("loop://") as port:
        port.write(b"hello\nworld")
        assert port.read_until(b"\n", timeout_seconds=1) == b"hello\n"
        assert port.read(5, timeout_seconds=1) == b"world"
        assert port.read(5, timeout_seconds=0.05) == b""


def test_drain_ends_with_silence() -> None:
    with Transport("loop://") as port:
        port.write(b"left over")
        assert port.drain(quiet_seconds=0.05) == b"left over"


def test_what_has_come_is_told_when_the_end_does_not() -> None:
    with Transport("loop://") as port:
        port.write(b"half")
        with pytest.raises(DeviceError, match="half") as caught:
            port.read_until(b"\n", timeout_seconds=0.1)
    assert caught.value.diagnostics[0].code == "MX7083"
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("url", "what"),
    [
        pytest.param(
            "/dev/ttyNOTHERE", "there is no such port",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="device files"),
        ),
        ("nonsense://x", "not a port"),
    ],
)  # fmt: skip
def test_bad_ports_are_explained(url: str, what: str) -> None:
    with pytest.raises(DeviceError) as caught:
        Transport(url)
    found = caught.value.diagnostics[0]
    assert (found.code, found.where) == ("MX7081", url)
    assert what in found.what


def test_nobody_listens() -> None:
    with socket.create_server(("localhost", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match="nobody answers there"):
        Transport(f"socket://localhost:{port}")


def test_the_other_end_goes_away() -> None:
    with socket.create_server(("localhost", 0)) as listener:

        def answer_once() -> None:
            client, _ = listener.accept()
            client.recv(1)  # opening throws away what had come before
            client.sendall(b"bye\n")
            client.close()

        thread = threading.Thread(target=answer_once)
        thread.start()
        with Transport(f"socket://localhost:{listener.getsockname()[1]}") as port:
            port.write(b"?")
            assert port.read_until(b"\n", timeout_seconds=5) == b"bye\n"
            thread.join()
            with pytest.raises(DeviceError) as caught:
                port.read(1, timeout_seconds=2)
    assert caught.value.diagnostics[0].code == "MX7082"
