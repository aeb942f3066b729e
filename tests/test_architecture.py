"""The house keeps its rules: layers, sizes, imports, error codes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "toolchain" / "mxdeploy"
FILES = sorted(PACKAGE.rglob("*.py"))
OTHERS = sorted(f for folder in ("tests", "examples") for f in (REPOSITORY / folder).rglob("*.py"))
BASE_LAYERS = {"chip", "arith", "ops", "ir"}
HEAVY = {
    "onnx": {"stages/s1_import", "stages/s3_quantize"},
    "onnx_ir": {"stages/s1_import"},
    "onnxscript": {"stages/s1_import"},
    "ortools": {"stages/s4_map"},
    "PIL": {"cli/replay_layer", "data", "stages/s0_train"},
    "soundfile": {"data"},
    "torch": {"stages/s0_train"},
    "ignite": {"stages/s0_train"},  # the training loop: engine, and processes under torchrun
    "matplotlib": {"stages/s0_train"},
    "unicorn": {"emulator/board"},
    "rich": {"cli"},
    "click": {"cli"},
}
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 450
DECLARATIVE = {"chip/max78000/registers.py", "chip/max78000/limits.py"}


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_layers(file: Path) -> None:
    """A stage knows chip, arith, ops, ir and no other stage; the base knows no stage at all."""
    name = name_of(file)
    top = name.split("/")[0]
    for module in imports(file):
        parts = module.split(".")
        if parts[0] != "mxdeploy" or len(parts) == 1:
            continue
        if top in BASE_LAYERS:
            assert parts[1] in BASE_LAYERS | {"errors", "text", "__version__"}, (
                f"{name} imports {module}"
            )
        if top == "stages" and name != "stages/__init__.py" and parts[1] == "stages":
            assert parts[2] == name.split("/")[1], f"{name} imports another stage: {module}"
        if top not in {"cli", "__main__.py"}:
            assert parts[1] != "cli", f"{name} imports the command line"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_heavy_libraries_stay_where_they_belong(file: Path) -> None:
    name = name_of(file)
    for module in imports(file):
        allowed = HEAVY.get(module.split(".")[0])
        assert allowed is None or any(name.startswith(a) for a in allowed), (
            f"{name} imports {module}"
        )


def too_long(file: Path) -> list[str]:
    """Functions that do not fit a screen."""
    return [
        f"{file.relative_to(REPOSITORY)}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION_LINES
    ]


def lines(file: Path) -> int:
    return file.read_text(encoding="utf-8").count("\n")


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_functions_fit_a_screen_and_files_one_subject(file: Path) -> None:
    if name_of(file) not in DECLARATIVE:
        assert lines(file) <= MAX_FILE_LINES, f"{name_of(file)} is too long"
    assert too_long(file) == []


def test_functions_of_tests_and_examples_fit_a_screen() -> None:
    assert [name for file in OTHERS for name in too_long(file)] == []


def test_files_of_tests_and_examples_have_one_subject() -> None:
    assert [file for file in OTHERS if lines(file) > MAX_FILE_LINES] == []


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_only_the_command_line_prints(file: Path) -> None:
    if name_of(file).startswith("cli/"):
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        assert not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
        ), f"{name_of(file)}:{node.lineno} prints"


def test_every_error_code_is_used_for_one_finding() -> None:
    places = Counter(
        code
        for file in FILES
        for code in re.findall(r'"(MX\d{4})"', file.read_text(encoding="utf-8"))
    )
    assert places, "no error codes found"
    assert [code for code, count in places.items() if count > 1] == []


def cpu_seconds_of_children() -> float:
    """Processor time of the child processes that have ended."""
    resource = pytest.importorskip("resource")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(usage.ru_utime + usage.ru_stime)


def test_help_is_fast() -> None:
    """Best of five, in processor time: the machine may be busy with other things."""
    command = [sys.executable, "-m", "mxdeploy", "--help"]
    times = []
    for _ in range(5):
        before = cpu_seconds_of_children()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        times.append(cpu_seconds_of_children() - before)
        assert "build" in done.stdout
    assert min(times) < 0.3
