"""``mxdeploy ports``."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.link import ports
from mxdeploy.link.virtual import RunningBoard
from mxdeploy.link.volumes import Volume
from tests.command import Mxdeploy

RUNNING = RunningBoard(
    board="max78000fthr", port="/dev/pts/9", control="socket://localhost:5", pid=7
)
DRIVE = Volume(
    path=Path("/media/MAINTENANCE"), details={"unique id": "0416ab", "daplink mode": "Bootloader"}
)


def plug_in(patch: pytest.MonkeyPatch, found: ports.Inventory) -> None:
    patch.setattr(ports, "look", lambda: found)


def test_nothing_is_plugged_in(mxdeploy: Mxdeploy, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, ports.inventory([], [], []))
    ran = mxdeploy("ports")
    assert ran.exit_code == 0
    assert "nothing is plugged in" in ran.out
    assert "mxdeploy board" in ran.out


def test_boards_and_adapters_have_a_line_each(
    mxdeploy: Mxdeploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in(monkeypatch, ports.inventory([], [DRIVE], [RUNNING]))
    ran = mxdeploy("ports")
    assert ran.exit_code == 0
    assert "/dev/pts/9  virtual max78000fthr" in ran.out
    assert "adapter 0416ab" in ran.out
    assert "MAINTENANCE mode" in ran.out


def test_as_json(mxdeploy: Mxdeploy, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, ports.inventory([], [DRIVE], [RUNNING]))
    result = mxdeploy("ports", "--json").document["result"]
    assert result["virtual_boards"] == [
        {"board": "max78000fthr", "port": "/dev/pts/9", "control": "socket://localhost:5", "pid": 7}
    ]
    assert result["probes"][0]["maintenance"] is True


def test_the_real_machine_can_be_looked_at(mxdeploy: Mxdeploy) -> None:
    document = mxdeploy("ports", "--json").document
    assert document["status"] == "ok"
    assert {"ports", "probes", "virtual_boards"} == set(document["result"])
