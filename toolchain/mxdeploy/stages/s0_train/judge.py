"""What a trained network gets wrong: confusion, precision and recall, the worst mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import FloatArray
from mxdeploy.stages.s0_train.samples import Task

MOST_MISTAKES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One class.

    Attributes:
        name: of the class.
        count: examples (or pixels) that show it.
        precision: share of those called so that are; None if none was.
        recall: share of those that are and were called so; None if there are none.
    """

    name: str
    count: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One example that went wrong.

    Attributes:
        index: of the example.
        badness: confidence in the wrong class, share of wrong pixels, or error of the
            reconstruction.
        given: class that the network chose (-1 where there is none per example).
        wanted: class that it is.
    """

    index: int
    badness: float
    given: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """All of it.

    Attributes:
        examples: how many were judged.
        confusion: int64 (K, K), rows: what it is, columns: what was said; None for a
            reconstruction.
        scores: of each class.
        mistakes: the worst first.
    """

    examples: int
    confusion: NDArray[np.int64] | None
    scores: tuple[ClassScore, ...]
    mistakes: tuple[Mistake, ...]


def judge(
    outputs: FloatArray,
    inputs: FloatArray,
    targets: NDArray[np.int64] | None,
    task: Task,
    classes: tuple[str, ...],
) -> Judgement:
    """Compare a network's outputs with what they should be.

    Args:
        outputs: float32 (n, K), (n, K, H, W), or like the inputs.
        inputs: as the network took them; only a reconstruction needs them.
        targets: int64 (n,) or (n, H, W), or None.
        task: what the network gives.
        classes: names.
    """
    count = len(outputs)
    if task == "reconstruction" or targets is None:
        errors = np.square(outputs - inputs).reshape(count, -1).mean(axis=1)
        worst = [_mistake(i, errors[i]) for i in _greatest(errors)]
        return Judgement(examples=count, confusion=None, scores=(), mistakes=tuple(worst))
    said = outputs.argmax(axis=1)
    confusion = confusion_of(said, targets, len(classes))
    if task == "pixels":
        wrong = (said != targets).reshape(count, -1).mean(axis=1)
        mistakes = [_mistake(i, wrong[i]) for i in _greatest(wrong) if wrong[i] > 0]
    else:
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        odds = np.exp(shifted)
        sure = odds.max(axis=1) / odds.sum(axis=1)
        sure = np.where(said == targets, -1.0, sure)
        mistakes = [
            Mistake(index=i, badness=float(sure[i]), given=int(said[i]), wanted=int(targets[i]))
            for i in _greatest(sure)
            if sure[i] >= 0
        ]
    return Judgement(
        examples=count,
        confusion=confusion,
        scores=scores_of(confusion, classes),
        mistakes=tuple(mistakes),
    )


def confusion_of(
    said: NDArray[np.int64], targets: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """How often each class (rows) was called each class (columns), int64 (K, K)."""
    flat = targets.reshape(-1) * classes + said.reshape(-1)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def scores_of(confusion: NDArray[np.int64], classes: tuple[str, ...]) -> tuple[ClassScore, ...]:
    """Precision and recall of each class."""
    right, are, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassScore(
            name=name,
            count=int(are[k]),
            precision=float(right[k] / called[k]) if called[k] else None,
            recall=float(right[k] / are[k]) if are[k] else None,
        )
        for k, name in enumerate(classes)
    )


def _greatest(values: NDArray[np.floating]) -> list[int]:
    return [int(i) for i in np.argsort(-values, kind="stable")[:MOST_MISTAKES]]


def _mistake(index: int, badness: float) -> Mistake:
    return Mistake(index=index, badness=float(badness), given=-1, wanted=-1)
