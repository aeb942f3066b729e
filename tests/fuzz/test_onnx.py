"""Damaged ONNX files end in success or in findings: no traceback, little time and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.mutant import (
    BASES,
    Bits,
    Cut,
    Double,
    Drop,
    Fill,
    Mutant,
    Number,
    Outside,
    Real,
    Retype,
    Text,
    base,
    tensors,
)
from tests.fuzz.mutants import mutants

if sys.platform != "linux":
    pytest.skip("processes with limits: Linux only", allow_module_level=True)

import resource

from tests.fuzz.sandbox import BadEndError, attempt, watch

EXAMPLES = 120
forked = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def test_damaged_files_are_refused_in_words(repository: Path) -> None:
    """In a process of its own: it forks, which one with threads should not."""
    command = [sys.executable, "-m", "tests.fuzz", "--what", "onnx", "--examples", str(EXAMPLES)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_kinds_of_damage_are_drawn() -> None:
    """So that the search cannot fall silent: all kinds, and most of them still ONNX."""
    kinds: set[type] = set()
    names: set[str] = set()
    readable = 0

    @seed(0)
    @settings(
        max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(mutants())
    def draw(mutant: Mutant) -> None:
        nonlocal readable
        kinds.update(map(type, (*mutant.changes, *mutant.damage)))
        names.add(mutant.base)
        readable += bool(mutant.changes) and mutant.content() != base(mutant.base)

    draw()
    assert kinds == {Drop, Double, Number, Real, Text, Fill, Retype, Outside, Bits, Cut}
    assert names >= set(BASES)
    assert readable > 50


@pytest.mark.parametrize("name", BASES)
def test_undamaged_models_are_whole(name: str) -> None:
    onnx.checker.check_model(onnx.load_from_string(base(name)))


def test_what_damage_does() -> None:
    def changed(*changes: object, name: str = "plain") -> onnx.ModelProto:
        return onnx.load_from_string(Mutant(name, changes=changes).content())  # type: ignore[arg-type]

    plain = onnx.load_from_string(base("plain"))
    weights = [onnx.numpy_helper.to_array(t) for t in tensors(changed(Fill(at=0, kind="nan")))]
    assert np.isnan(weights[0]).all()
    assert not np.isnan(weights[1]).any()
    assert tensors(changed(Retype(at=0, kind=11, convert=True)))[0].data_type == 11
    away = tensors(changed(Outside(at=1, location="x.bin")))[1]
    assert (away.data_location, away.external_data[0].value) == (1, "x.bin")
    assert changed(Number(at=0, value=99)).ir_version == 99
    assert not changed(Drop(at=0)).HasField("ir_version")
    assert len(changed(Double(at=0)).graph.node) == len(plain.graph.node) + 1 or (
        len(changed(Double(at=0)).opset_import) == len(plain.opset_import) + 1
    )
    content = base("plain")
    assert Mutant("plain", damage=(Bits(at=5, mask=255),)).content()[5] == content[5] ^ 255
    assert Mutant("plain", damage=(Cut(at=3, length=4),)).content() == content[:3] + content[7:]
    twice = Mutant("plain", damage=(Cut(at=1, length=2, times=2, instead=b"!"),)).content()
    assert twice == content[:3] + content[1:3] + b"!" + content[3:]


@forked
def test_ends_that_are_good() -> None:
    assert attempt(Mutant("plain")).status == 0
    assert attempt(Mutant("plain", changes=(Fill(at=0, kind="nan"),))).codes == ("MX1030",)
    outcome = attempt(Mutant("plain", changes=(Outside(at=0, location="../secret.bin"),)))
    assert (outcome.status, outcome.codes) == (2, ("MX1007",))


def _kill(_path: Path) -> tuple[int, str]:
    os.kill(os.getpid(), signal.SIGTERM)
    return 0, ""


def _sleep(_path: Path) -> tuple[int, str]:
    time.sleep(60)
    return 0, ""


def _fill_memory(_path: Path) -> tuple[int, str]:
    np.ones(3 << 30, np.int8)
    return 0, ""


def _compute(_path: Path) -> tuple[int, str]:
    resource.setrlimit(resource.RLIMIT_CPU, (1, 10))
    while True:
        pass


def _talk(_path: Path) -> tuple[int, str]:
    return 1, "Traceback: something is wrong"


@forked
@pytest.mark.parametrize(
    ("check", "text"),
    [
        (_kill, f"signal {signal.SIGTERM}"),
        (_compute, f"signal {signal.SIGXCPU}"),
        (_sleep, "still running"),
        (_fill_memory, "MemoryError"),
        (_talk, "something is wrong"),
    ],
)
def test_ends_that_are_bad(
    tmp_path: Path, check: Callable[[Path], tuple[int, str]], text: str
) -> None:
    with pytest.raises(BadEndError, match=text):
        watch(tmp_path, check, patience=1.0 if check is _sleep else 60.0)
