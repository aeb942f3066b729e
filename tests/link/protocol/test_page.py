"""The generated page is complete and fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.link.protocol import description as d
from mxdeploy.link.protocol import page


def test_the_committed_page_is_fresh(repository: Path) -> None:
    committed = repository / "toolchain" / "docs" / "serial-protocol.md"
    assert committed.read_text(encoding="utf-8") == page.page(), (
        "run: python -m mxdeploy.link.protocol.page --write"
    )


def test_every_command_field_and_status_is_in_the_page() -> None:
    text = page.page()
    for command in d.COMMANDS:
        section = text.split(f"### {command.code:#04x} {command.name}\n")[1].split("\n##")[0]
        for item in (*command.request, *command.answer):
            assert f"| `{item.name}` | `{item.kind}` | {item.text} |" in section
    for status, meaning in d.STATUS_TEXTS.items():
        assert f"| {int(status)} | {status.name.lower().replace('_', ' ')} | {meaning} |" in text


def test_the_example_byte_by_byte() -> None:
    """Encoded by hand: 01 03 34 12 EF CD AB 89 26 39 F4 CB 02 holds no zero; then the CRC."""
    assert "00 12 01 03 34 12 ef cd ab 89 26 39 f4 cb 02 " in page.page()


def test_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page, "PAGE", tmp_path / "serial-protocol.md")
    assert page.main(["--write"]) == 0
    assert (tmp_path / "serial-protocol.md").read_text(encoding="utf-8") == page.page()
    assert page.main([]) == 0
    assert capsys.readouterr().out == page.page()
    assert page.main(["--nonsense"]) == 2
