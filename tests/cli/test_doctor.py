"""``mxdeploy doctor``: the list, and the exit status that scripts see."""

from __future__ import annotations

import pytest

from mxdeploy.cli import doctor as command
from mxdeploy.doctor import Area, Check, Verdict
from tests.command import Mxdeploy

GOOD = Check(name="Python", verdict=Verdict.GOOD, what="3.12.1")
ABSENT = Check(name="SDK", verdict=Verdict.ABSENT, what="not there", fix="get it")
BAD_TOOL = Check(name="compiler", verdict=Verdict.BAD, what="none", fix="install one")
BAD_PORT = Check(
    name="port", verdict=Verdict.BAD, what="no permission", fix="join", area=Area.DEVICE
)


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ((GOOD, ABSENT), 0),
        ((GOOD, BAD_PORT), 5),
        ((BAD_TOOL, ABSENT), 4),
        ((BAD_PORT, BAD_TOOL), 4),
    ],
)
def test_exit_status(
    mxdeploy: Mxdeploy, monkeypatch: pytest.MonkeyPatch, checks: tuple[Check, ...], status: int
) -> None:
    monkeypatch.setattr(command, "examine", lambda: checks)
    ran = mxdeploy("doctor")
    assert ran.exit_code == status
    for check in checks:
        assert f"{check.name}: {check.what}" in ran.out
        assert check.fix in ran.out


def test_as_json(mxdeploy: Mxdeploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "examine", lambda: (GOOD, BAD_PORT))
    document = mxdeploy("doctor", "--json").document
    assert document["exit_code"] == 5
    assert document["result"]["checks"][1] == {
        "name": "port",
        "verdict": "bad",
        "what": "no permission",
        "fix": "join",
        "area": "device",
    }
    assert [d["where"] for d in document["diagnostics"]] == ["port"]


def test_this_machine(mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("doctor", "--json")
    assert ran.exit_code in {0, 4, 5}
    names = {check["name"] for check in ran.document["result"]["checks"]}
    assert {"Python", "extra firmware", "C compiler", "OpenOCD", "vendor's SDK"} <= names
