"""``mxdeploy explain``."""

from __future__ import annotations

import subprocess
import sys

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


def test_a_reader_that_has_seen_enough_is_no_defect() -> None:
    """The pipe is closed before anything is written, as ``| head`` does early."""
    program = (
        "import sys, time; time.sleep(0.3); sys.argv = ['mxdeploy', 'explain', '0x50100010'];"
        "from mxdeploy.cli.main import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert "defect" not in err
