"""``mxdeploy board`` as a process of its own, driven only through its ports."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.image import load_image
from mxdeploy.errors import DeviceError
from mxdeploy.link import virtual
from mxdeploy.link.control import Control, State
from mxdeploy.link.transport import Transport
from tests.command import Mxdeploy
from tests.emulator.board.bench import s_records
from tests.emulator.board.probe import probe_image

pytest.importorskip("unicorn")
KINDS = [
    "socket",
    pytest.param("pty", marks=pytest.mark.skipif(sys.platform == "win32", reason="no ptys")),
]


class Process:
    """A running ``mxdeploy board``."""

    def __init__(self, folder: Path, *options: object) -> None:
        self.port_file = folder / "port"
        command = [sys.executable, "-m", "mxdeploy", "board", "--port-file", self.port_file]
        self.process = subprocess.Popen(
            [str(part) for part in (*command, *options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path), PYTHONIOENCODING="utf-8"),
        )

    @property
    def port(self) -> str:
        deadline = time.monotonic() + 30
        while not self.port_file.exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self.port_file.read_text(encoding="utf-8").strip()

    @property
    def control(self) -> str:
        found = virtual.find(self.port)
        assert found is not None
        assert found.pid == self.process.pid
        return found.control

    def end(self) -> tuple[int, str, str]:
        """Exit status, standard output and error after the end."""
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@contextmanager
def running(folder: Path, *options: object) -> Iterator[Process]:
    process = Process(folder, *options)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    file = tmp_path / "echo.elf"
    file.write_bytes(probe_image("echo"))
    return file


def expect(port: Transport, text: bytes) -> bytes:
    return port.read_until(text, timeout_seconds=10)


@pytest.mark.parametrize("kind", KINDS)
def test_from_blank_to_running_firmware_and_back(tmp_path: Path, kind: str) -> None:
    """What ``flash`` does, by hand, on a process that is killed and started again."""
    flash = tmp_path / "flash.bin"
    options = ("--flash", flash, *(("--socket", "0") if kind == "socket" else ()))
    image = load_image(probe_image("echo"))
    with running(tmp_path, *options) as board:
        with Transport(board.port) as port, Control(board.control) as control:
            assert control.status().state is State.LOCKED_UP
            control.reset(bootloader=True)
            expect(port, b"ULDR> ")
            port.write(f"P 0x{mem.FLASH_BASE:08x}\r\n".encode())
            assert b"OK" in expect(port, b"ULDR> ")
            port.write(b"L\r\n")
            expect(port, b"SREC\r\n")
            port.write(s_records(image))
            assert b"Load success" in expect(port, b"ULDR> ")
            port.write(b"Q\r\n")
            expect(port, b"ready\n")
            control.quit()
        status, out, _ = board.end()
        assert status == 0
        assert "flash is blank" in out
        assert not board.port_file.exists()
    with running(tmp_path, *options) as board, Transport(board.port) as port:
        port.write(b"hi!")
        expect(port, b"HI!")
        board.process.kill()  # as if the power had failed
        board.process.communicate()
        assert virtual.find(port.url) is None
    assert flash.read_bytes()[: image.used_bytes] == image.flash[: image.used_bytes]


def test_bootloader_at_power_on(tmp_path: Path, echo: Path) -> None:
    with (
        running(tmp_path, "--image", echo, "--socket", "0", "--bootloader") as board,
        Transport(board.port) as port,
    ):
        port.write(b"\r\nS\r\n")
        assert b"Lock: Inactive" in expect(port, b"PLock: Inactive\r\nULDR> ")
        port.write(b"Q\r\n")
        expect(port, b"ready\n")


def test_json_is_one_document(tmp_path: Path, echo: Path) -> None:
    options = ("--image", echo, "--socket", "0", "--json", "--leds", "--realtime", "--gdb", "0")
    with running(tmp_path, *options) as board:
        port, control_url = board.port, board.control
        with Control(control_url) as control:
            control.quit()
        status, out, err = board.end()
    document: dict[str, Any] = json.loads(out)
    assert (status, err) == (0, "")
    assert (document["result"]["port"], document["result"]["control"]) == (port, control_url)
    assert document["result"]["state"] == "firmware"
    assert document["result"]["gdb"].startswith("localhost:")


def test_a_debugger_finds_its_port(tmp_path: Path, echo: Path) -> None:
    with socket.create_server(("localhost", 0)) as listener:
        number = listener.getsockname()[1]
    with running(tmp_path, "--image", echo, "--socket", "0", "--gdb", number) as board:
        with socket.create_connection(("localhost", number if board.port else 0)) as debugger:
            debugger.settimeout(10)
            debugger.sendall(b"$?#3f")
            assert debugger.recv(100).startswith(b"+")
            with Control(board.control) as control:
                assert control.status().state is State.HALTED
                control.quit()
        assert f"target remote localhost:{number}" in board.end()[1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_firmware_that_fails_is_told_and_the_board_stays(tmp_path: Path) -> None:
    file = tmp_path / "fault.elf"
    file.write_bytes(probe_image("unmapped_read"))
    with running(tmp_path, "--image", file, "--socket", "0") as board:
        with Control(board.control) as control:
            while control.status().state is not State.LOCKED_UP:
                time.sleep(0.02)
            assert "0x60000000" in control.status().why
        board.process.send_signal(signal.SIGINT)
        status, _, err = board.end()
    assert status == DeviceError.exit_code
    assert err.count("0x60000000") == 1
    assert "backtrace" in err


def test_lights_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "hello.elf"
    file.write_bytes(probe_image("hello"))
    with running(tmp_path, "--image", file, "--socket", "0", "--leds") as board:
        with Control(board.control) as control:
            while not control.leds()["LED1 green"]:
                time.sleep(0.02)
            time.sleep(0.2)
            control.power(on=False)
            time.sleep(0.2)
            control.quit()
        lights = [line for line in board.end()[1].splitlines() if "●" in line or "○" in line]
    assert "○ LED1 red  ● LED1 green  ○ LED1 blue" in lights[-2]
    assert "●" not in lights[-1]


def test_what_the_board_says_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "hello.elf"
    file.write_bytes(probe_image("hello"))
    with running(tmp_path, "--image", file, "--socket", "0", "--console") as board:
        with Transport(board.port) as port:
            text = expect(port, b"\n").decode()
        with Control(board.control) as control:
            control.quit()
        assert text.strip() in board.end()[1].splitlines()


@pytest.mark.parametrize("size", [0, 100, 512 * 1024 + 1])
def test_a_flash_file_of_wrong_size(tmp_path: Path, mxdeploy: Mxdeploy, size: int) -> None:
    file = tmp_path / "flash.bin"
    file.write_bytes(bytes(size))
    ran = mxdeploy("board", "--flash", file, "--socket", "0", "--json")
    assert ran.exit_code == 2
    assert [d["code"] for d in ran.document["diagnostics"]] == ["MX7321"]
    assert file.read_bytes() == bytes(size)


def test_a_flash_file_that_cannot_be_used(tmp_path: Path, mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("board", "--flash", tmp_path, "--socket", "0", "--json")
    assert (ran.exit_code, ran.document["diagnostics"][0]["code"]) == (2, "MX7320")
    ran = mxdeploy("board", "--flash", tmp_path / "no" / "file", "--socket", "0", "--json")
    assert (ran.exit_code, ran.document["diagnostics"][0]["code"]) == (5, "MX7322")


def test_a_taken_control_port(tmp_path: Path, mxdeploy: Mxdeploy, echo: Path) -> None:
    with running(tmp_path, "--image", echo, "--socket", "0") as board:
        number = board.control.rpartition(":")[2]
        ran = mxdeploy("board", "--image", echo, "--socket", "0", "--control", number, "--json")
    assert (ran.exit_code, ran.document["diagnostics"][0]["code"]) == (5, "MX7076")
