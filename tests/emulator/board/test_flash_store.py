"""The flash and its file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mxdeploy.emulator.board import flash_store
from mxdeploy.emulator.board.flash_store import FlashStore
from mxdeploy.emulator.board.image import load_image
from mxdeploy.errors import DeviceError

BASE, PAGE, SIZE = 0x10000000, 0x2000, 0x80000
"""Memory map of the MAX78000."""


def test_blank_program_erase() -> None:
    flash = FlashStore()
    assert flash.content == b"\xff" * SIZE
    flash.program(BASE + 16, bytes(range(16)))
    flash.program(BASE + 16, b"\xf0" * 16)
    assert flash.read(BASE + 16, 16) == bytes(n & 0xF0 for n in range(16))
    flash.program(BASE + PAGE, bytes(16))
    flash.erase_page(BASE)
    assert flash.read(BASE, PAGE) == b"\xff" * PAGE
    assert flash.read(BASE + PAGE, 16) == bytes(16)


@pytest.mark.parametrize("address", [0, BASE - 1, BASE + SIZE - 15, BASE + SIZE])
def test_nothing_is_written_elsewhere(address: int) -> None:
    flash = FlashStore()
    with pytest.raises(ValueError, match="not flash"):
        flash.write(address, bytes(16))
    assert len(flash.content) == SIZE


def test_an_image_replaces_the_pages_it_touches(tmp_path: Path) -> None:
    file = tmp_path / "flash"
    before = b"\x11" * SIZE
    file.write_bytes(before)
    image = b"\x22" * (PAGE + 4)
    flash = FlashStore(file, image=load_image(image))
    expected = image + b"\xff" * (PAGE - 4) + before[2 * PAGE :]
    assert flash.content == expected
    assert file.read_bytes() == expected


def test_the_file_follows_after_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "flash"
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    flash = FlashStore(file)
    assert file.read_bytes() == flash.content
    flash.write(BASE, b"\x01")
    flash.tick()
    assert file.read_bytes()[0] == 0xFF
    now[0] += flash_store.SAVE_DELAY_SECONDS * 1.1
    flash.tick()
    assert file.read_bytes() == flash.content
    for _ in range(20):  # changes that never pause
        flash.write(BASE, b"\x00")
        now[0] += flash_store.SAVE_LATEST_SECONDS / 10
        flash.tick()
    assert file.read_bytes()[0] == 0


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "flash"
    flash = FlashStore(file)
    flash.write(BASE, b"\x01")

    def full(self: Path, _data: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DeviceError, match="No space left") as caught:
        flash.save()
    assert caught.value.diagnostics[0].code == "MX7322"
    assert file.read_bytes() == b"\xff" * SIZE
    assert [path.name for path in tmp_path.iterdir()] == ["flash"]
    monkeypatch.undo()
    flash.save()
    assert file.read_bytes()[0] == 1
