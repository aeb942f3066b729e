"""Pictures and recordings for a model that exists: its size, and the numbers of its classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mxdeploy.data import (
    DataSet,
    Layout,
    ModelInput,
    Scale,
    load_data,
    load_input,
    numbered,
    parse_reference,
    read_examples,
)
from mxdeploy.errors import UsageError
from tests.cifar10_files import jpeg_npz, pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Classes in the order of their names: cat (grey 51), dog (102)."""
    for name, level in (("dog", 102), ("cat", 51)):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.new("RGB", (9, 6), (level, level, 0)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def load(path: Path, shape: tuple[int, ...], **options: object) -> DataSet:
    options = {"default_key": "x_test", "classes": (), **options}
    model = ModelInput(shape=shape, layout=options.pop("own", Layout.NCHW))  # type: ignore[arg-type]
    return load_data(parse_reference(str(path)), model, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (("cat", "dog"), [0, 0, 0, 1, 1, 1]),
        (("dog", "bird", "cat"), [2, 2, 2, 0, 0, 0]),
        ((), [0, 0, 0, 1, 1, 1]),
        (None, None),
    ],
)
def test_labels_are_numbers_of_the_models_classes(
    folder: Path, classes: tuple[str, ...] | None, expected: list[int] | None
) -> None:
    found = load(folder, (3, 4, 4), classes=classes, scale=Scale.UNIT)
    assert found.x.shape == (6, 3, 4, 4)
    assert found.x[[0, -1], 0, 0, 0] == pytest.approx([0.2, 0.4])
    if classes is not None:
        assert found.labels is not None
        assert found.labels.tolist() == expected
    # Where nothing names the outputs, the order is told.
    notes = [p.what for p in found.problems]
    assert notes == (["classes are numbered by name: 0 = cat, 1 = dog"] if classes == () else [])


def test_folders_that_are_no_classes_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="dog") as raised:
        load(folder, (3, 4, 4), classes=("cat", "bird"))
    assert raised.value.diagnostics[0].code == "MX8361"
    assert len(load(folder, (3, 4, 4), classes=None, default_key="x_train")) == 6


def test_folders_called_by_number(tmp_path: Path) -> None:
    for name in ("3", "10"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4), int(name)).save(tmp_path / name / "0.png")
    found = load(tmp_path, (1, 4, 4), classes=tuple("abcdefghijk"))
    assert found.labels is not None
    assert found.labels.tolist() == [3, 10]
    assert found.x[:, 0, 0, 0].tolist() == [3, 10]


def test_a_model_that_takes_channels_last(folder: Path) -> None:
    found = load(folder, (4, 5, 3), own=Layout.NHWC)
    assert found.x.shape == (6, 4, 5, 3)
    assert found.x[0, 0, 0].tolist() == [51, 51, 0]


def test_scale_applies_to_pixels(folder: Path) -> None:
    found = load(folder, (1, 4, 4), default_scale=Scale.CHIP)
    grey = np.round(51 * (0.299 + 0.587))  # ITU-R 601 luma of (51, 51, 0)
    assert found.x[0, 0, 0, 0] == np.round((grey / 255 - 0.5) * 256) / 128
    assert found.scale is Scale.CHIP


def test_parts_follow_the_purpose(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    top = tmp_path_factory.mktemp("parts")
    (top / "test").symlink_to(folder)
    (top / "train" / "cat").mkdir(parents=True)
    Image.new("L", (4, 4)).save(top / "train" / "cat" / "only.png")
    assert len(load(top, (3, 4, 4))) == 6
    assert len(load(top, (3, 4, 4), default_key="x_train", classes=None)) == 1
    assert len(load(folder, (3, 4, 4), limit=3)) == 3


def test_one_picture_as_input(folder: Path) -> None:
    x = load_input(folder / "dog" / "0.png", ModelInput(shape=(3, 6, 9)))
    assert x.shape == (1, 3, 6, 9)
    assert x[0, :, 0, 0].tolist() == [102, 102, 0]


def test_recordings_are_folded_as_the_model_takes_them(tmp_path: Path) -> None:
    (tmp_path / "yes").mkdir()
    soundfile.write(tmp_path / "yes" / "a.wav", np.arange(12) / 128, 8000, subtype="FLOAT")
    found = load(tmp_path, (4, 5), rate=8000, classes=("no", "yes"), scale=Scale.CHIP)
    assert found.labels is not None
    assert found.labels.tolist() == [1]
    steps = np.array([found.x[0, i % 4, i // 4] for i in range(20)]) * 128
    assert steps.tolist() == [*range(12), *[0] * 8]


def test_a_published_set_keeps_its_numbers(tmp_path: Path) -> None:
    decoded = jpeg_npz(tmp_path / "all.npz", pictures(3, 0), [3, 5, 8], 2)
    found = load(tmp_path / "all.npz", (3, 32, 32))
    assert found.labels is not None
    assert found.labels.tolist() == [8]
    assert np.array_equal(found.x[0], decoded[2].transpose(2, 0, 1))
    assert found.problems == ()
    numbers = tuple(f"class {i}" for i in range(10))
    assert load(tmp_path / "all.npz", (3, 32, 32), classes=numbers).labels is not None


def test_each_of_many_problems_is_there(folder: Path) -> None:
    names = [f"bad{i:02}.png" for i in range(15)]
    for name in names:
        (folder / "cat" / name).write_text("x")
    found = load(folder, (3, 4, 4), classes=("cat", "dog"))
    assert [p.code for p in found.problems] == ["MX8344"] * 15
    assert [Path(p.where).name for p in found.problems] == names


def test_pictures_for_a_model_of_lines(folder: Path) -> None:
    with pytest.raises(UsageError, match="MX8347"):
        load(folder, (128, 128))
    with pytest.raises(UsageError, match="MX8362"):
        load(folder, (3, 128))


def test_test_data_elsewhere_get_the_numbers_of_the_training_data(folder: Path) -> None:
    """A folder that lacks a class must not shift the numbers of the others."""
    (folder / "bird").mkdir()
    Image.new("L", (4, 4)).save(folder / "bird" / "0.png")
    train = read_examples(folder, image_size=4)
    (folder / "bird" / "0.png").unlink()
    (folder / "bird").rmdir()
    test = read_examples(folder, image_size=4)
    assert (train.classes, test.classes) == (("bird", "cat", "dog"), ("cat", "dog"))
    moved = numbered(test, train.classes)
    assert moved.targets is not None
    assert moved.targets.tolist() == [1, 1, 1, 2, 2, 2]
    assert moved.classes == train.classes
    with pytest.raises(UsageError, match="bird"):
        numbered(train, test.classes)


def test_numbers_are_those_of_all_parts(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "test/b"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / place / "0.png")
    test = read_examples(tmp_path, part="test")
    assert test.classes == ("a", "b")
    assert test.targets is not None
    assert test.targets.tolist() == [1]


def test_names_come_before_numbers(tmp_path: Path) -> None:
    """A model trained on folders 1, 2 and 10 has these names; a folder less shifts nothing."""
    for name in ("1", "10"):
        (tmp_path / name).mkdir()
        Image.new("L", (4, 4)).save(tmp_path / name / "0.png")
    found = load(tmp_path, (1, 4, 4), classes=("1", "2", "10"))
    assert found.labels is not None
    assert found.labels.tolist() == [0, 2]
    found = load(tmp_path, (1, 4, 4), classes=())
    assert found.labels is not None
    assert found.labels.tolist() == [1, 10]
