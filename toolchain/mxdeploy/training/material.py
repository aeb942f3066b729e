"""The examples of a training: read, divided, checked, as tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mxdeploy import text
from mxdeploy.data import (
    Examples,
    NoPartError,
    Part,
    Scale,
    Split,
    balance,
    numbered,
    read_examples,
    split,
    without_leaks,
)
from mxdeploy.data.copies import LEAKS
from mxdeploy.data.findings import LABELS_LOST, raise_all
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.recipe import DataSection, Recipe

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.samples import Samples, Task


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Three parts that have no example in common, and what the network has to be like.

    Attributes:
        train, validation, test: examples; None where there are none.
        parts: the same as they were read, with names.
        task: what the network gives.
        shape: of one input.
        outputs: classes that the network tells apart; of a reconstruction, channels.
        classes: their names.
        scale: what 8-bit data become.
        counts: training examples of each class.
        findings: what was left out, and what is odd.
    """

    train: Samples
    validation: Samples | None
    test: Samples | None
    parts: Split
    task: Task
    shape: tuple[int, ...]
    outputs: int
    classes: tuple[str, ...]
    scale: Scale
    counts: dict[str, int]
    findings: tuple[Diagnostic, ...]


def read_material(recipe: Recipe, folder: Path) -> Material:
    """Everything a recipe says about data.

    Args:
        recipe: all of it; the loss decides whether labels count.
        folder: what paths are relative to.

    Raises:
        UsageError: nothing to train on, with every reason.
    """
    import numpy as np

    from mxdeploy.stages.s0_train.prepare import check_training_examples, samples_of

    found = _divided(recipe.data, folder)
    if recipe.training.loss in {"mse", "l1"}:
        found = Split(
            train=_unlabelled(found.train),
            validation=_unlabelled(found.validation),
            test=_unlabelled(found.test),
        )
    else:
        _require_labels(found.train)
    try:
        warnings = check_training_examples(found.train)
    except UsageError as error:  # perhaps because of what leaks
        leaks = [problem for problem in found.train.problems if problem.code == LEAKS]
        raise UsageError([*leaks, *error.diagnostics]) from error
    is_8_bit = found.train.inputs.dtype in (np.uint8, np.int8)
    scale = recipe.data.scale if is_8_bit else Scale.NONE
    samples = samples_of(found.train, scale)
    return Material(
        train=samples,
        validation=samples_of(found.validation, scale) if len(found.validation) else None,
        test=samples_of(found.test, scale) if len(found.test) else None,
        parts=found,
        task=samples.task,
        shape=tuple(found.train.inputs.shape[1:]),
        outputs=len(found.train.classes) or found.train.inputs.shape[1],
        classes=found.train.classes,
        scale=scale,
        counts=balance(found.train),
        findings=(*_problems(found), *warnings, *_few(recipe.data, found)),
    )


def _problems(found: Split) -> tuple[Diagnostic, ...]:
    """What was left out of any part, each thing once."""
    return tuple(dict.fromkeys((*found.train.problems, *found.test.problems)))


_FEW = 5
"""With fewer examples a share that is right says next to nothing."""


def _few(section: DataSection, found: Split) -> list[Diagnostic]:
    """Parts that are too small to judge by, unless they were left out on purpose."""
    parts = {"validation": found.validation, "test": found.test}
    wanted = {"validation": section.validation, "test": section.test}
    few = [
        text.count(len(part), f"{name} example")
        for name, part in parts.items()
        if wanted[name] and len(part) < _FEW
    ]
    if not few:
        return []
    return [
        Diagnostic(
            code="MX0015",
            where=found.train.source,
            what=f"leaves {' and '.join(few)}",
            why=f"fewer than {_FEW} are too few to tell what has been learned",
            fix="give more examples, or set more aside: --set data.validation=0.2",
            severity="warning",
        )
    ]


def _require_labels(part: Examples) -> None:
    """Examples whose labels are damaged are not meant to be learned from without labels."""
    if part.targets is None:
        raise_all(
            replace(d, fix=f"{d.fix}; or learn without labels: --set training.loss=mse")
            for d in part.problems
            if d.code in LABELS_LOST
        )


def _unlabelled(part: Examples) -> Examples:
    return replace(part, targets=None, classes=())


def _divided(section: DataSection, folder: Path) -> Split:
    """Training, validation and test examples: the data's own test part where there is one."""
    if section.path is None:
        raise UsageError(
            Diagnostic(
                code="MX0014",
                where="data.path",
                what="is not given",
                fix="--data PATH, or path in the section [data] of the recipe",
            )
        )
    path = _place(folder, section.path)
    if section.test_path is None:
        test = _own_test_part(path, section)
    else:
        place = _place(folder, section.test_path)
        test = _own_test_part(place, section) or _read(place, section, None)
    train = _read(path, section, "train")
    if test is None:
        return split(train, validation=section.validation, test=section.test, seed=section.seed)
    if section.leaks == "drop":
        train, told = without_leaks(train, test)
        if section.strict:
            raise_all(told)
        train = replace(train, problems=(*train.problems, *told))
    found = split(train, validation=section.validation, seed=section.seed)
    return replace(found, test=numbered(test, train.classes))


def _place(folder: Path, text: str) -> str:
    """A path of the recipe, which may end in ``:KEY``, as seen from here."""
    return str(folder / text)


def _own_test_part(path: str, section: DataSection) -> Examples | None:
    try:
        return _read(path, section, "test")
    except NoPartError:
        return None


def _read(path: str, section: DataSection, part: Part | None) -> Examples:
    return read_examples(
        path,
        image_size=section.image_size,
        channels=section.channels,
        rate=section.rate,
        samples=section.samples,
        strict=section.strict,
        part=part,
        limit=section.limit,
    )
