"""What a person who watches sees of long work."""

from __future__ import annotations

import sys

import pytest

from mxdeploy.cli.output import Output


def test_a_bar_shows_how_far_long_work_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Output(as_json=False, verbosity=0).trace() as trace:
        with trace.stage("quantize"):
            trace.on_step(2, 5, "noise of narrow weights in [a]" + 100 * "b")
        with trace.stage("map"):
            pass
    shown = capsys.readouterr()
    assert "3 of 5: noise of narrow weights in [a]bbb" in shown.err
    assert 60 * "b" not in shown.err
    assert "map …" in shown.err
    assert shown.out == ""


def test_without_a_watcher_steps_are_told_on_demand(capsys: pytest.CaptureFixture[str]) -> None:
    for verbosity, told in ((0, ""), (1, "quantize\n3 of 5: a\n")):
        with Output(as_json=False, verbosity=verbosity).trace() as trace:
            trace.on_stage("quantize")
            trace.on_step(2, 5, "a")
        assert capsys.readouterr().err == told
