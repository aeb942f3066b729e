"""``mxdeploy replay``: recorded programs, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.command import Mxdeploy


@pytest.mark.shared
def test_an_exact_program(mxdeploy: Mxdeploy, shared: Path) -> None:
    ran = mxdeploy("replay", shared / "traces" / "sdk-mnist.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert (result["total"], result["exact"]) == (1, 1)
    assert result["traces"][0]["words_compared"] == 10


@pytest.mark.shared
def test_a_wrong_answer_is_a_mismatch(mxdeploy: Mxdeploy, shared: Path, tmp_path: Path) -> None:
    """One bit of one expected word turned over: status 6, and the place is named."""
    with np.load(shared / "traces" / "d-mnist.npz") as archive:
        arrays = dict(archive)
    arrays["expect_val"] = arrays["expect_val"].copy()
    arrays["expect_val"][3] ^= 1 << 5
    np.savez(tmp_path / "wrong.npz", **arrays)
    ran = mxdeploy("replay", tmp_path / "wrong.npz", "--json")
    assert ran.exit_code == 6
    result = ran.document["result"]
    assert result["mismatch"] == 1
    difference = result["traces"][0]["difference"]
    assert difference["address"] == int(arrays["expect_addr"][3])
    assert difference["expected"] ^ difference["got"] == 1 << 5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"hello"])
def test_not_a_program(mxdeploy: Mxdeploy, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    ran = mxdeploy("replay", tmp_path / "bad.npz", "--json")
    assert ran.exit_code == 2
    assert "bad.npz" in ran.document["diagnostics"][0]["where"]


def test_an_empty_folder(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    ran = mxdeploy("replay", tmp_path, "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8050"])
