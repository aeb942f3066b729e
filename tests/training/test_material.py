"""The examples of a training: test data that lie elsewhere, and what the deployment is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mxdeploy.data import Scale
from mxdeploy.data.summary import summarize
from mxdeploy.data.wish import Wish
from mxdeploy.errors import UsageError
from mxdeploy.options import load_options
from mxdeploy.recipe import DataSection, Recipe, TrainingSection
from mxdeploy.training.export import options_text
from mxdeploy.training.material import read_material


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k, name in enumerate(("learn/bird", "learn/cat", "learn/dog", "judge/dog")):
        (tmp_path / name).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (4, 4), 10 * k + i).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_test_data_elsewhere(folder: Path) -> None:
    """They need no parts of their own, and a class that they lack shifts no numbers."""
    section = DataSection(path="learn", test_path="judge", validation=0.25)
    found = read_material(Recipe(data=section), folder)
    assert found.classes == ("bird", "cat", "dog")
    assert [len(p) for p in (found.parts.train, found.parts.validation, found.parts.test)] == [
        9,
        3,
        4,
    ]
    assert found.parts.test.targets is not None
    assert np.unique(found.parts.test.targets).tolist() == [2]


def test_a_share_for_the_test(folder: Path) -> None:
    section = DataSection(path="learn", validation=0.25, test=0.25)
    found = read_material(Recipe(data=section), folder)
    assert [len(p) for p in (found.parts.train, found.parts.validation, found.parts.test)] == [
        6,
        3,
        3,
    ]


@pytest.mark.parametrize("rate", [None, 16_000])
def test_options_beside_the_model_say_how_data_are_read(tmp_path: Path, rate: int | None) -> None:
    file = tmp_path / "model.toml"
    file.write_bytes(options_text(("yes", 'a "no"'), Scale.CHIP, rate))
    options = load_options(file)
    assert options.classes == ("yes", 'a "no"')
    assert (options.input.scale, options.input.rate) == (Scale.CHIP, rate)


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """Ten pictures to learn from, of which two are among the three to measure with."""
    x = np.arange(10, dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(4, axis=2).repeat(4, axis=3)
    y = np.arange(10) % 2
    test = x[[8, 3, 0]] + np.array([0, 0, 99], np.uint8).reshape(-1, 1, 1, 1)
    np.savez(tmp_path / "both.npz", x_train=x, y_train=y, x_test=test, y_test=y[[8, 3, 0]])
    np.savez(tmp_path / "learn.npz", x=x, y=y)
    np.savez(tmp_path / "judge.npz", x=test, y=y[[8, 3, 0]])
    return tmp_path


@pytest.mark.parametrize(
    "path", [{"path": "both.npz"}, {"path": "learn.npz", "test_path": "judge.npz"}]
)
def test_test_examples_are_not_learned_from(leaking: Path, path: dict[str, str]) -> None:
    section = DataSection(**path, validation=0.25)
    found = read_material(Recipe(data=section), leaking)
    assert [d.code for d in found.findings] == ["MX8373", "MX0015"]
    assert found.findings[0].what == "test examples among the training examples: 2 of 10"
    learned = np.concatenate(
        [p.inputs[:, 0, 0, 0] for p in (found.parts.train, found.parts.validation)]
    )
    assert sorted(learned.tolist()) == [0, 1, 2, 4, 5, 6, 7, 9]
    assert len(found.parts.test) == 3

    kept = read_material(Recipe(data=section.model_copy(update={"leaks": "keep"})), leaking)
    assert [d.code for d in kept.findings] == ["MX0015"]
    assert len(kept.parts.train) + len(kept.parts.validation) == 10
    strict = Recipe(data=section.model_copy(update={"strict": True}))
    with pytest.raises(UsageError, match="MX8373"):
        read_material(strict, leaking)


def test_a_class_that_leaks_as_a_whole(leaking: Path) -> None:
    """Both findings are told: that a class is empty, and why."""
    with np.load(leaking / "learn.npz") as file:
        x, y = file["x"], file["y"]
    np.savez(leaking / "odd.npz", x=x[1::2], y=y[1::2])
    section = DataSection(path="learn.npz", test_path="odd.npz")
    with pytest.raises(UsageError) as caught:
        read_material(Recipe(data=section), leaking)
    assert [d.code for d in caught.value.diagnostics] == ["MX8373", "MX0012"]


def test_a_test_that_measures_everything_that_is_learned(leaking: Path) -> None:
    section = DataSection(path="learn.npz", test_path="learn.npz")
    with pytest.raises(UsageError, match="MX8374"):
        read_material(Recipe(data=section), leaking)


def test_a_named_array_is_not_its_own_test_part(leaking: Path) -> None:
    section = DataSection(path="both.npz:x_train", validation=0.2, test=0.2)
    found = read_material(Recipe(data=section), leaking)
    assert [len(p) for p in (found.parts.train, found.parts.validation, found.parts.test)] == [
        6,
        2,
        2,
    ]
    section = DataSection(path="both.npz:x_train", test_path="both.npz:x_test", validation=0.25)
    assert len(read_material(Recipe(data=section), leaking).parts.test) == 3
    assert list(summarize(leaking / "both.npz:x_train", Wish()).parts) == ["all"]


def test_labels_that_are_damaged_are_no_reason_to_learn_without(tmp_path: Path) -> None:
    x = np.arange(32, dtype=np.uint8).reshape(8, 1, 2, 2)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(7))
    with pytest.raises(UsageError, match=r"MX8315[^$]*training\.loss=mse"):
        read_material(Recipe(data=DataSection(path="d.npz")), tmp_path)
    recipe = Recipe(data=DataSection(path="d.npz"), training=TrainingSection(loss="mse"))
    assert read_material(recipe, tmp_path).task == "reconstruction"


def test_classes_without_examples_are_told_at_once(tmp_path: Path) -> None:
    x = np.arange(32, dtype=np.uint8).reshape(8, 1, 2, 2)
    np.savez(tmp_path / "d.npz", x=x, y=np.array([0, 1] * 3 + [99, 99]))
    with pytest.raises(UsageError, match="97 of 100 classes") as raised:
        read_material(Recipe(data=DataSection(path="d.npz")), tmp_path)
    assert [d.code for d in raised.value.diagnostics] == ["MX0012"]


def test_parts_that_are_too_small_to_judge_by_are_told(folder: Path) -> None:
    section = DataSection(path="learn", validation=0.25, test=0.01)
    (told,) = read_material(Recipe(data=section), folder).findings
    assert told.code == "MX0015"
    assert "3 validation examples and 3 test examples" in told.what
    section = DataSection(path="learn", validation=0, test=0)
    assert read_material(Recipe(data=section), folder).findings == ()
