"""Recipes: defaults, changes from the command line, and every fault at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mxdeploy.data import Scale
from mxdeploy.errors import UsageError
from mxdeploy.recipe import AUGMENTATIONS, DEFAULT_RATES, OptimizerSection, Recipe, load_recipe

DOCUMENTATION = Path(__file__).resolve().parent.parent / "toolchain" / "docs" / "training.md"


def test_everything_has_a_default() -> None:
    recipe = load_recipe(None)
    assert recipe == Recipe()
    assert recipe.data.scale is Scale.CHIP
    assert recipe.optimizer.used_rate == DEFAULT_RATES[recipe.optimizer.name]


def test_changes_come_after_the_file(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text(
        '[network]\nname = "cifar_cnn"\n[training]\nepochs = 3\nbatch = 8\n'
        '[data]\naugment = ["mirror", "shift=2"]\nnormalize = true\n'
    )
    recipe = load_recipe(
        file,
        [
            "training.epochs=5",
            "optimizer.name=sgd",
            "network.options.width=12",
            "data.normalize=false",
            "training.class_weights=[1, 2.5]",
        ],
    )
    assert (recipe.training.epochs, recipe.training.batch) == (5, 8)
    assert recipe.optimizer.name == "sgd"
    assert recipe.network.options == {"width": 12}
    assert recipe.data.normalize == "none"
    assert recipe.data.strengths == {"mirror": 0.5, "shift": 2.0}
    assert recipe.training.class_weights == (1, 2.5)
    again = load_recipe(recipe, ["data.augment=rotate,noise=0.5", "training.epochs=6"])
    assert again.training.epochs == 6
    assert list(again.data.strengths.items()) == [("rotate", 10.0), ("noise", 0.5)]


def test_a_recipe_in_json_comes_back() -> None:
    recipe = load_recipe(None, ["data.image_size=[32, 24]", "quantize.layers.conv1=4"])
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("training.epochs=0", "training.epochs"),
        ("training.loss=best", "training.loss"),
        ("data.augment=blur", "data.augment"),
        ("data.augment=noise=-1", "data.augment"),
        ("data.augment=noise=x", "data.augment"),
        ("data.validation=1", "data.validation"),
        ("optimizer.name=lion", "optimizer.name"),
        ("optimizer.name=adam optimizer.momentum=0.5", "optimizer"),
        ("optimizer.name=nesterov optimizer.momentum=0", "optimizer"),
        ("optimizer.name=adam optimizer.nesterov=true", "optimizer"),
        ("network.name=a network.file=b:C", "network"),
        ("paint.colour='red'", "paint"),
    ],
)
def test_faults_are_placed(change: str, place: str) -> None:
    with pytest.raises(UsageError, match="MX0001") as raised:
        load_recipe(None, change.split())
    assert raised.value.diagnostics[0].where.startswith(f"recipe: {place}")


def test_what_was_meant_is_told() -> None:
    with pytest.raises(UsageError) as raised:
        load_recipe(None, ["training.epoch=3", "trainin.seed=1", "data.x=1", "training.batch=-4"])
    told = {d.where: (d.what, d.fix) for d in raised.value.diagnostics}
    assert told["recipe: training.epoch"] == ("there is no such key", "did you mean epochs?")
    assert told["recipe: trainin"][1] == "did you mean training?"
    assert "there are path, test_path, scale" in told["recipe: data.x"][1]
    assert told["recipe: training.batch"][0].endswith("not -4")


def test_numbers_in_a_list_on_the_command_line() -> None:
    assert load_recipe(None, ["training.class_weights=1,2.5"]).training.class_weights == (1, 2.5)
    found = load_recipe(None, ["training.class_weights=balanced"])
    assert found.training.class_weights == "balanced"


@pytest.mark.parametrize("rate", ["inf", "nan", "0"])
def test_rates_are_positive_and_finite(rate: str) -> None:
    with pytest.raises(UsageError, match=r"optimizer\.rate"):
        load_recipe(None, [f"optimizer.rate={rate}"])


def test_weight_decay_is_what_makes_adamw() -> None:
    decays = [OptimizerSection(name=name).used_weight_decay for name in ("adam", "adamw")]
    assert decays == [0.0, 0.01]
    assert OptimizerSection(name="adamw", weight_decay=0.0).used_weight_decay == 0.0


def test_all_faults_in_one_run(tmp_path: Path) -> None:
    file = tmp_path / "train.toml"
    file.write_text("[training]\nepochs = -1\nbatch = 0\n[data]\nscale = 'huge'\n")
    with pytest.raises(UsageError) as raised:
        load_recipe(file)
    assert len(raised.value.diagnostics) == 3
    assert all(str(file) in d.where for d in raised.value.diagnostics)


@pytest.mark.parametrize("text", ["epochs=3", "training.epochs", "training..x=1", "=3"])
def test_changes_must_name_a_key(text: str) -> None:
    with pytest.raises(UsageError, match="MX0003"):
        load_recipe(None, [text])


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "train.toml").write_text("epochs = [")
    with pytest.raises(UsageError, match="MX0002"):
        load_recipe(tmp_path / "train.toml")
    with pytest.raises(UsageError, match=r"MX0002[^$]*no such file"):
        load_recipe(tmp_path / "absent.toml")
    (tmp_path / "train.toml").unlink()
    with pytest.raises(UsageError) as raised:
        load_recipe(tmp_path / "train.toml")
    assert raised.value.diagnostics[0].fix.endswith(f"--data {tmp_path}")


@pytest.mark.parametrize(
    ("section", "momentum"),
    [({"name": "sgd"}, 0.0), ({"name": "momentum"}, 0.9), ({"nesterov": True, "name": "sgd"}, 0.9)],
)
def test_momentum_follows_from_the_name(section: dict[str, Any], momentum: float) -> None:
    assert OptimizerSection.model_validate(section).used_momentum == momentum


def test_the_documentation_names_every_key() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for name, field in Recipe.model_fields.items():
        assert f"[{name}]" in text
        section = field.annotation
        assert section is not None
        for key in section.model_fields:  # type: ignore[attr-defined]
            assert f"`{key}`" in text, f"{name}.{key}"
    for name in (*AUGMENTATIONS, *DEFAULT_RATES):
        assert f"`{name}`" in text
