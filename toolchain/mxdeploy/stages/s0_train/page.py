"""The training as one web page: no network, no scripts, readable in light and dark, printable."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mxdeploy import __version__
from mxdeploy.accuracy import Accuracy
from mxdeploy.data import Examples, FloatArray
from mxdeploy.pages import page_environment
from mxdeploy.recipe import Recipe
from mxdeploy.stages.s0_train.curves import draw_history, to_svg
from mxdeploy.stages.s0_train.diagnosis import diagnose
from mxdeploy.stages.s0_train.history import ENDED, History
from mxdeploy.stages.s0_train.judge import Judgement, Mistake
from mxdeploy.stages.s0_train.pictures import data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPLATE = "page.html.j2"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Integers:
    """Training with the chip's arithmetic, behind the other.

    Attributes:
        history: its epochs.
        accuracies: of the float network, and of the integers before and after, by name; empty
            where nothing tells classes.
        notes: what differs, in words.
    """

    history: History
    accuracies: Mapping[str, Accuracy]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """What the page is made from.

    Attributes:
        title: what was trained.
        recipe: of the training that is kept.
        histories: all trainings by name; one with an empty name if there was only one.
        chosen: name of the one that is kept.
        parameters: numbers that were learned.
        trained: training examples of each class.
        judged: examples on which the network was judged in the end, and what part they are.
        part: ``test`` or ``validation``.
        judgement: on them.
        outputs: of the network for them.
        test: accuracy on test examples in words; empty without.
        chip: what the network takes on the chip, in words; empty if it does not fit.
        warnings: of the data, the network and its way to the chip.
        curves: drawing of the training that is kept.
        comparison: drawing of all, if there are several.
        integers: what training with them gave; None without.
    """

    title: str
    recipe: Recipe
    histories: Mapping[str, History]
    chosen: str
    parameters: int
    trained: Mapping[str, int]
    judged: Examples | None
    part: str
    judgement: Judgement | None
    outputs: FloatArray | None
    test: tuple[str, str]
    chip: str
    warnings: tuple[str, ...]
    curves: Figure
    comparison: Figure | None
    integers: Integers | None = None


@dataclass(frozen=True, slots=True)
class _Card:
    name: str
    value: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    text: str
    title: str
    right: bool
    shade: float


def render(found: Findings) -> bytes:
    """The page, UTF-8; every text from data, recipe and network is escaped."""
    environment = page_environment(Path(__file__).parent)
    return environment.get_template(_TEMPLATE).render(p=_content(found)).encode()


def _content(found: Findings) -> dict[str, object]:
    history = found.histories[found.chosen]
    verdict = diagnose(history)
    several = len(found.histories) > 1
    judgement = found.judgement
    confusion = None if judgement is None else judgement.confusion
    return {
        "title": found.title,
        "tool_version": __version__,
        "source": Path(found.recipe.data.path or "").name,
        "cards": _cards(found, history),
        "verdict": verdict,
        "warnings": found.warnings,
        "curves": to_svg(found.curves, "curves"),
        "comparison": "" if found.comparison is None else to_svg(found.comparison, "all"),
        "runs": [_run(name, h, found.chosen) for name, h in found.histories.items()],
        "spread": spread_text(list(found.histories.values())) if several else "",
        "classes": () if found.judged is None else found.judged.classes,
        "matrix": () if confusion is None else _matrix(found, confusion),
        "judged": f"{0 if judgement is None else judgement.examples:,} {found.part} examples",
        "scores": () if judgement is None else _scores(found, judgement),
        "mistakes": () if judgement is None else [_mistake(found, m) for m in judgement.mistakes],
        "mistakes_text": _mistakes_text(found),
        "integers": None if found.integers is None else _integers(found.integers),
        "recipe": json.dumps(found.recipe.model_dump(mode="json"), indent=2, ensure_ascii=False),
    }


def _integers(found: Integers) -> dict[str, object]:
    rows = []
    for name, accuracy in found.accuracies.items():
        low, high = accuracy.interval
        right = f"{accuracy.correct:,} of {accuracy.total:,}"
        rows.append((name, right, f"{accuracy.share:.2%}", f"{low:.1%} .. {high:.1%}"))
    curves = to_svg(draw_history(found.history), "integers")
    return {"rows": rows, "notes": found.notes, "curves": curves}


def _cards(found: Findings, history: History) -> list[_Card]:
    cards = []
    best = history.best
    if best is not None:
        value = f"{best.loss:.4g}" if best.accuracy is None else f"{best.accuracy:.1%}"
        what = "loss" if best.accuracy is None else "accuracy"
        part = "training" if best.validation_loss is None else "validation"
        text = f"in epoch {best.number} of {len(history.epochs)}, which is kept"
        cards.append(_Card(f"{part} {what}", value, text))
    if found.test[0]:
        cards.append(_Card("test", *found.test))
    cards.append(_Card("parameters", f"{found.parameters:,}", "numbers that were learned"))
    cards.append(_Card("on the chip", "fits" if found.chip else "does not fit", found.chip))
    if found.trained:
        count = sum(found.trained.values())
        cards.append(_Card("training examples", f"{count:,}", f"in {len(found.trained)} classes"))
    cards.append(_Card("time", _time(history.seconds), f"ended by: {ENDED[history.stopped]}"))
    return cards


_MINUTE = 60


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"


def _run(name: str, history: History, chosen: str) -> dict[str, object]:
    best = history.best
    accuracy = None if best is None else best.accuracy
    return {
        "name": name,
        "kept": name == chosen,
        "epochs": len(history.epochs),
        "best": "-" if best is None else best.number,
        "loss": "-" if best is None else f"{best.loss:.4f}",
        "accuracy": "-" if accuracy is None else f"{accuracy:.2%}",
        "seconds": f"{history.seconds:.1f}",
        "verdict": diagnose(history).sentence,
    }


def spread_text(histories: Sequence[History]) -> str:
    """Mean and standard deviation of trainings that differ in nothing but the seed."""
    if len({h.seed for h in histories}) != len(histories) or len(histories) < len("ab"):
        return ""
    best = [h.best for h in histories]
    shares = [b.accuracy for b in best if b is not None and b.accuracy is not None]
    if len(shares) < len("ab"):
        return ""
    mean, spread = statistics.mean(shares), statistics.stdev(shares)
    return (
        f"{len(shares)} starts: accuracy {mean:.2%} on average, standard deviation "
        f"{100 * spread:.2f} points, from {min(shares):.2%} to {max(shares):.2%}."
    )


def _matrix(found: Findings, confusion: NDArray[np.int64]) -> list[dict[str, object]]:
    classes = found.judged.classes if found.judged is not None else ()
    rows: list[dict[str, object]] = []
    for k, name in enumerate(classes):
        total = max(1, int(confusion[k].sum()))
        cells = [
            _Cell(
                text=f"{int(count):,}" if count else "",
                title=f"{name}, called {classes[j]}: {count / total:.1%}" if count else "",
                right=j == k,
                shade=0.75 * float(np.sqrt(count / total)),
            )
            for j, count in enumerate(confusion[k])
        ]
        rows.append({"name": name, "cells": cells})
    return rows


def _scores(found: Findings, judgement: Judgement) -> list[dict[str, object]]:
    return [
        {
            "name": s.name,
            "trained": f"{found.trained.get(s.name, 0):,}",
            "count": f"{s.count:,}",
            "precision": "-" if s.precision is None else f"{s.precision:.1%}",
            "recall": "-" if s.recall is None else f"{s.recall:.1%}",
            "percent": 100 * (s.recall or 0.0),
        }
        for s in judgement.scores
    ]


def _mistakes_text(found: Findings) -> str:
    if found.judged is None or found.judged.targets is None:
        return f"{found.part} examples with the greatest error: the input, and what was made of it"
    if found.judged.targets.ndim > 1:
        return f"{found.part} examples with most pixels wrong: the input, what was said, what it is"
    return f"{found.part} examples of which the network was most certain, and wrong"


def _mistake(found: Findings, mistake: Mistake) -> dict[str, object]:
    examples, outputs = found.judged, found.outputs
    if examples is None or outputs is None:
        raise ValueError("mistakes are shown with their examples")
    example = examples.inputs[mistake.index]
    pictures = [data_uri(example)]
    if examples.targets is None:
        text = f"mean squared error {mistake.badness:.3g}"
        pictures.append(data_uri(outputs[mistake.index]))
    elif examples.targets.ndim > 1:
        text = f"{mistake.badness:.1%} of its pixels are wrong"
        shade = 255 // max(1, len(examples.classes) - 1)
        said = outputs[mistake.index].argmax(axis=0)
        maps = (said, examples.targets[mistake.index])
        pictures += [data_uri((labels * shade).astype(np.uint8)[None]) for labels in maps]
    else:
        given, wanted = examples.classes[mistake.given], examples.classes[mistake.wanted]
        text = f"{wanted}, called {given} ({mistake.badness:.0%} certain)"
    return {"pictures": pictures, "text": text, "name": examples.names[mistake.index]}
