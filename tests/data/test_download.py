"""Fetching published sets, from a folder that stands for the publisher: never the network."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mxdeploy.data import download as module
from mxdeploy.errors import UsageError

CONTENT = {"a.gz": b"first", "b.gz": b"second"}


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "publisher"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    sums = {n: hashlib.md5(c, usedforsecurity=False).hexdigest() for n, c in CONTENT.items()}
    monkeypatch.setitem(module.SETS, "mnist", (folder.as_uri(), sums))
    return folder.as_uri()


def fetch(target: Path, **options: str) -> list[int]:
    steps: list[int] = []
    paths = module.download("mnist", target, advance=steps.append, **options)
    assert [p.name for p in paths] == list(CONTENT)
    return steps


@pytest.mark.usefixtures("publisher")
def test_all_files_arrive_whole(tmp_path: Path) -> None:
    assert fetch(tmp_path / "new" / "mnist") == [1, 1]
    assert {p.name: p.read_bytes() for p in (tmp_path / "new" / "mnist").iterdir()} == CONTENT


def test_what_is_there_is_not_fetched_again(tmp_path: Path, publisher: str) -> None:
    fetch(tmp_path / "t", base=publisher)
    fetch(tmp_path / "t", base="file:///nowhere")
    (tmp_path / "t" / "b.gz").write_bytes(b"changed")
    with pytest.raises(UsageError, match="MX8380"):
        fetch(tmp_path / "t", base="file:///nowhere")


def test_another_sum_keeps_nothing(tmp_path: Path, publisher: str) -> None:
    (tmp_path / "publisher" / "b.gz").write_bytes(b"other")
    with pytest.raises(UsageError, match="MX8381"):
        fetch(tmp_path / "t", base=publisher)
    assert [p.name for p in (tmp_path / "t").iterdir()] == ["a.gz"]


@pytest.mark.parametrize("base", ["no address", "http://127.0.0.1:9/", "file:///nowhere"])
@pytest.mark.usefixtures("publisher")
def test_a_network_that_fails_is_told(tmp_path: Path, base: str) -> None:
    with pytest.raises(UsageError, match="MX8380") as raised:
        fetch(tmp_path / "t", base=base)
    assert "another machine" in raised.value.diagnostics[0].fix
    assert list((tmp_path / "t").iterdir()) == []
