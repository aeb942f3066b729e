"""Where objects are kept, and what happens when that place is bad."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mxdeploy.stages.s7_compile.object_cache import ObjectCache, default_cache, usable_cache


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="custom of Linux")
def test_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "mxdeploy"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache() == Path.home() / ".cache" / "mxdeploy"


def test_put_and_get(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "new")
    assert cache.get("a") is None
    cache.put("a", b"object")
    assert cache.get("a") == b"object"
    cache.put(None, b"nothing")
    assert cache.get(None) is None
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.o"]


def test_the_oldest_objects_go(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path)
    for number in range(514):
        cache.put(str(number), b"x")
        os.utime(tmp_path / f"{number}.o", (number, number))
    cache.prune()
    assert len(list(tmp_path.iterdir())) == 512
    assert cache.get("0") is None
    assert cache.get("1") is None
    assert cache.get("2") == b"x"


def test_a_place_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    assert usable_cache(file, tmp_path / "job") == tmp_path / "job" / ".cache"
    cache = ObjectCache(file / "objects")
    cache.put("a", b"object")
    cache.prune()
    assert cache.get("a") is None


def test_a_good_place_is_made(tmp_path: Path) -> None:
    assert usable_cache(tmp_path / "a" / "b", tmp_path / "job") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
