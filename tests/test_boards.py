"""Board files: the known ones, and every kind of fault in a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.boards import Board, board_names, load_board
from mxdeploy.errors import UsageError

GOOD = """
name = "mine"
title = "My board"
msdk = "EvKit_V1"
[console]
uart = 0
baud = 115200
rx = "P0.0"
tx = "P0.1"
alternate_function = 1
[clock]
hz = 100_000_000
[[leds]]
name = "D1"
pin = "P2.0"
color = "red"
active_low = false
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(folder: Path, text: str) -> list[str]:
    """The key and what is wrong with it, for each fault."""
    with pytest.raises(UsageError) as caught:
        load_board(written(folder, text))
    assert {d.code for d in caught.value.diagnostics} == {"MX6003"}
    return [f"{d.where.split(': ')[1].split(' ')[0]}: {d.what}" for d in caught.value.diagnostics]


def test_the_known_boards() -> None:
    assert board_names() == ("max78000evkit", "max78000fthr")


@pytest.mark.parametrize(
    ("name", "msdk", "green", "red"),
    [("max78000evkit", "EvKit_V1", "P0.2", "P0.3"), ("max78000fthr", "FTHR_RevA", "P2.1", "P2.0")],
)
def test_facts_of_the_known_boards(name: str, msdk: str, green: str, red: str) -> None:
    board = load_board(name)
    assert (board.name, board.msdk, board.console.baud) == (name, msdk, 115200)
    assert (str(board.console.rx), str(board.console.tx)) == ("P0.0", "P0.1")
    lights = [board.led("green"), board.led("red")]
    assert [str(light.pin) for light in lights if light] == [green, red]
    assert str(board.cnn.boost) == "P2.5"
    assert all(note.source for note in board.notes)


def test_the_evkit_console_is_a_bridge_of_its_own() -> None:
    usb = {device.role: (device.vid, device.pid) for device in load_board("max78000evkit").usb}
    assert usb == {"console": (0x0403, 0x6015), "probe": (0x0D28, 0x0204)}


def test_a_board_of_ones_own(tmp_path: Path) -> None:
    board = load_board(written(tmp_path, GOOD))
    assert isinstance(board, Board)
    assert board.leds[0].pin.mask == 1
    assert board.cnn.boost is None


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean max78000fthr") as caught:
        load_board("max7800fthr")
    assert caught.value.diagnostics[0].code == "MX6001"


@pytest.mark.parametrize("text", [None, "name = ", b"\xff\xfe".decode("latin-1")])
def test_unreadable_file(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "mine.toml"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read") as caught:
        load_board(file)
    assert caught.value.diagnostics[0].code == "MX6002"


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    text = GOOD.replace("115200", "115201").replace('"P2.0"', '"P9.0"').replace("title", "titel")
    found = faults(tmp_path, text.replace('"red"', '"pink"').replace("P0.1", "P0.32"))
    keys = [fault.split(":")[0] for fault in found]
    assert keys == ["title", "console.baud", "console.tx", "leds[0].pin", "leds[0].color", "titel"]


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("uart = 0", "uart = 1", "console.uart", "should be 0"),
        ("100_000_000", "60_000_000", "clock.hz", "100000000 Hz oscillator only"),
        ("115200", "1000000", "console.baud", "1200..921600"),
        ('"mine"', '"My Board"', "name", "match pattern"),
        ('tx = "P0.1"', 'tx = "P0.3"', "console", "on P0.0 and P0.1, not P0.0 and P0.3"),
        ('"P2.0"', '"P0.1"', "board", "used twice: console.tx and leds D1"),
        ('"P2.0"', "5", "leds[0].pin", 'written like "P2.5"'),
        ("active_low = false", "", "leds[0].active_low", "missing"),
    ],
)
def test_single_faults(tmp_path: Path, old: str, new: str, key: str, what: str) -> None:
    (found,) = faults(tmp_path, GOOD.replace(old, new))
    assert found.startswith(f"{key}: ")
    assert what in found
