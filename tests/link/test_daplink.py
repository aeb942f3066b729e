"""Drag and drop on a simulated adapter: a folder that takes a file, goes, and comes back."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link.daplink import IMAGE_FILE, REMOUNT_SECONDS, DapLinkMethod, Surroundings, copy
from mxdeploy.link.flash import FlashTarget
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.ports import SerialPort, inventory
from mxdeploy.link.virtual import RunningBoard
from mxdeploy.link.volumes import Volume, find_volumes
from tests.link.silent import target

UNIQUE_ID = "0444170169c5c14600000000000000000000000097969906"
OTHER_ID = "0444000000000000000000000000000000000000979699ff"
IMAGE = bytes(range(256)) * 64


class Adapter:
    """An adapter's drive as a folder; virtual time passes only while somebody waits."""

    def __init__(self, folder: Path, unique_id: str = UNIQUE_ID, **details: str) -> None:
        self.folder = folder
        self.details = {"Unique ID": unique_id.upper(), "Auto Reset": "1", **details}
        self.remounts = 0
        self.seconds = 0.0
        self.away_seconds = 2.0
        self.programming_seconds = 5.0
        self.fail = ""
        self.other_files: dict[str, str] = {}
        self.programmed: bytes | None = None
        self._goes_at: float | None = None
        self._mount()

    def _mount(self) -> None:
        self.folder.mkdir()
        lines = [f"{k}: {v}" for k, v in self.details.items()]
        text = "\r\n".join(["# DAPLink Firmware", *lines, f"Remount count: {self.remounts}", ""])
        (self.folder / "DETAILS.TXT").write_text(text)
        for name, content in self.other_files.items():
            (self.folder / name).write_text(content)

    def _live(self) -> None:
        """What the adapter has done until now."""
        file = self.folder / IMAGE_FILE
        if self._goes_at is None and file.exists():
            self._goes_at = self.seconds + self.programming_seconds
        if self._goes_at is None or self.seconds < self._goes_at:
            return
        if self.folder.exists():
            self.programmed = None if self.fail else file.read_bytes()
            shutil.rmtree(self.folder)
        if self.seconds >= self._goes_at + self.away_seconds:
            self.remounts += 1
            self._goes_at = None
            if self.fail:
                self.other_files["FAIL.TXT"] = self.fail
            self._mount()

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self._live()

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(
            find=lambda: find_volumes([self.folder]), now=lambda: self.seconds, sleep=self._sleep
        )

    @property
    def volume(self) -> Volume:
        (found,) = find_volumes([self.folder])
        return found

    def copy(self, image: bytes = IMAGE) -> list[str]:
        return [note.code for note in copy(self.volume, image, surroundings=self.surroundings)]


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    return Adapter(tmp_path / "DAPLINK")


def failure(adapter: Adapter) -> Any:
    with pytest.raises(DeviceError) as caught:
        adapter.copy()
    (found,) = caught.value.diagnostics
    assert caught.value.exit_code == 5
    return found


def test_the_adapter_gets_the_image_and_remounts(adapter: Adapter) -> None:
    assert adapter.copy() == []
    assert adapter.programmed == IMAGE
    assert adapter.seconds >= 7.0


def test_a_remount_between_two_looks_is_seen_by_its_count(adapter: Adapter) -> None:
    adapter.away_seconds = 0.0
    assert adapter.copy() == []
    assert adapter.programmed == IMAGE


def test_an_adapter_that_does_not_reset_says_so(tmp_path: Path) -> None:
    adapter = Adapter(tmp_path / "DAPLINK", **{"Auto Reset": "0"})
    assert adapter.copy() == ["MX7460"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "error: The interface firmware FAILED to reset/halt the target MCU\r\ntype: target",
            "core",
        ),
        ("error: Flash algorithm write command FAILURE\r\ntype: target", "erased or written"),
        ("error: The transfer timed out.\r\ntype: user, transient", "late"),
        ("error: The application file format is unknown and cannot be parsed", "file"),
        ("something nobody has seen", ""),
        ("", ""),
    ],
)
def test_the_adapters_complaint_is_read_and_explained(
    adapter: Adapter, text: str, why: str
) -> None:
    adapter.fail = text or "\r\n"
    found = failure(adapter)
    assert found.code == "MX7459"
    assert " ".join(text.split()) in found.what
    assert why in found.why
    assert found.fix


def test_an_old_complaint_does_not_spoil_a_good_copy(adapter: Adapter) -> None:
    (adapter.folder / "FAIL.TXT").write_text("error: an older one")
    assert adapter.copy() == []


def test_an_adapter_that_crashed(adapter: Adapter) -> None:
    adapter.other_files["ASSERT.TXT"] = "Assert\r\nFile: vfs.c\r\nLine: 7\r\n"
    found = failure(adapter)
    assert found.code == "MX7458"
    assert "vfs.c" in found.what


def test_a_drive_that_never_remounts_is_no_success(adapter: Adapter) -> None:
    adapter.programming_seconds = 10_000.0
    assert failure(adapter).code == "MX7456"
    assert REMOUNT_SECONDS <= adapter.seconds < REMOUNT_SECONDS + 2


