"""Folders of pictures as cameras and programs write them, and what is wrong with some."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mxdeploy.data import balance, read_examples
from mxdeploy.errors import UsageError

RED, BLUE = (200, 10, 20), (15, 25, 210)


def save(path: Path, colour: object, size: tuple[int, int] = (6, 4), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)  # type: ignore[arg-type]
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(3):
        save(tmp_path / "red" / f"{i}.png", RED)
    save(tmp_path / "blue" / "sub" / "0.bmp", BLUE)
    return tmp_path


def codes(problems: object) -> list[str]:
    return [p.code for p in problems]  # type: ignore[attr-defined]


def test_one_folder_per_class(folder: Path) -> None:
    (folder / "red" / ".hidden.png").write_bytes(b"x")
    (folder / "red" / "Thumbs.db").write_bytes(b"x")
    found = read_examples(folder)
    assert found.inputs.dtype == np.uint8
    assert found.shape == (3, 4, 6)
    assert found.classes == ("blue", "red")
    assert found.targets is not None
    assert found.targets.tolist() == [0, 1, 1, 1]
    assert found.names == ("blue/sub/0.bmp", "red/0.png", "red/1.png", "red/2.png")
    assert found.inputs[0, :, 0, 0].tolist() == list(BLUE)
    assert found.inputs[3, :, 3, 5].tolist() == list(RED)
    assert found.problems == ()
    assert balance(found) == {"blue": 1, "red": 3}


def test_numbered_classes_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "2"):
        save(tmp_path / name / "a.png", RED)
    assert read_examples(tmp_path).classes == ("2", "9", "10")


def test_a_size_covers_and_cuts_the_middle(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 255  # the middle third is white
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels).save(tmp_path / "a" / "wide.png")
    save(tmp_path / "b" / "small.png", RED, size=(2, 2))
    found = read_examples(tmp_path, image_size=5, channels=1)
    assert found.shape == (1, 5, 5)
    assert found.inputs[0].min() > 200  # only the middle is left, mixed at its edges
    assert found.inputs[1].std() == 0
    assert read_examples(tmp_path, image_size=(5, 15)).inputs[0, :, :, 0].max() == 0


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    picture = Image.new("RGB", (6, 4))
    picture.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    (tmp_path / "a").mkdir()
    picture.save(tmp_path / "a" / "turned.png", exif=exif)
    found = read_examples(tmp_path)
    assert found.shape == (3, 6, 4)  # rows and columns are exchanged
    assert found.inputs[0, :, 0, 3].tolist() == [255, 255, 255]  # left top went to right top


def test_modes(tmp_path: Path) -> None:
    grey16 = np.full((4, 6), 257 * 100, np.uint16)
    (tmp_path / "m").mkdir()
    Image.fromarray(grey16).save(tmp_path / "m" / "a-grey16.png")
    save(tmp_path / "m" / "b-alpha.png", (0, 0, 0, 0), mode="RGBA")
    half = save(tmp_path / "m" / "c-half.png", (100, 0, 0, 51), mode="RGBA")
    palette = Image.new("P", (6, 4), 1)
    palette.putpalette([0, 0, 0, *BLUE])
    palette.save(tmp_path / "m" / "d-palette.png")
    palette.save(tmp_path / "m" / "e-clear.png", transparency=1)
    save(tmp_path / "m" / "f-bits.png", 1, mode="1")
    save(tmp_path / "m" / "g-cmyk.jpg", (0, 0, 0, 255), mode="CMYK")
    found = read_examples(tmp_path, image_size=(4, 6))
    seen = {
        Path(n).stem[0]: x[:, 1, 1].tolist() for n, x in zip(found.names, found.inputs, strict=True)
    }
    assert seen["a"] == [100] * 3
    assert seen["b"] == [255] * 3  # what is transparent is white
    assert seen["c"] == pytest.approx([0.2 * 100 + 0.8 * 255, 204, 204], abs=1)
    assert seen["d"] == list(BLUE)
    assert seen["e"] == [255] * 3
    assert seen["f"] == [255] * 3
    assert max(seen["g"]) < 5
    assert half.exists()


def test_grey_pictures_have_one_channel(tmp_path: Path) -> None:
    save(tmp_path / "a" / "grey.png", 7, mode="L")
    palette = Image.new("P", (6, 4), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "a" / "palette.png")
    found = read_examples(tmp_path)
    assert found.shape == (1, 4, 6)
    assert found.inputs[:, 0, 0, 0].tolist() == [7, 9]
    assert read_examples(tmp_path, channels=3).shape == (3, 4, 6)


def test_what_is_wrong_is_listed_and_left_out(folder: Path) -> None:
    (folder / "red" / "empty.png").touch()
    (folder / "red" / "text.jpg").write_text("no picture")
    whole = (folder / "red" / "0.png").read_bytes()
    (folder / "red" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "red" / "notes.txt").write_text("about the screws")
    (folder / "red" / "more.txt").write_text("about the screws")
    save(folder / "red" / "other.png", RED, size=(9, 9))
    save(folder / "loose.png", RED)
    (folder / "none").mkdir()
    found = read_examples(folder)
    assert len(found) == 4
    by_code = {p.code: p for p in found.problems}
    assert sorted(codes(found.problems)) == sorted(
        ["MX8341", "MX8342", "MX8346", "MX8344", "MX8344", "MX8344", "MX8322"]
    )
    assert by_code["MX8341"].where.endswith("loose.png")
    assert "9x9" in by_code["MX8346"].what
    assert "1 more" in by_code["MX8342"].what
    assert "none" in by_code["MX8322"].what
    assert {p.severity for p in found.problems} == {"warning"}
    with pytest.raises(UsageError) as raised:
        read_examples(folder, strict=True)
    assert sorted(codes(raised.value.diagnostics)) == sorted(codes(found.problems))
    assert {d.severity for d in raised.value.diagnostics} == {"error"}


def test_a_picture_that_would_fill_the_memory_is_refused(folder: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (folder / "red" / "bomb.png").write_bytes(content)
    found = read_examples(folder, image_size=8, channels=3)
    assert codes(found.problems) == ["MX8345"]
    assert len(found) == 4


def test_programs_are_not_started_for_a_picture(folder: Path) -> None:
    """An EPS file would be handed to Ghostscript."""
    (folder / "red" / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n")
    found = read_examples(folder)
    assert codes(found.problems) == ["MX8344"]


def test_folders_of_a_training_and_a_test_part(tmp_path: Path) -> None:
    for part in ("train", "val", "Test"):
        for name in ("a", "b"):
            save(tmp_path / part / name / f"{part}.png", RED)
    assert read_examples(tmp_path, part="test").names == ("Test/a/Test.png", "Test/b/Test.png")
    train = read_examples(tmp_path, part="train")
    assert train.names == (
        "train/a/train.png",
        "val/a/val.png",
        "train/b/train.png",
        "val/b/val.png",
    )
    assert train.targets is not None
    assert train.targets.tolist() == [0, 0, 1, 1]
    assert len(read_examples(tmp_path)) == 6


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train"):
        save(tmp_path / name / "0.png", RED)
    assert read_examples(tmp_path).classes == ("bus", "train")
    with pytest.raises(UsageError, match="MX8303"):
        read_examples(tmp_path, part="test")


def test_without_class_folders_there_are_no_labels(tmp_path: Path) -> None:
    save(tmp_path / "b.png", RED)
    save(tmp_path / "a.png", BLUE)
    found = read_examples(tmp_path)
    assert found.names == ("a.png", "b.png")
    assert found.targets is None
    assert balance(found) == {}
    assert read_examples(tmp_path / "b.png").inputs[0, :, 0, 0].tolist() == list(RED)


def test_a_limit_takes_of_every_class(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        for i in range(5):
            save(tmp_path / name / f"{i}.png", RED)
    found = read_examples(tmp_path, limit=7)
    assert balance(found) == {"a": 3, "b": 2, "c": 2}
    assert found.names[:3] == ("a/0.png", "a/1.png", "a/2.png")


def test_folders_with_an_underscore_are_no_classes(folder: Path) -> None:
    save(folder / "_background" / "0.png", RED)
    found = read_examples(folder, strict=True)  # a note is no error
    assert found.classes == ("blue", "red")
    assert [(p.code, p.severity) for p in found.problems] == [("MX8340", "note")]


@pytest.mark.parametrize("make", ["nothing", "empty", "text", "broken"])
def test_nothing_usable_is_an_error(tmp_path: Path, make: str) -> None:
    path = tmp_path / "data"
    if make != "nothing":
        (path / "a").mkdir(parents=True)
    if make == "text":
        (path / "a" / "x.txt").write_text("x")
    if make == "broken":
        (path / "a" / "x.png").write_text("x")
    code = {"nothing": "MX8301", "broken": "MX8304"}.get(make, "MX8302")
    with pytest.raises(UsageError) as raised:
        read_examples(path)
    assert codes(raised.value.diagnostics)[-1] == code
    assert all(d.fix for d in raised.value.diagnostics)


def test_one_class_only_is_told(tmp_path: Path) -> None:
    save(tmp_path / "a" / "0.png", RED)
    assert codes(read_examples(tmp_path).problems) == ["MX8323"]


def test_numbers_of_channels_that_pictures_cannot_have(folder: Path) -> None:
    with pytest.raises(UsageError, match="MX8347"):
        read_examples(folder, channels=2)


def test_a_folder_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        read_examples(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")
def test_names_that_are_no_text(folder: Path) -> None:
    odd = Path(os.fsdecode(bytes(folder / "red") + b"/\xff.png"))
    save(odd, RED)
    Path(os.fsdecode(bytes(folder / "red") + b"/\xfe.png")).write_text("x")
    found = read_examples(folder)
    assert found.names[-1] == r"red/\udcff.png"
    assert found.problems[0].where.endswith(r"red/\udcfe.png")
    str(found).encode("utf-8")  # everything can be written


def test_without_a_common_size_nothing_is_left_out_silently(tmp_path: Path) -> None:
    for i in range(5):
        save(tmp_path / "a" / f"{i}.png", RED, size=(4 + i, 6))
    with pytest.raises(UsageError, match=r"MX8348[^$]*5 pictures of 5 sizes[^$]*image_size"):
        read_examples(tmp_path)
    assert len(read_examples(tmp_path, image_size=6)) == 5


def test_a_png_with_a_wrong_sum_is_listed(folder: Path) -> None:
    """Its decoder would give other pixels without a word."""
    file = folder / "red" / "1.png"
    content = bytearray(file.read_bytes())
    at = content.index(b"IDAT")
    length = int.from_bytes(content[at - 4 : at], "big")
    content[at + 4 + length] ^= 1  # in the sum behind the pixels
    file.write_bytes(content)
    found = read_examples(folder)
    assert len(found) == 3
    assert [p.where for p in found.problems if p.code == "MX8344"] == [str(file)]
