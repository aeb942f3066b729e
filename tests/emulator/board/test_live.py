"""The board as a user has it on the desk: power, reset, bootloader, flash, buttons, lights."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.board.flash_store import FlashStore
from mxdeploy.emulator.board.image import load_image
from mxdeploy.emulator.board.live import LiveBoard
from mxdeploy.emulator.board.serve import serve_socket
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.control import Control, State
from tests.emulator.board.bench import Bench, bench, s_records
from tests.emulator.board.probe import probe_image

pytest.importorskip("unicorn")
PROMPT = b"ULDR> "


def echoes(board: Bench) -> bool:
    """Whether the echo firmware answers."""
    board.port.write(b"hi!")
    return board.expect(b"HI!").endswith(b"HI!")


def test_a_blank_flash_locks_the_core_up_in_silence() -> None:
    with bench() as board:
        board.port.write(b"anybody there?\r\n")
        status = board.control.status()
        assert status.state is State.LOCKED_UP
        assert "blank" in status.why
        assert "0xFFFFFFFF" in status.why
        assert board.port.drain(quiet_seconds=0.2) == b""
        board.control.reset()
        assert board.control.status().state is State.LOCKED_UP
        assert board.faults == []


def test_reset_starts_the_firmware_again() -> None:
    with bench("echo") as board:
        assert echoes(board)
        board.control.reset()
        assert board.expect(b"ready\n") == b"ready\n"
        assert echoes(board)


def test_power_off_and_on() -> None:
    """SRAM is lost: the scenario counts its rounds there, up to three, over resets."""
    with bench("software_reset") as board:
        board.control.power(on=False)
        status = board.control.status()
        assert (status.state, status.seconds) == (State.OFF, 0.0)
        assert not any(status.leds.values())
        board.port.write(b"nobody hears this")
        board.port.drain(quiet_seconds=0.1)
        with pytest.raises(DeviceError, match="switched off"):
            board.control.reset()
        board.control.power(on=True)
        assert board.expect(b"end\n") == b"round=1\nround=2\nround=3\nend\n"
        board.control.reset()
        assert board.expect(b"end\n") == b"round=4\nend\n"
        board.control.power(on=False)
        board.control.power(on=True)
        assert board.expect(b"\n") == b"round=1\n"


def load(board: Bench, image: bytes) -> None:
    """Program an image through the prompt that is already there."""
    loaded = load_image(image)
    for place in range(0, loaded.used_bytes, mem.FLASH_PAGE_BYTES):
        board.port.write(f"P 0x{mem.FLASH_BASE + place:08x}\r\n".encode())
        assert b"OK" in board.expect(PROMPT)
    board.port.write(b"L\r\n")
    board.expect(b"Ready to load SREC\r\n")
    board.port.write(s_records(loaded))
    assert b"Load success" in board.expect(PROMPT)


def test_bootloader_programs_a_blank_board() -> None:
    with bench() as board:
        board.control.reset(bootloader=True)
        assert board.expect(PROMPT) == PROMPT
        assert board.control.status().state is State.BOOTLOADER
        load(board, probe_image("echo"))
        board.port.write(b"Q\r\n")
        board.expect(b"ready\n")
        assert board.control.status().state is State.FIRMWARE
        assert echoes(board)


def test_status_may_be_asked_while_a_file_is_loaded() -> None:
    with bench("hello") as board:
        board.control.reset(bootloader=True)
        board.expect(PROMPT)
        load_page = f"P 0x{mem.FLASH_BASE:08x}\r\n".encode()
        board.port.write(load_page)
        board.expect(PROMPT)
        board.port.write(b"L\r\n")
        board.expect(b"SREC\r\n")
        text = s_records(load_image(probe_image("echo")))
        for start in range(0, len(text), 1000):
            board.port.write(text[start : start + 1000])
            assert board.control.status().state is State.BOOTLOADER
        assert b"Load success" in board.expect(PROMPT)


def test_power_on_with_the_pins_held_and_let_go() -> None:
    with bench("echo", bootloader=True) as board:
        board.control.reset(bootloader=True)
        board.expect(PROMPT)
        board.port.write(b"Q\r\n")
        board.expect(b"ready\n")
        board.control.power(on=False)
        board.control.power(on=True, bootloader=True)
        assert board.expect(PROMPT) == PROMPT


def test_held_pins_catch_every_reset_and_make_deaf() -> None:
    """A reset by the firmware, too, ends in the ROM while both pins are low."""
    with bench("watchdog") as board:
        board.control.hold_activation(held=True)
        assert board.control.status().activation_held
        assert board.expect(PROMPT).endswith(PROMPT)
        board.port.write(b"I\r\n")
        assert board.port.drain(quiet_seconds=0.2) == b""
        board.control.hold_activation(held=False)
        board.port.write(b"I\r\n")
        assert b"USN: " in board.expect(PROMPT)
        board.port.write(b"Q\r\n")
        board.expect(b"start\n")


@pytest.mark.parametrize(("held", "text"), [(False, b"went on\n"), (True, PROMPT)])
def test_a_soft_reset_looks_at_the_pins(held: bool, text: bytes) -> None:
    with bench("soft_reset") as board:
        board.control.reset()
        board.expect(b"ready\n")
        board.control.hold_activation(held=held)
        board.control.press("SW1")
        assert board.expect(text).endswith(text)
        state = State.BOOTLOADER if held else State.FIRMWARE
        assert board.control.status().state is state


def test_flash_written_by_firmware_stays_and_the_core_locks_up_on_its_fault(tmp_path: Path) -> None:
    """The scenario erases a page, writes a word, then stores to flash, which is a fault."""
    file = tmp_path / "flash.bin"
    with bench("flash", flash=file) as board:
        board.wait_for(State.LOCKED_UP)
        assert [d.code for d in board.faults if d.severity == "error"] == ["MX7053"]
        assert "firmware at 0x" in board.control.status().why
        board.faults.clear()
        board.control.reset()
        board.wait_for(State.LOCKED_UP)
        assert board.faults
    content = file.read_bytes()
    image = load_image(probe_image("flash"))
    place = 0x1007E010 - mem.FLASH_BASE
    assert len(content) == 512 * 1024
    assert content[: image.used_bytes] == image.flash[: image.used_bytes]
    assert content[place : place + 4] == b"\x11\x11\x11\x11"
    assert content[place - 16 : place] == b"\xff" * 16
    assert [path.name for path in tmp_path.iterdir()] == ["flash.bin"]


def test_flash_file_brings_the_firmware_back(tmp_path: Path) -> None:
    file = tmp_path / "flash.bin"
    with bench("echo", flash=file):
        pass
    with bench(flash=file) as board:
        assert echoes(board)
        board.control.reset(bootloader=True)
        board.expect(PROMPT)
        board.port.write(b"UNLOCK\r\n")
        board.wait_for(State.LOCKED_UP)
    assert file.read_bytes() == b"\xff" * 512 * 1024


def test_buttons_and_lights() -> None:
    with bench("poll_button") as board:
        board.control.reset()
        board.expect(b"ready\n")
        assert board.control.status().buttons == {"SW1": False, "SW2": False}
        assert not any(board.control.leds().values())
        board.control.press("SW1")
        board.expect(b"pressed\n")
        assert board.control.status().buttons["SW1"]
        assert board.control.leds() == {"LED1 red": False, "LED1 green": True, "LED1 blue": False}
        board.control.release("SW1")
        board.expect(b"released\n")
        with pytest.raises(DeviceError, match="SW7"):
            board.control.press("SW7")
        time.sleep(0.1)
    assert board.lights[-1]["LED1 green"]


def test_a_pressed_button_stays_pressed_over_power_off() -> None:
    with bench("poll_button") as board:
        board.control.power(on=False)
        board.control.press("SW1")
        board.control.power(on=True)
        board.expect(b"pressed\n")


@pytest.mark.parametrize(("realtime", "received"), [(True, 8), (False, 20)])
def test_a_slow_reader_loses_bytes_only_in_real_time(realtime: bool, received: int) -> None:
    with bench("slow_reader", realtime=realtime) as board:
        board.control.reset()
        board.expect(b"ready\n")
        board.port.write(b"x" * 20)
        assert board.expect(b"received=%d\n" % received)
        codes = [d.code for d in board.board.diagnostics]
    assert ("MX7072" in codes) == realtime


def test_real_time_is_real() -> None:
    """Three beats, half a second apart: one second of waiting, or nearly none."""
    times = {}
    for realtime in (True, False):
        with bench("metronome", realtime=realtime) as board:
            board.control.reset()
            board.expect(b"beat=0\n")
            start = time.perf_counter()
            board.expect(b"beat=2\n")
            times[realtime] = time.perf_counter() - start
    assert 0.97 < times[True] < 2.0
    assert times[False] < 0.5


def test_bootloader_at_the_speed_of_the_line() -> None:
    """A hundred commands of 3 characters and answers of 40: 0.37 s at 115200 bit/s."""
    with bench(realtime=True, bootloader=True) as board:
        board.control.reset(bootloader=True)
        board.expect(PROMPT)
        start = time.perf_counter()
        board.port.write(b"I\r\n" * 100)
        received = bytearray()
        while received.count(PROMPT) < 100:
            received += board.port.read(1 << 16, timeout_seconds=0.05)
        seconds = time.perf_counter() - start
    assert seconds > len(received) / 11520
    assert seconds < 3


def test_requests_that_are_none_are_refused() -> None:
    with bench("echo") as board:
        host, number = board.control.url.removeprefix("socket://").split(":")
        with socket.create_connection((host, int(number)), timeout=5) as client:
            lines = client.makefile("rb")
            for request in (
                b"{}", b'{"command": "explode"}', b"{\xff\xfe",
                b'{"version": 2, "command": "status"}', b'{"command": "status", "extra": 1}',
            ):  # fmt: skip
                client.sendall(request + b"\n")
                answer = json.loads(lines.readline())
                assert (answer["version"], answer["ok"]) == (1, False)
                assert answer["error"]["code"] == "MX7323"
            client.sendall(b'{"command": "leds"}\n{"command": "status"}\n')
            assert json.loads(lines.readline())["leds"]["LED1 red"] is False
            assert json.loads(lines.readline())["status"]["state"] == "firmware"
            client.sendall(b"x" * 100_000)
            with pytest.raises(OSError):  # noqa: PT012 - which of the two notices is open
                while True:
                    client.sendall(b"x" * 100_000)
        assert board.control.status().state is State.FIRMWARE


@pytest.mark.parametrize("first", [b"POST / HTTP/1.1", b"[1]", b"\xff\xfe"])
def test_whoever_speaks_something_else_is_sent_away(first: bytes) -> None:
    with bench("echo", lazy=True) as board:
        host, number = board.control.url.removeprefix("socket://").split(":")
        with socket.create_connection((host, int(number)), timeout=5) as client:
            client.sendall(first + b'\n{"command": "power", "on": false}\n')
            assert b'"ok":false' in client.recv(1000)
            assert client.recv(1000) == b""
        assert board.control.status().state is State.FIRMWARE


def test_a_full_disk_ends_the_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as what it is, not as a fault of the firmware that runs."""
    flash = FlashStore(tmp_path / "flash", image=load_image(probe_image("echo")))
    board = LiveBoard("max78000fthr", flash)

    def full() -> None:
        raise DeviceError(Diagnostic(code="MX0000", where="flash", what="no space"))

    monkeypatch.setattr(flash, "save", full)
    monkeypatch.setattr(flash, "tick", full)
    with pytest.raises(DeviceError, match="no space"):
        serve_socket(board)
    assert not board.failed


def test_two_clients_of_the_control_port() -> None:
    with bench("echo") as board, Control(board.control.url) as second:
        assert second.status().state is State.FIRMWARE
        assert board.control.status().state is State.FIRMWARE


def test_quit_ends_serving() -> None:
    with bench("echo") as board:
        board.control.quit()
        with pytest.raises(DeviceError):
            board.port.read(1000, timeout_seconds=10)
