"""``mxdeploy data``: what is there, how many of each class, what is wrong, a picture of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mxdeploy.data import read_examples
from mxdeploy.data.sheet import contact_sheet
from tests.command import Mxdeploy


def picture(path: Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (level, 0, 0)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "screws"
    for i in range(4):
        picture(top / "train" / "good" / f"{i}.png", i)
    for i in range(2):
        picture(top / "train" / "bad" / f"{i}.png", 10 + i)
    picture(top / "test" / "good" / "0.png", 20)
    (top / "train" / "bad" / "broken.png").write_text("x")
    return top


def test_of_many_classes_the_empty_ones_share_a_line(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    x = np.arange(48, dtype=np.uint8).reshape(12, 1, 2, 2)
    np.savez(tmp_path / "d.npz", x=x, y=np.array([0, 1] * 5 + [99] * 2))
    lines = mxdeploy("data", tmp_path / "d.npz").out.splitlines()
    rows = [line.split()[:2] for line in lines[lines.index(next(filter(_is_head, lines))) + 1 :]]
    assert rows[:4] == [["0", "5"], ["1", "5"], ["99", "2"], ["all", "others"]]
    assert rows[4] == ["1", "problem"]


def _is_head(line: str) -> bool:
    return line.startswith("class ")


def test_counts_and_problems(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("data", folder, "--json")
    assert ran.exit_code == 0
    result = ran.document["result"]
    assert result["kind"] == "images"
    assert (result["shape"], result["type"]) == ([3, 8, 8], "uint8")
    assert [(p["part"], p["per_class"]) for p in result["parts"]] == [
        ("train", {"bad": 2, "good": 4}),
        ("test", {"bad": 0, "good": 1}),
    ]
    assert result["parts"][0]["largest"] == 11
    assert ran.codes == ["MX8344", "MX8322", "MX8323", "MX8375"]
    assert mxdeploy("data", folder, "--strict").exit_code == 2
    assert mxdeploy("data", folder, "--part", "test", "--json").codes == ["MX8322", "MX8323"]


def test_bars_for_people(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("data", folder)
    lines = {line.split()[0]: line for line in ran.out.splitlines() if line}
    assert lines["good"].count("█") == 2 * lines["bad"].count("█") == 40
    assert "3 problems" in ran.out
    assert "broken.png" in ran.err


def test_of_many_like_problems_the_first_are_named(mxdeploy: Mxdeploy, folder: Path) -> None:
    for i in range(300):
        (folder / "train" / "bad" / f"x{i:03}.png").write_text("x")
    (folder / "train" / "bad" / "y.png").write_text("")
    ran = mxdeploy("data", folder)
    told = [line for line in ran.err.splitlines() if line.startswith("warning[MX8344]")]
    assert len(told) == 6
    named = [Path(line.split(": ")[0].split()[-1]).name for line in told[:5]]
    assert named == ["broken.png", "x000.png", "x001.png", "x002.png", "y.png"]  # y is empty
    assert told[5] == "warning[MX8344] and 297 more like this (-v shows all)"
    assert "304 problems" in ran.out.splitlines()  # these, a small class, and one without tests
    assert mxdeploy("data", folder, "-v").err.count("warning[MX8344]") == 302
    assert mxdeploy("data", folder, "--json").codes.count("MX8344") == 302
    strict = mxdeploy("data", folder, "--strict")
    assert strict.exit_code == 2
    assert "error[MX8344] and 297 more like this (-v shows all)" in strict.err.splitlines()


def test_copies_wrong_labels_and_leaks(mxdeploy: Mxdeploy, folder: Path) -> None:
    picture(folder / "train" / "good" / "copy.png", 0)
    picture(folder / "train" / "bad" / "contrary.png", 1)
    picture(folder / "test" / "good" / "leak.png", 2)
    ran = mxdeploy("data", folder, "--json")
    found = {d["code"]: d["what"] for d in ran.document["diagnostics"]}
    assert "train/good/copy.png = train/good/0.png" in found["MX8370"]
    assert "train/good/1.png = train/bad/contrary.png" in found["MX8371"]
    assert "test/good/leak.png = train/good/2.png" in found["MX8372"]


def test_sheets(mxdeploy: Mxdeploy, folder: Path, tmp_path: Path) -> None:
    assert mxdeploy("data", folder, "-o", tmp_path / "s.png").exit_code == 0
    with Image.open(tmp_path / "s-train.png") as image:
        sheet = np.asarray(image)
    red = {tuple(c) for c in sheet.reshape(-1, 3).tolist() if c[1] == c[2] == 0}
    assert red == {(level, 0, 0) for level in (0, 1, 2, 3, 10, 11)}  # all six, as they are
    assert (tmp_path / "s-test.png").is_file()
    assert mxdeploy("data", folder, "--part", "test", "-o", folder, "--json").exit_code == 2


@pytest.mark.parametrize(
    "x",
    [
        np.arange(64, dtype=np.uint8).reshape(1, 1, 8, 8),
        np.linspace(-1, 1, 192, dtype=np.float32).reshape(1, 3, 8, 8),
        np.zeros((1, 128, 100), np.int8),
        np.zeros((1, 1, 5), np.int8),
        np.zeros((25, 7), np.float32),
    ],
)
def test_sheets_of_anything(tmp_path: Path, x: np.ndarray) -> None:
    np.savez(tmp_path / "d.npz", x=x)
    content = contact_sheet(read_examples(tmp_path / "d.npz"))
    with Image.open(io.BytesIO(content)) as image:
        assert image.width == 804
        assert image.height == (3 if len(x) == 25 else 1) * 68 + 4


def test_recordings(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    for name in ("yes", "no"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "0.wav", np.sin(np.arange(800.0)), 8000)
    options = ("--rate", "4000", "--samples", "512", "--channels", "4")
    result = mxdeploy("data", tmp_path, *options, "--json").document["result"]
    assert result["shape"] == [4, 128]
    assert result["kind"] == "recordings at 4,000 samples per second"


@pytest.mark.parametrize(("size", "shape"), [("4", [3, 4, 4]), ("4x6", [3, 4, 6]), ("x", None)])
def test_sizes(mxdeploy: Mxdeploy, folder: Path, size: str, shape: list[int] | None) -> None:
    command = ("data", folder, "--image-size", size, "--json")
    if shape is None:
        assert mxdeploy(*command).exit_code == 2
    else:
        assert mxdeploy(*command).document["result"]["shape"] == shape


def test_a_set_that_cannot_be_fetched(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    options = ("--download", "cifar10", "--from", "file:///nowhere", "--json")
    ran = mxdeploy("data", tmp_path / "cifar", *options)
    assert (ran.exit_code, ran.codes) == (2, ["MX8380"])
