"""The build folder is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mxdeploy import builds
from mxdeploy.errors import UsageError


def codes(error: pytest.ExceptionInfo[UsageError]) -> list[str]:
    return [d.code for d in error.value.diagnostics]


def test_write_creates_folders_and_leaves_no_temporary_names(tmp_path: Path) -> None:
    builds.write_build(tmp_path / "out" / "b", {"a/b.txt": b"1", "c": b"2"})
    assert (tmp_path / "out" / "b" / "a" / "b.txt").read_bytes() == b"1"
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b"]


def test_replacing_removes_files_of_the_old_build(tmp_path: Path) -> None:
    builds.write_build(tmp_path / "b", {builds.BUILD_FILE: b"{}", "old": b""})
    builds.check_target(tmp_path / "b", force=True)
    builds.write_build(tmp_path / "b", {builds.BUILD_FILE: b"{}", "new": b""})
    assert sorted(p.name for p in (tmp_path / "b").iterdir()) == [builds.BUILD_FILE, "new"]


def test_existing_folder_needs_force(tmp_path: Path) -> None:
    builds.write_build(tmp_path / "b", {builds.BUILD_FILE: b"{}"})
    with pytest.raises(UsageError) as raised:
        builds.check_target(tmp_path / "b", force=False)
    assert codes(raised) == ["MX8044"]


def test_force_never_removes_a_folder_that_is_no_build(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UsageError) as raised:
        builds.check_target(tmp_path, force=True)
    assert codes(raised) == ["MX8045"]
    assert (tmp_path / "precious.txt").exists()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("")
    with pytest.raises(UsageError) as raised:
        builds.check_target(tmp_path / "b", force=True)
    assert codes(raised) == ["MX8043"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_unwritable_parent(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError) as raised:
        builds.check_target(tmp_path / "b", force=False)
    tmp_path.chmod(0o700)
    assert codes(raised) == ["MX8046"]


def test_a_full_disk_leaves_the_old_build_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "b"
    builds.write_build(target, {builds.BUILD_FILE: b"{}", "old": b"good"})
    write = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "second":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match="No space left"):
        builds.write_build(target, {builds.BUILD_FILE: b"{}", "first": b"", "second": b""})
    assert (target / "old").read_bytes() == b"good"
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_bytes

    def interrupted(self: Path, data: bytes) -> int:
        if self.name == "second":
            raise KeyboardInterrupt
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        builds.write_build(tmp_path / "b", {"first": b"", "second": b""})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "code"), [(None, "MX8040"), (b"not json", "MX8041"), (b"{}", "MX8041")]
)
def test_opening_what_is_no_build(tmp_path: Path, content: bytes | None, code: str) -> None:
    if content is not None:
        (tmp_path / builds.BUILD_FILE).write_bytes(content)
    with pytest.raises(UsageError) as raised:
        builds.open_build(tmp_path)
    assert codes(raised) == [code]
