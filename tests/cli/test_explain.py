"""``mxdeploy explain``."""

from __future__ import annotations

from tests.command import Mxdeploy


def test_a_register_word(mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("explain", "0x50100010", "0x0001001d")
    assert ran.exit_code == 0
    for part in ("Ly_RCNT", "last_row", "29", "pad", "1"):
        assert part in ran.out


def test_as_json(mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("explain", "0x5040802e", "--json")
    assert ran.exit_code == 0
    assert ran.document["status"] == "ok"
    assert ran.document["result"]


def test_not_a_number(mxdeploy: Mxdeploy) -> None:
    ran = mxdeploy("explain", "fifty")
    assert ran.exit_code == 2
    assert "fifty" in ran.err
