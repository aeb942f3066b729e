"""The page about the model: up to date, and nothing in it without a judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator import reference
from mxdeploy.emulator.accelerator.capabilities import CAPABILITIES, DOCUMENTED
from mxdeploy.emulator.accelerator.unmodelled import REFUSALS
from mxdeploy.emulator.trace import load_trace


@pytest.fixture(scope="module")
def programs(shared: Path) -> list[reference.Seen]:
    paths = sorted((shared / "traces").glob("*.npz"))
    return [reference.look_at(load_trace(path)) for path in paths]


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    page = repository / "toolchain" / "docs" / "accelerator-model.md"
    return page.read_text(encoding="utf-8")


@pytest.mark.shared
def test_the_page_is_up_to_date(text: str, programs: list[reference.Seen]) -> None:
    assert text == reference.page(programs), "run python -m mxdeploy.emulator.reference --write"


@pytest.mark.shared
def test_each_capability_has_a_strong_judge(programs: list[reference.Seen]) -> None:
    """A program with more than two different words in its answer does it."""
    for item in CAPABILITIES:
        assert any(reference._does(p.run, item) and p.strong for p in programs), item.name


def test_registers_and_fields_exist() -> None:
    """Everything that the page calls a register or field is one of the chip's."""
    known = {"GCFR", "PCLKDIS0", "all"}
    for register in (*reg.BLOCK_REGISTERS, *reg.QUADRANT_REGISTERS, *reg.LAYER_REGISTERS,
                     *reg.STREAM_REGISTERS):  # fmt: skip
        name = register.mnemonic.removeprefix("Ly_").removeprefix("Sz_")
        known |= {name, *(f"{name}.{field}" for field in register.bit_fields())}
    for item in (*CAPABILITIES, *DOCUMENTED):
        assert set(item.registers.split(", ")) <= known, item.name
    names = [item.name for item in (*CAPABILITIES, *DOCUMENTED)]
    assert len(names) == len(set(names))


def test_refusals_are_in_the_page(text: str) -> None:
    for refusal in REFUSALS:
        assert f"`{refusal.register.mnemonic}.{refusal.field}` | {refusal.setting}" in text


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([]) == 2
    assert "TRACES" in capsys.readouterr().err
    assert reference.main([str(tmp_path)]) == 0
    assert "0 programs" in capsys.readouterr().out
