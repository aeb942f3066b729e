"""Pictures with masks: pairs, values, sizes, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mxdeploy.data import balance, read_examples
from mxdeploy.errors import UsageError


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def half(low: int, high: int, rows: int = 4, columns: int = 6) -> np.ndarray:
    """Left half one value, right half the other."""
    return np.where(np.arange(columns) < columns // 2, low, high) * np.ones((rows, 1), int)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, values in enumerate([(0, 255), (255, 0), (0, 0)]):
        picture = np.stack([half(*values)] * 3, axis=-1)
        save(
            tmp_path / "images" / f"{i}.jpg" if i == 2 else tmp_path / "images" / f"{i}.png",
            picture,
        )
        save(tmp_path / "masks" / f"{i}.png", half(*values))
    return tmp_path


def test_a_class_per_pixel(folder: Path) -> None:
    found = read_examples(folder)
    assert found.kind == "images with masks"
    assert found.inputs.shape == (3, 3, 4, 6)
    assert found.classes == ("0", "255")
    assert found.targets is not None
    assert np.array_equal(found.targets[0], half(0, 1))
    assert np.array_equal(found.targets[1], half(1, 0))
    assert np.array_equal(found.targets[:2] * 255, found.inputs[:2, 0])
    assert balance(found) == {"0": 12 + 12 + 24, "255": 24}
    (folder / "classes.txt").write_text("ground\nscrew\n")
    assert read_examples(folder).classes == ("ground", "screw")
    assert len(read_examples(folder, limit=2)) == 2


def test_masks_are_scaled_as_their_pictures(folder: Path) -> None:
    found = read_examples(folder, image_size=2, channels=1)
    assert found.targets is not None
    assert found.inputs.shape == (3, 1, 2, 2)
    assert found.targets[0].tolist() == [[0, 1], [0, 1]]
    assert (found.inputs[0, 0] > 127).astype(int).tolist() == [[0, 1], [0, 1]]


def test_values_are_those_of_all_parts(tmp_path: Path) -> None:
    for part, values in (("train", (0, 2)), ("test", (2, 7))):
        save(tmp_path / part / "images" / "a.png", half(1, 2))
        save(tmp_path / part / "masks" / "a.png", half(*values))
    test = read_examples(tmp_path, part="test")
    assert test.classes == ("0", "2", "7")
    assert test.targets is not None
    assert np.array_equal(test.targets[0], half(1, 2))


def test_what_is_wrong_is_listed(folder: Path) -> None:
    save(folder / "images" / "lonely.png", half(1, 2))
    for name, mask in (("small", half(0, 0, 2, 2)), ("colour", np.zeros((4, 6, 3)))):
        save(folder / "images" / f"{name}.png", np.zeros((4, 6, 3)))
        save(folder / "masks" / f"{name}.png", mask)
    save(folder / "images" / "broken.png", np.zeros((4, 6, 3)))
    (folder / "masks" / "broken.png").write_text("x")
    found = read_examples(folder)
    assert found.names == ("images/0.png", "images/1.png", "images/2.jpg")
    assert sorted(p.code for p in found.problems) == ["MX8344", "MX8390", "MX8392", "MX8392"]


def test_photographs_are_no_masks(folder: Path) -> None:
    save(folder / "masks" / "0.png", np.arange(4 * 6 * 3).reshape(4, 18)[:, :6] * 3)
    save(folder / "images" / "9.png", np.zeros((8, 10, 3)))
    save(folder / "masks" / "9.png", np.arange(80).reshape(8, 10))
    with pytest.raises(UsageError, match="MX8391"):
        read_examples(folder)
