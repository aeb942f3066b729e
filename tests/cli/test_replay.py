"""``mxdeploy replay``: recorded programs, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.command import Mxdeploy
from tests.emulator.test_replay import OUTPUT, small_program


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


def test_a_damaged_file_does_not_hide_the_others(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    """In processes of their own: every file has its result; a wrong answer still decides."""
    (tmp_path / "bad.npz").write_bytes(b"PK")
    recorder = small_program()
    recorder.start()
    recorder.save(tmp_path / "good.npz", {OUTPUT: 42})
    ran = mxdeploy("replay", tmp_path, "--jobs", "2", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8209"])
    result = ran.document["result"]
    assert (result["exact"], result["unreadable"]) == (1, 1)
    recorder.save(tmp_path / "wrong.npz", {OUTPUT: 43})
    assert mxdeploy("replay", tmp_path, "--jobs", "2").exit_code == 6


def test_an_empty_folder(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    ran = mxdeploy("replay", tmp_path, "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8050"])


@pytest.mark.shared
def test_describe(mxdeploy: Mxdeploy, shared: Path) -> None:
    ran = mxdeploy("replay", "--describe", shared / "traces" / "t-upsample.npz")
    assert ran.exit_code == 0
    assert ran.out.startswith("t-upsample: 1 layer on quadrant 0; input in data memory; 493 cycles")
    assert "  spreads   each pixel to 2x2 with zeros, to 8x8\n" in ran.out
    document = mxdeploy("replay", "--describe", shared / "traces" / "t-upsample.npz", "--json")
    (program,) = document.document["result"]["programs"]
    assert program["layers"][0]["cycles"] == 492


@pytest.mark.shared
def test_a_dumped_layer_is_the_recorded_one(
    mxdeploy: Mxdeploy, shared: Path, tmp_path: Path
) -> None:
    path = shared / "traces" / "t-upsample.npz"
    with np.load(path) as archive:
        recorded = archive["layer_0"]
    ran = mxdeploy("replay", "--layer", "0", path, "--json")
    assert ran.document["result"]["data"] == recorded.tolist()
    assert ran.document["result"]["equals_record"] is True
    text = mxdeploy("replay", "--layer", "0", path).out
    assert "4 output slots of 8x8, int8" in text
    shown = [int(word) for word in text.split("[0]")[1].split()[:8]]
    assert shown == recorded[0, 0].tolist()
    assert mxdeploy("replay", "--layer", "0", path, "-o", tmp_path / "a.npy").exit_code == 0
    assert np.array_equal(np.load(tmp_path / "a.npy"), recorded)


@pytest.mark.shared
def test_a_dumped_layer_as_a_picture(mxdeploy: Mxdeploy, shared: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    path = shared / "traces" / "t-upsample.npz"
    ran = mxdeploy("replay", "--layer", "0", path, "-o", tmp_path / "a.png")
    assert ran.exit_code == 0, ran.err
    with np.load(path) as archive:
        corner = int(archive["layer_0"][0, 0, 0])
    with image.open(tmp_path / "a.png") as picture:
        assert picture.getpixel((0, 0)) == corner + 128
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--layer", "7"), "MX8059"),
        (("--layer", "0", "-o", "a.txt"), "MX8059"),
        (("--layer", "0", "-o", "no/such/folder/a.npy"), "MX8059"),
        (("-o", "a.npy"), "MX8058"),
    ],
)
def test_wrong_dumps(mxdeploy: Mxdeploy, shared: Path, options: tuple[str, ...], code: str) -> None:
    ran = mxdeploy("replay", shared / "traces" / "t-upsample.npz", *options, "--json")
    assert (ran.exit_code, ran.codes) == (2, [code])


@pytest.mark.shared
def test_warnings_are_errors_when_strict(mxdeploy: Mxdeploy, shared: Path) -> None:
    doubtful = shared / "traces" / "r-077-cifar-s0.npz"
    plain = mxdeploy("replay", doubtful, "--json")
    assert plain.exit_code == 0
    (warning,) = plain.document["result"]["traces"][0]["warnings"]
    assert warning["what"].startswith("never-written: reads 12 kernel words")
    strict = mxdeploy("replay", "--strict", doubtful, "--json")
    assert (strict.exit_code, strict.codes) == (3, ["MX7010"])
    assert mxdeploy("replay", "--strict", shared / "traces" / "d-mnist.npz").exit_code == 0


@pytest.mark.shared
def test_weak_answers_are_counted_apart(mxdeploy: Mxdeploy, shared: Path) -> None:
    """One program whose expected words are all equal, one with many values."""
    paths = [shared / "traces" / f"{name}.npz" for name in ("d-kinetics", "d-cifar-10")]
    result = mxdeploy("replay", *paths, "--json").document["result"]
    assert (result["exact"], result["exact_weak"]) == (2, 1)
    assert [trace["weak"] for trace in result["traces"]] == [True, False]
    assert "exact but weak: 1 program" in mxdeploy("replay", *paths).out


@pytest.mark.shared
def test_the_first_differing_layer_is_named(
    mxdeploy: Mxdeploy, shared: Path, tmp_path: Path
) -> None:
    """A changed answer and a changed record of layer 2: both are reported."""
    with np.load(shared / "traces" / "d-mnist.npz") as archive:
        arrays = dict(archive)
    arrays["expect_val"] = arrays["expect_val"] ^ 1
    arrays["layer_2"] = arrays["layer_2"].copy()
    arrays["layer_2"][5, 3, 1] ^= 64
    np.savez(tmp_path / "wrong.npz", **arrays)
    ran = mxdeploy("replay", tmp_path / "wrong.npz", "--json")
    text = ran.document["result"]["traces"][0]["text"]
    assert ran.exit_code == 6
    assert "first differing layer 2, channel 5, row 3, column 1" in text


def test_lenient(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    recorder = small_program()
    recorder.write(0x50100A90, 1)  # nothing lies there
    recorder.start()
    path = recorder.save(tmp_path / "a.npz", {OUTPUT: 42})
    assert mxdeploy("replay", path).exit_code == 3
    assert mxdeploy("replay", "--lenient", path).exit_code == 0
