"""The generated project inside the vendor's SDK (which is not part of this project)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mxdeploy.boards import board_names, load_board
from mxdeploy.ir.project import Project
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.msdk import SDK_VARIABLE, find_msdk
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import emit  # the project under test
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests.builders import build, conv, inputs_for, linear

BOARDS = [load_board(name) for name in board_names()]


@pytest.fixture(scope="module")
def project() -> Project:
    """A small network for the Feather board, whichever board the SDK builds it for."""
    network = build((3, 8, 8), [conv(6, bias=True), linear(5, flatten=True)])
    program, x = lower(map_network(network)), inputs_for(network)
    outputs = AcceleratorMachine(program).run(x).outputs
    answer = KnownAnswer(input=Tensor(x), outputs=outputs, source="random numbers")
    return emit(program, answer, load_board("max78000fthr"))


def write(project: Project, folder: Path) -> Path:
    for name, content in project.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("NOT TESTED: make is not installed")
    kept = {k: v for k, v in os.environ.items() if k not in {SDK_VARIABLE, "BOARD"}}
    command = ["make", "-j2", *arguments]
    return subprocess.run(
        command, cwd=folder, env=kept, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def sdk() -> Path:
    """The folder of the SDK."""
    found = find_msdk()
    if found is None or found.problem:
        reason = f"{SDK_VARIABLE} is not set" if found is None else found.problem
        pytest.skip(f"NOT TESTED inside the vendor's SDK: {reason}")
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("NOT TESTED inside the vendor's SDK: arm-none-eabi-gcc is not installed")
    return found.path


@pytest.mark.slow
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.msdk)
def test_it_builds_in_the_sdk_and_passes_on_the_virtual_board(
    project: Project, sdk: Path, tmp_path: Path, board
) -> None:
    board_module = pytest.importorskip("mxdeploy.emulator.board")
    pytest.importorskip("unicorn")
    done = make(write(project, tmp_path), f"BOARD={board.msdk}", f"{SDK_VARIABLE}={sdk}")
    assert done.returncode == 0, done.stderr[-2000:]
    elf = (tmp_path / "build" / board.msdk / "firmware.elf").read_bytes()
    assert b"MXC_UART_Init" in elf  # it has the SDK's drivers in it
    virtual = board_module.VirtualBoard(board.name, elf)
    virtual.run(until=b"@result")
    virtual.run()
    text = virtual.uart_output.decode()
    assert "@result PASS" in text
    assert text.count(f" {board.name}\r\n") == 1  # the hello names the board it was made for
    assert [d.to_text() for d in virtual.diagnostics] == []


def test_every_board_has_its_facts_in_the_project(project: Project) -> None:
    for board in BOARDS:
        header = project.content(f"msdk/{board.msdk}/board.h").decode()
        assert board.title in header
    own = load_board("max78000fthr")
    assert project.content(f"msdk/{own.msdk}/board.h") == project.content("bsp/board.h")


def test_without_an_sdk_make_says_what_to_set(project: Project, tmp_path: Path) -> None:
    done = make(write(project, tmp_path), "BOARD=FTHR_RevA")
    assert done.returncode != 0
    assert f"set {SDK_VARIABLE} to the folder" in done.stderr
    wrong = make(tmp_path, "BOARD=FTHR_RevA", f"{SDK_VARIABLE}={tmp_path}")
    assert wrong.returncode != 0
    assert "the SDK has no" in wrong.stderr


def test_a_board_that_the_project_does_not_know(project: Project, tmp_path: Path) -> None:
    folder = write(project, tmp_path / "project")
    rules = tmp_path / "sdk/Libraries/Boards/MAX78000/Other/board.mk"
    rules.parent.mkdir(parents=True)
    rules.touch()
    done = make(folder, "BOARD=Other", f"{SDK_VARIABLE}={tmp_path / 'sdk'}")
    assert done.returncode != 0
    assert "EvKit_V1" in done.stderr
    assert "not Other" in done.stderr
