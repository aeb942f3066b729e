"""The examples of a training: test data that lie elsewhere, and what the deployment is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mxdeploy.data import Scale
from mxdeploy.options import load_options
from mxdeploy.recipe import DataSection, Recipe
from mxdeploy.training.export import options_text
from mxdeploy.training.material import read_material


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("learn/bird", "learn/cat", "learn/dog", "judge/dog"):
        (tmp_path / name).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (4, 4), i).save(tmp_path / name / f"{i}.png")
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
