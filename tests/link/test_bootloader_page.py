"""The page about the bootloader is complete and fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.chip.max78000.bootloader import COMMANDS, PROMPTS
from mxdeploy.chip.max78000.bootloader_assumptions import QUESTIONS
from mxdeploy.link import bootloader_page


def test_the_committed_page_is_fresh(repository: Path) -> None:
    committed = repository / "toolchain" / "docs" / "bootloader.md"
    assert committed.read_text(encoding="utf-8") == bootloader_page.page(), (
        "run: python -m mxdeploy.link.bootloader_page --write"
    )


def test_it_names_every_command_prompt_and_question() -> None:
    page = bootloader_page.page()
    rows = [line for line in page.splitlines() if line.startswith("|")]
    for command in COMMANDS:
        assert any(row.startswith(f"| `{command.verb}") for row in rows), command.verb
    for prompt in PROMPTS.values():
        assert f"`{prompt.decode()}`" in page
    for question in QUESTIONS:
        row = next(row for row in rows if row.startswith(f"| `{question.name}`"))
        assert f"**{question.default}**" in row
        assert all(str(choice) in row for choice in question.choices)
        assert row.count("**") == 2


def test_it_is_written_to_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootloader_page.main([]) == 0
    assert capsys.readouterr().out == bootloader_page.page()
    monkeypatch.setattr(bootloader_page, "PAGE", tmp_path / "page.md")
    assert bootloader_page.main(["--write"]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == bootloader_page.page()
