"""The generated register reference is complete and fresh."""

from __future__ import annotations

from mxdeploy.chip import reference
from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import peripherals as per
from mxdeploy.chip.max78000 import registers as reg


def test_the_committed_page_is_fresh(repository):
    committed = repository / "toolchain" / "docs" / "registers.md"
    assert committed.read_text(encoding="utf-8") == reference.page(), (
        "run: python -m mxdeploy.chip.reference --write"
    )


def test_every_register_field_and_limit_is_in_the_page():
    page = reference.page()
    accelerator = (
        *reg.QUADRANT_REGISTERS, *reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS,
        *reg.BLOCK_REGISTERS,
    )  # fmt: skip
    for register in accelerator:
        section = page.split(f"### {register.mnemonic}: {register.__name__}\n")[1].split("\n##")[0]
        for name, spec in register.bit_fields().items():
            assert f"| {spec.span} | `{name}` |" in section
    for block in per.BLOCKS:
        for register in block.registers:
            assert f"**{register.mnemonic}**" in page
    for limit in limits.LIMITS:
        assert f"| `{limit.name}` | {limit.value} " in page


def test_tables_are_well_formed():
    width = 0
    for line in reference.page().splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = line.replace("\\|", "").count("|")
        assert width in (0, cells), line
        width = cells


def test_command_line(capsys, tmp_path, monkeypatch):
    assert reference.main([]) == 0
    assert capsys.readouterr().out == reference.page()
    monkeypatch.setattr(reference, "PAGE", tmp_path / "registers.md")
    assert reference.main(["--write"]) == 0
    assert (tmp_path / "registers.md").read_text(encoding="utf-8") == reference.page()
    assert reference.main(["--nonsense"]) == 2
