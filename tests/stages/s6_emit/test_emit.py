"""The generated project: the same bytes each time, safe with any names, and readable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.boards import load_board
from mxdeploy.ir.project import Project
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ArgMax, Sigmoid, Softmax
from mxdeploy.ops.tail import TailOp
from mxdeploy.stages.s6_emit import EmitOptions, emit
from tests.tiny_program import ANSWER, tiny_answer, tiny_network, tiny_program

FTHR = load_board("max78000fthr")


@pytest.fixture(scope="module")
def project() -> Project:
    return emit(tiny_program(), tiny_answer(), FTHR)


def text(project: Project, path: str) -> str:
    return project.content(path).decode("ascii")


@pytest.mark.parametrize(
    "name", ["cnn.h", "cnn.c", "model.h", "model.c", "sample.c", "results.c", "weights.S"]
)
def test_golden_sources(project: Project, golden: Callable[[str, str], None], name: str) -> None:
    program = tiny_program()
    source = text(project, f"src/{name}").replace(program.digest, "<program digest>")
    source = source.replace(program.plan.network.digest, "<network digest>")
    golden(f"emit_tiny_{name}", source)


def test_golden_board(project: Project, golden: Callable[[str, str], None]) -> None:
    golden("emit_fthr_board.h", text(project, "bsp/board.h"))
    evkit = emit(tiny_program(), tiny_answer(), load_board("max78000evkit"))
    golden("emit_evkit_board.h", text(evkit, "bsp/board.h"))


def test_what_is_inside(project: Project) -> None:
    paths = [path for path, _ in project.files]
    assert paths == sorted(paths)
    assert {"Makefile", "README.md", "bsp/link.ld", "src/main.c", "src/weights.bin"} <= set(paths)
    assert not [path for path in paths if path.endswith(".j2")]
    assert (project.name, project.board) == ('ti"ny net', "max78000fthr")


def test_kernels_are_the_stored_words_in_order(project: Project) -> None:
    words = np.frombuffer(project.content("src/weights.bin"), "<u4")
    expected = [i * 0x01010101 for i in (*range(18), *range(9))]
    assert words.tolist() == expected


def test_sample_is_in_the_source(project: Project) -> None:
    source = text(project, "src/sample.c")
    numbers = [
        t
        for t in re.findall(r"INT32_MIN|-?\d+", source.split("expected =")[1].split("crc")[0])
        if t != "0"
    ]
    wanted = ["INT32_MIN" if v == -(2**31) else str(v) for v in ANSWER if v]
    assert [n for n in numbers if n in wanted] == wanted
    first = re.findall(r"-?\d+", source.split("= {")[1].split("}")[0])
    assert [int(v) for v in first] == list(range(-24, 24))


def test_nothing_depends_on_time_place_or_hash_seed(project: Project, repository: Path) -> None:
    code = (
        "from mxdeploy.boards import load_board; from mxdeploy.stages.s6_emit import emit;"
        "from tests.tiny_program import tiny_answer, tiny_program;"
        "print(emit(tiny_program(), tiny_answer(), load_board('max78000fthr')).digest)"
    )
    path = os.pathsep.join((str(repository / "toolchain"), str(repository)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "12345"},
        cwd=repository.parent, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == project.digest
    everything = b"".join(content for _, content in project.files)
    assert str(repository).encode() not in everything


def test_names_of_the_model_stay_names(project: Project) -> None:
    """The layer ``fc */ ??/`` would end a comment; the network's name holds a quote."""
    source = text(project, "src/cnn.c")
    assert "fc * / ? ?/" in source
    assert "fc */" not in source
    header = text(project, "src/cnn.h")
    assert r'#define CNN_NAME "ti\"ny net"' in header
    assert '#define CNN_WIRE_NAME "ti%22ny%20net"' in header
    assert "int32_t output0_logits_0[6];" in header


@pytest.mark.parametrize(
    ("end", "classes", "expected"),
    [
        (Softmax(axis=0), (), "softmax"),
        (ArgMax(axis=0), (), "softmax"),
        (None, ("a", "b"), "softmax"),
        (None, (), "values"),
        (Sigmoid(), ("a",), "sigmoid"),
    ],
)
def test_kind_of_table(end: TailOp | None, classes: tuple[str, ...], expected: str) -> None:
    project = emit(tiny_program(tiny_network(end, classes)), tiny_answer(), FTHR)
    source = text(project, "src/results.c")
    found = "softmax" if "softmax(probabilities" in source else "values"
    found = "sigmoid" if "1.0f / (1.0f + exponential" in source else found
    assert found == expected
    assert ("probability" in source) == (expected != "values")


def test_missing_class_names_are_numbers() -> None:
    project = emit(tiny_program(tiny_network(classes=("a",))), tiny_answer(), FTHR)
    names = re.search(r"names\[ELEMENTS\] = \{(.*?)\}", text(project, "src/results.c"), re.DOTALL)
    assert names
    assert re.findall(r'"(.*?)"', names[1]) == ["a", "1", "2", "3", "4", "5"]


def test_no_label() -> None:
    project = emit(tiny_program(), replace(tiny_answer(), label=None), FTHR)
    assert "SAMPLE_LABEL" not in text(project, "src/sample.h")


def test_a_foreign_answer_is_refused() -> None:
    short = Tensor(np.zeros((3, 4, 3), np.int8))
    with pytest.raises(ValueError, match="sample has shape"):
        emit(tiny_program(), replace(tiny_answer(), input=short), FTHR)
    outputs = (("logits/0", Tensor(np.zeros((5, 1, 1), np.int32))),)
    with pytest.raises(ValueError, match="logits/0 has shape"):
        emit(tiny_program(), replace(tiny_answer(), outputs=outputs), FTHR)


def test_options() -> None:
    options = EmitOptions(start_delay_ms=700, use_boost=True, stack_bytes=4096)
    project = emit(tiny_program(), tiny_answer(), FTHR, options)
    board = text(project, "bsp/board.h")
    assert "#define BOARD_START_DELAY_MS 700u" in board
    assert "#define BOARD_CNN_USE_BOOST 1" in board
    assert ". = . + 4096;" in text(project, "bsp/link.ld")


@pytest.mark.parametrize("wrong", [{"start_delay_ms": 499}, {"stack_bytes": 4088}])
def test_dangerous_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EmitOptions(**wrong)


def test_the_default_wait_lets_a_probe_attach(project: Project) -> None:
    wait = re.search(r"BOARD_START_DELAY_MS (\d+)u", text(project, "bsp/board.h"))
    assert wait
    assert int(wait[1]) >= 2000


def test_the_command_loop_does_not_sleep(project: Project) -> None:
    """Only the wait for the accelerator may sleep: a sleeping core locks the probe out."""
    sleepers = [
        path
        for path, content in project.files
        if path.endswith((".c", ".S")) and b"wait_for_interrupt(" in content
    ]
    assert sleepers == ["src/cnn.c"]


def test_answer_of_another_type() -> None:
    answer = KnownAnswer(input=tiny_answer().input, outputs=(), source="nothing")
    with pytest.raises(KeyError):
        emit(tiny_program(), answer, FTHR)
