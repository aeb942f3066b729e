"""What to train: one training, or several that differ in the optimizer or the start."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mxdeploy.errors import Diagnostic, ToolError, UsageError
from mxdeploy.recipe import OptimizerName, OptimizerSection, Recipe, check_recipe

RECIPE_FILE = "recipe.json"

Progress = Callable[[int, str], None]
"""So many more batches are done, and what there is to say."""


def is_model(start: Path) -> bool:
    """Whether what to start from is a model, not a checkpoint."""
    return start.suffix == ".onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One of several optimizers that are compared."""

    name: OptimizerName
    rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """What to train.

    Attributes:
        recipe: how.
        folder: what paths in the recipe are relative to.
        out: result folder.
        resume: go on where a training in ``out`` was interrupted.
        force: replace a training that is in ``out``.
        start: checkpoint whose weights are the first ones, instead of random ones; or a trained
            model (``.onnx``) of which the integers are trained.
        compare: optimizers that are tried from the same start.
    """

    recipe: Recipe
    folder: Path
    out: Path
    resume: bool = False
    force: bool = False
    start: Path | None = None
    compare: tuple[Contender, ...] = ()

    @property
    def tunes(self) -> bool:
        """Whether it starts from a trained model, of which the integers are trained."""
        return self.start is not None and is_model(self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Who is told of what happens; nobody by default.

    Attributes:
        on_stage: what begins.
        report: findings that do not stop the training.
        progress: a name and the number of batches, to a context with a function to advance.
        on_epoch: a complete epoch in words.
    """

    on_stage: Callable[[str], None] = lambda _text: None
    report: Callable[[Iterable[Diagnostic]], None] = lambda _diagnostics: None
    progress: Callable[[str, int], AbstractContextManager[Progress]] = lambda _name, _total: (
        nullcontext(lambda _advance, _text: None)
    )
    on_epoch: Callable[[str], None] = lambda _text: None


def variants(request: TrainRequest) -> list[tuple[str, Recipe]]:
    """Name and recipe of every training: for each optimizer and each seed, or the only one."""
    if request.compare:
        named = [(_contender_name(c), _with_optimizer(request.recipe, c)) for c in request.compare]
    else:
        named = [("", request.recipe)]
    return [one for name, recipe in named for one in _seeded(name, recipe)]


def _seeded(name: str, recipe: Recipe) -> list[tuple[str, Recipe]]:
    """One training, or one from each start."""
    first, count = recipe.training.seed, recipe.training.seeds
    if count == 1:
        return [(name, recipe)]
    return [
        (
            f"{name}/seed-{seed}".strip("/"),
            _with_training(recipe, {"seed": seed, "seeds": 1}),
        )
        for seed in range(first, first + count)
    ]


def _contender_name(contender: Contender) -> str:
    return contender.name + ("" if contender.rate is None else f"-{contender.rate:g}")


def _with_optimizer(recipe: Recipe, contender: Contender) -> Recipe:
    section = OptimizerSection(
        name=contender.name, rate=contender.rate, weight_decay=recipe.optimizer.weight_decay
    )
    return recipe.model_copy(update={"optimizer": section})


def _with_training(recipe: Recipe, changes: dict[str, object]) -> Recipe:
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changes)})


_FREE = {
    f"training.{key}" for key in ("threads", "device", "stop_below", "patience", "max_minutes")
} | {"data.strict"}
"""What may be changed when a training goes on."""
_FLOAT = ("network", "data", "training", "optimizer", "schedule")
INTEGERS = ("quantize", "data", "training")
"""Sections that a training follows, in floating point and of integers."""


def require_same(stored: Recipe, wanted: Recipe, path: Path) -> None:
    """Going on with another recipe would be neither the one training nor the other.

    Raises:
        UsageError: something else than how long to train is different.
    """
    free = _FREE if wanted.schedule.name in {"cosine", "one_cycle"} else _FREE | {"training.epochs"}
    changed = _changed(stored, wanted, _FLOAT, free)
    if changed:
        raise UsageError(
            _begun_with_another(
                path,
                changed,
                f"go on without the change, or begin anew from its weights: --start {path}",
            )
        )


def require_same_integers(
    stored: Recipe, wanted: Recipe, path: Path, sections: tuple[str, ...] = INTEGERS
) -> None:
    """The same of a training of integers; epochs of the one in floating point do not count.

    Raises:
        UsageError: something else than how long to train is different.
    """
    free = _FREE | {"training.epochs", "quantize.aware"}
    changed = _changed(stored, wanted, sections, free)
    if changed:
        raise UsageError(
            _begun_with_another(
                path,
                changed,
                "go on without the change, or train integers anew in another "
                "folder: --start MODEL.onnx --out FOLDER",
            )
        )


def _changed(
    stored: Recipe, wanted: Recipe, sections: tuple[str, ...], free: set[str]
) -> list[str]:
    """``section.key`` of everything that is different."""
    before, now = stored.model_dump(), wanted.model_dump()
    return [
        f"{section}.{key}"
        for section in sections
        for key in now[section]
        if before[section][key] != now[section][key] and f"{section}.{key}" not in free
    ]


def _begun_with_another(path: Path, changed: list[str], fix: str) -> Diagnostic:
    return Diagnostic(
        code="MX0064",
        where=str(path),
        what=f"was begun with another {', '.join(changed)}",
        why="a training that goes on must be the same training",
        fix=fix,
    )


def require_libraries() -> None:
    """Training needs libraries that other commands do without.

    Raises:
        ToolError: one is missing.
    """
    missing = [name for name in ("torch", "ignite", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ToolError(
            Diagnostic(
                code="MX0068",
                where=", ".join(missing),
                what="is not installed" if len(missing) == 1 else "are not installed",
                why="networks are trained and exported with it",
                fix='pip install "mxdeploy[train]"',
            )
        )


def seen_from(folder: Path, place: Path) -> str:
    """A path to ``folder`` that holds wherever both are moved together."""
    try:
        return Path(os.path.relpath(folder.absolute(), place.absolute())).as_posix()
    except ValueError:  # on another drive
        return str(folder.absolute())


def _file_seen_from(file: Path, place: Path) -> str:
    return (Path(seen_from(file.parent, place)) / file.name).as_posix()


def recipe_document(request: TrainRequest) -> dict[str, Any]:
    """What ``recipe.json`` holds."""
    return {
        "recipe": request.recipe.model_dump(mode="json"),
        "folder": seen_from(request.folder, request.out),
        "compare": [[c.name, c.rate] for c in request.compare],
        "start": None if request.start is None else _file_seen_from(request.start, request.out),
    }


def stored_request(out: Path) -> TrainRequest:
    """What was trained in a result folder.

    Raises:
        UsageError: nothing was, or the file is damaged.
    """
    path = out / RECIPE_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        compare = tuple(Contender(name=name, rate=rate) for name, rate in document["compare"])
        folder = Path(os.path.normpath(out / document["folder"]))
        recipe = check_recipe(document["recipe"], str(path))
        start = document.get("start")  # files of older trainings have none
        first = None if start is None else Path(os.path.normpath(out / start))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            Diagnostic(
                code="MX0065",
                where=str(path),
                what=f"cannot be read: {error}",
                fix="name the folder of a training with --out",
            )
        ) from error
    return TrainRequest(recipe=recipe, folder=folder, out=out, start=first, compare=compare)