def test_a_drive_that_never_comes_back_is_no_success(adapter: Adapter) -> None:
    adapter.away_seconds = 10_000.0
    assert failure(adapter).code == "MX7456"


def test_another_adapter_coming_back_does_not_count(adapter: Adapter, tmp_path: Path) -> None:
    adapter.away_seconds = 10_000.0
    other = Adapter(tmp_path / "other", OTHER_ID)
    here = Surroundings(
        find=lambda: find_volumes([adapter.folder, other.folder]),
        now=lambda: adapter.seconds,
        sleep=adapter._sleep,
    )
    with pytest.raises(DeviceError) as caught:
        copy(adapter.volume, IMAGE, surroundings=here)
    assert caught.value.diagnostics[0].code == "MX7456"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_drive(adapter: Adapter) -> None:
    (adapter.folder / IMAGE_FILE).symlink_to("/dev/full")
    found = failure(adapter)
    assert found.code == "MX7455"
    assert not (adapter.folder / IMAGE_FILE).is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="folders are removed while they are open")
def test_a_drive_that_vanishes_before_the_copy(adapter: Adapter) -> None:
    volume = adapter.volume
    shutil.rmtree(adapter.folder)
    with pytest.raises(DeviceError) as caught:
        copy(volume, IMAGE, surroundings=adapter.surroundings)
    (found,) = caught.value.diagnostics
    assert found.code == "MX7456"
    assert "No such file" in found.what


def test_a_copy_that_broke_off_is_no_success_even_after_a_remount(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_stream: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("mxdeploy.link.daplink.os.fsync", broken)
    found = failure(adapter)
    assert found.code == "MX7457"
    assert "Input/output error" in found.what


def test_a_drive_that_takes_no_bytes_is_given_up(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr("mxdeploy.link.daplink.os.fsync", lambda _stream: let_go.wait(30))
    try:
        with pytest.raises(DeviceError) as caught:
            copy(adapter.volume, IMAGE, copy_seconds=0.2, surroundings=adapter.surroundings)
    finally:
        let_go.set()
    assert caught.value.diagnostics[0].code == "MX7461"


# --- the method --------------------------------------------------------------------------------

FEATHER = SerialPort(
    device="/dev/ttyACM0",
    text="",
    serial_number=UNIQUE_ID,
    console_of=("max78000fthr",),
    probe_of=("max78000fthr", "max78000evkit"),
)


def method(*adapters: Adapter) -> DapLinkMethod:
    def find() -> tuple[Volume, ...]:
        return find_volumes([a.folder for a in adapters])

    here = Surroundings(find=find, now=lambda: adapters[0].seconds, sleep=adapters[0]._sleep)
    return DapLinkMethod(lambda: inventory([], find(), []), here)


def test_the_ports_own_adapter_is_taken_of_two(adapter: Adapter, tmp_path: Path) -> None:
    other = Adapter(tmp_path / "other", OTHER_ID)
    said: list[str] = []
    wanted = target(usb=FEATHER, say=said.append)
    both = method(adapter, other)
    assert both.why_not(wanted) == ""
    report = both.program(wanted, FlashImage(path=Path("x"), content=IMAGE), lambda *_: None)
    assert report.method == "daplink"
    assert adapter.programmed == IMAGE
    assert other.programmed is None
    assert str(adapter.folder) in said[0]


@pytest.mark.parametrize(
    ("details", "changes", "told"),
    [
        ({"Daplink Mode": "Bootloader"}, {}, "maintenance"),
        ({"Unique ID": "0421" + UNIQUE_ID[4:]}, {}, "another chip"),
        ({"Unique ID": "0409" + UNIQUE_ID[4:]}, {}, "MAX32630FTHR"),
        ({}, {"probe": "0444ff"}, "not mounted"),
        (
            {},
            {"virtual": RunningBoard(board="max78000fthr", port="p", control="c", pid=1)},
            "virtual board",
        ),
    ],
)
def test_why_it_cannot_be_used(
    tmp_path: Path, details: dict[str, str], changes: dict[str, Any], told: str
) -> None:
    adapter = Adapter(tmp_path / "DAPLINK", **details)
    assert told in method(adapter).why_not(target(**changes))
    with pytest.raises(DeviceError):
        method(adapter).program(
            target(**changes), FlashImage(path=Path("x"), content=IMAGE), lambda *_: None
        )
    assert not (adapter.folder / IMAGE_FILE).exists()


def test_a_user_may_name_an_adapter_of_unknown_kind(tmp_path: Path) -> None:
    unique_id = "0416" + UNIQUE_ID[4:]
    adapter = Adapter(tmp_path / "DAPLINK", unique_id)
    assert "another chip" in method(adapter).why_not(target())
    assert method(adapter).why_not(target(probe=unique_id)) == ""


def test_two_adapters_and_nothing_to_tell_them_apart(adapter: Adapter, tmp_path: Path) -> None:
    other = Adapter(tmp_path / "other", OTHER_ID)
    found: Callable[[FlashTarget], str] = method(adapter, other).why_not
    assert "--probe" in found(target())
