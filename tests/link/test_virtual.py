"""The registry of running virtual boards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link import virtual

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of POSIX folders")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folder_of(temporary: Path) -> Path:
    return next(temporary.glob("mxdeploy-boards*"))


def gone_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_board_is_known_while_it_runs_and_no_longer(temporary: Path) -> None:
    with virtual.announce(board="max78000fthr", port="/dev/pts/77", control="socket://localhost:9"):
        found = virtual.find("/dev/pts/77")
        assert found is not None
        assert (found.board, found.control) == ("max78000fthr", "socket://localhost:9")
        assert found.pid == os.getpid()
        assert virtual.find("/dev/pts/78") is None
    assert virtual.find("/dev/pts/77") is None
    assert list(folder_of(temporary).iterdir()) == []


def test_nothing_runs_and_no_folder_is_made(temporary: Path) -> None:
    assert virtual.running() == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("announced", "asked", "same"),
    [
        ("socket://localhost:5000", "socket://127.0.0.1:5000", True),
        ("socket://localhost:5000", "socket://[::1]:5000", True),
        ("socket://localhost:5000", "socket://LOCALHOST:5000?logging=debug", True),
        ("socket://localhost:5000", "socket://localhost:5001", False),
        ("socket://localhost:5000", "socket://192.0.2.1:5000", False),
        ("socket://localhost:5000", "rfc2217://localhost:5000", False),
        ("COM3", "COM3", True),
    ],
)
def test_names_of_one_port(announced: str, asked: str, same: bool) -> None:
    with virtual.announce(board="b", port=announced, control="c"):
        assert (virtual.find(asked) is not None) == same


@POSIX
def test_a_link_to_the_port_is_the_port(tmp_path: Path) -> None:
    device, link = tmp_path / "device", tmp_path / "board"
    device.touch()
    link.symlink_to(device)
    with virtual.announce(board="b", port=str(device), control="c"):
        assert virtual.find(str(link)) is not None


def test_two_boards_of_one_process() -> None:
    with (
        virtual.announce(board="b", port="/dev/pts/2", control="c"),
        virtual.announce(board="a", port="/dev/pts/1", control="d"),
    ):
        assert [entry.board for entry in virtual.running()] == ["a", "b"]


def test_what_a_killed_board_left_is_ignored_and_removed(temporary: Path) -> None:
    with virtual.announce(board="b", port="p", control="c") as entry:
        folder = folder_of(temporary)
        pid = gone_pid()
        document = {"schema": virtual.SCHEMA, "board": "x", "port": "q", "control": "", "pid": pid}
        (folder / f"{pid}-0.json").write_text(json.dumps(document))
        (folder / f"{pid}-1.tmp").write_text("{")
        assert virtual.find("q") is None
        assert virtual.running() == [entry]
        assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"schema": "mxdeploy-board/99"}', '{"schema": "mxdeploy-board/1", "pid": 1}',
     '{"schema": "mxdeploy-board/1", "pid": 1, "board": 1, "port": [], "control": ""}'],
)  # fmt: skip
def test_foreign_files_are_left_alone(temporary: Path, text: str) -> None:
    with virtual.announce(board="b", port="p", control="c") as entry:
        foreign = folder_of(temporary) / f"{os.getpid()}-other.json"
        foreign.write_text(text)
        assert virtual.running() == [entry]
        assert foreign.exists()


@POSIX
def test_the_folder_is_private_and_a_shared_one_is_refused(temporary: Path) -> None:
    with virtual.announce(board="b", port="p", control="c"):
        folder = folder_of(temporary)
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(DeviceError, match="other users have access") as caught:
        virtual.running()
    assert caught.value.diagnostics[0].code == "MX7300"


@POSIX
def test_a_link_instead_of_the_folder_is_refused(temporary: Path) -> None:
    (temporary / f"mxdeploy-boards-{os.getuid()}").symlink_to(temporary)
    with (
        pytest.raises(DeviceError, match="not a folder"),
        virtual.announce(board="b", port="p", control="c"),
    ):
        pass
