"""The board behind a socket and behind a pseudo-terminal: real serial clients, clean ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mxdeploy.emulator.board import StopReason, VirtualBoard
from mxdeploy.emulator.board.serve import serve_pty, serve_socket
from mxdeploy.errors import DeviceError
from mxdeploy.link.transport import Transport
from tests.emulator.board.conftest import BoardOf
from tests.emulator.board.probe import probe_image

pytest.importorskip("unicorn")
SERVERS = [
    "socket",
    pytest.param("pty", marks=pytest.mark.skipif(sys.platform == "win32", reason="no ptys")),
]


@contextmanager
def served(board: VirtualBoard, kind: str, port_file: Path) -> Iterator[str]:
    """The board on a thread of its own; gives the port's name, checks the end."""
    ready = threading.Event()
    state: dict[str, Any] = {}

    def on_ready(url: str, stop: Callable[[], None]) -> None:
        state.update(url=url, stop=stop)
        ready.set()

    def run() -> None:
        try:
            if kind == "pty":
                state["reason"] = serve_pty(board, port_file=port_file, on_ready=on_ready)
            else:
                state["reason"] = serve_socket(board, port_file=port_file, on_ready=on_ready)
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10)
        assert port_file.read_text(encoding="utf-8") == state["url"] + "\n"
        yield state["url"]
    finally:
        state["stop"]()
        thread.join(10)
    assert not thread.is_alive()
    assert state["reason"] is StopReason.STOPPED
    assert not port_file.exists()


def say_hello(port: Transport) -> None:
    """Get an answer; opening a port throws away what had come before."""
    port.write(b"?")
    port.read_until(b"?", timeout_seconds=10)


@pytest.mark.parametrize("kind", SERVERS)
def test_clients_come_and_go(board_of: BoardOf, kind: str, tmp_path: Path) -> None:
    with served(board_of("echo"), kind, tmp_path / "port") as url:
        with Transport(url) as first:
            say_hello(first)
            first.write(b"abc")
            assert first.read(3, timeout_seconds=10) == b"ABC"
        with Transport(url) as second:
            say_hello(second)
            second.write(b"xyz!")
            assert second.read_until(b"!", timeout_seconds=10) == b"XYZ!"


@pytest.mark.parametrize("kind", SERVERS)
def test_binary_blocks_arrive_unchanged(board_of: BoardOf, kind: str, tmp_path: Path) -> None:
    block = bytes(n for n in range(256) if not ord("a") <= n <= ord("z")) * 16
    with served(board_of("echo"), kind, tmp_path / "port") as url, Transport(url) as port:
        say_hello(port)
        port.write(block)
        assert port.read(len(block), timeout_seconds=30) == block


def test_round_trips_are_quick_and_idling_is_cheap(board_of: BoardOf, tmp_path: Path) -> None:
    with served(board_of("echo"), "socket", tmp_path / "port") as url, Transport(url) as port:
        say_hello(port)
        times = []
        for _ in range(20):
            start = time.perf_counter()
            port.write(b"a")
            assert port.read(1, timeout_seconds=5) == b"A"
            times.append(time.perf_counter() - start)
        assert sorted(times)[len(times) // 2] < 0.010
        cpu = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - cpu < 0.15


def test_a_taken_port_is_explained(board_of: BoardOf, tmp_path: Path) -> None:
    with served(board_of("echo"), "socket", tmp_path / "port") as url:
        number = int(url.rpartition(":")[2])
        with pytest.raises(DeviceError, match=f"TCP port {number}"):
            serve_socket(board_of("echo"), number)


def test_a_fault_ends_serving(board_of: BoardOf, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="0x60000000"):
        serve_socket(board_of("unmapped_read"), port_file=tmp_path / "port")
    assert not (tmp_path / "port").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_serving_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    image, port_file = tmp_path / "echo.elf", tmp_path / "port"
    image.write_bytes(probe_image("echo"))
    program = (
        "import sys; from pathlib import Path;"
        "from mxdeploy.emulator.board import VirtualBoard;"
        "from mxdeploy.emulator.board.serve import serve_pty;"
        "board = VirtualBoard('max78000fthr', Path(sys.argv[1]).read_bytes());"
        "print(serve_pty(board, port_file=Path(sys.argv[2])).name)"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    command = [sys.executable, "-c", program, str(image), str(port_file)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while not port_file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        with Transport(port_file.read_text(encoding="utf-8").strip()) as port:
            say_hello(port)
        process.send_signal(number)
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()
    assert output.decode().strip() == "STOPPED"
    assert process.returncode == 0
    assert not port_file.exists()
