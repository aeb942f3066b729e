"""Finding a compiler, and what is said when there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mxdeploy.boards import load_board
from mxdeploy.errors import ToolError, UsageError
from mxdeploy.stages.s6_emit import emit  # the project under test
from mxdeploy.stages.s7_compile import NoCompilerError, compile_project, compilers, find_compiler
from tests.tiny_program import tiny_answer, tiny_program


@pytest.fixture
def no_gcc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers.shutil, "which", lambda _: None)


@pytest.fixture
def no_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilers.importlib.util, "find_spec", lambda _: None)


def fake_gcc(folder: Path, script: str) -> None:
    program = folder / compilers.GCC
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_gcc_on_the_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gcc(tmp_path, "echo 99.1.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = find_compiler()
    assert found is not None
    assert (found.name, found.version) == ("gcc", "arm-none-eabi-gcc 99.1.0")


def test_a_broken_gcc_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_gcc(tmp_path, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_compiler("gcc") is None


@pytest.mark.usefixtures("no_gcc")
def test_zig_comes_from_the_python_package() -> None:
    pytest.importorskip("ziglang")
    found = find_compiler()
    assert found is not None
    assert found.name == "zig"
    assert find_compiler("gcc") is None


@pytest.mark.usefixtures("no_gcc", "no_zig")
@pytest.mark.parametrize("name", ["auto", "gcc", "zig"])
def test_without_a_compiler_the_extra_is_named(name: str) -> None:
    project = emit(tiny_program(), tiny_answer(), load_board("max78000fthr"))
    with pytest.raises(NoCompilerError) as caught:
        compile_project(project, compiler=name)
    assert isinstance(caught.value, ToolError)
    assert "pip install 'mxdeploy[firmware]'" in str(caught.value)


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match="auto, gcc, zig"):
        find_compiler("armcc")


def test_the_users_include_paths_do_not_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setenv("CPATH", "/somewhere")
    found = find_compiler("zig")
    assert found is not None
    environment = found.environment(tmp_path, tmp_path / "job")
    assert "CPATH" not in environment
    assert environment["ZIG_GLOBAL_CACHE_DIR"] == str(tmp_path / "zig")
