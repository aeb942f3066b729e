"""What a history says: a verdict in words, the numbers behind it, and what to change.

A pure function of the numbers. The measures are shares of the loss before the first step, so that
they mean the same for every loss function and number of classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import Literal

from mxdeploy.stages.s0_train.history import History
from mxdeploy.stages.s0_train.overfitting import (
    STAGNANT,
    TURN_EPOCHS,
    Signs,
    doubt_of,
    gap_of,
    lasting_gap,
    signs_of,
)
from mxdeploy.text import count

Kind = Literal[
    "diverged", "rate_too_high", "overfitting", "rate_too_low", "underfitting", "learning"
]

SPIKE = 1.5
"""Batch losses this many times the start's and the usual one are explosions, not noise."""
BARELY = 0.05
"""A loss that fell by less than this share of the start has hardly moved."""
SLOW = 0.25
"""A training that is evenly slow has come less far than this."""
UNSOLVED = 0.35
"""Losses above this share of the start leave something to learn."""
HIGH_RATE = 0.25
"""Epochs with less than this share of the greatest rate do not show how the loss falls."""
NOISE = 0.1
"""Rises of less than this share of the whole fall do not make it uneven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is going on.

    Attributes:
        kind: in one word.
        sentence: for people.
        evidence: the numbers that led to it, each a sentence.
        advice: what to change, the most promising first.
        since: epoch from which it holds, where there is one.
    """

    kind: Kind
    sentence: str
    evidence: tuple[str, ...]
    advice: tuple[str, ...]
    since: int | None = None


def diagnose(history: History) -> Verdict:
    """The first that holds: diverged, rate too high, overfitting, rate too low, underfitting.

    If none does, it is learning.
    """
    if history.broken_off is not None:
        return _diverged(history)
    if not history.epochs:
        return Verdict(
            kind="learning",
            sentence="Nothing was trained.",
            evidence=("no epoch was completed",),
            advice=("let it train for at least one epoch",),
        )
    for judge in (_rate_too_high, _overfitting, _rate_too_low, _underfitting):
        verdict = judge(history)
        if verdict is not None:
            return verdict
    return _learning(history)


def _diverged(history: History) -> Verdict:
    epoch, batch = history.broken_off or (0, 0)
    losses = [loss for e in history.epochs for loss in e.batch_losses]
    seen = f", the greatest loss before was {max(losses):.3g}" if losses else ""
    return Verdict(
        kind="diverged",
        sentence=f"Diverged: the loss became infinite in epoch {epoch}, batch {batch}.",
        evidence=(f"the loss began at {history.start_loss:.3g}{seen}",),
        advice=(
            "a learning rate ten times smaller",
            "a warm-up: --set schedule.warmup=0.1",
            "look for extreme values in the data",
        ),
        since=epoch,
    )


def _rate_too_high(history: History) -> Verdict | None:
    """Losses explode, or jump up and down without getting anywhere.

    With batch normalization the loss between epochs also rises while running means settle: once,
    and not down again. And batches are unlike: an explosion is one beside the usual batch.
    """
    start, losses = history.first_loss, _train(history)
    parts = [loss for e in history.epochs for loss in e.batch_losses] or [0.0]
    peak, usual = max(parts), median(parts)
    fallen = (start - min(losses)) / start
    rises = sum(b > a + STAGNANT * start for a, b in pairwise(losses))
    falls = sum(a > b + STAGNANT * start for a, b in pairwise(losses))
    stuck = fallen < BARELY and peak > SPIKE * max(start, usual)
    jumps = (
        len(losses) >= _FEW
        and rises >= len(losses) / 3
        and 2 * falls >= rises
        and losses[-1] > UNSOLVED * start
    )
    if not (stuck or jumps):
        return None
    evidence = [
        f"the training loss began at {start:.3g}, its least value is {min(losses):.3g}",
        f"the greatest loss of a part of an epoch is {peak:.3g}",
    ]
    if rises:
        evidence.append(
            f"it rose from one epoch to the next {count(rises, 'time')} of {len(losses) - 1}"
        )
    return Verdict(
        kind="rate_too_high",
        sentence="The learning rate is too high: the loss jumps instead of falling.",
        evidence=tuple(evidence),
        advice=(
            f"a smaller rate than {_greatest_rate(history):g}: a third or a tenth",
            "a warm-up (--set schedule.warmup=0.1) or a schedule that falls (cosine)",
            "larger batches",
        ),
    )


_OWN_STEPS = {"adam", "adamw"}
_FEW = 4
"""Fewer epochs show no pattern."""
_MORE_EXAMPLES = "more examples, or augmentation: --set data.augment=mirror,shift"


def _overfitting(history: History) -> Verdict | None:
    """Something points to it, and it is none that chance explains."""
    signs = signs_of(history)
    if signs is None or doubt_of(history) is not None:
        return None
    last, behind = signs.last, signs.behind
    evidence = [
        *signs.losses(),
        f"training loss {last.train_loss:.3g}, validation loss {last.loss:.3g} at the end",
    ]
    since = signs.least.number + 1 if behind else lasting_gap(signs.judged)
    if gap_of(last) is not None:
        evidence.append(
            f"accuracy {_share(last.train_accuracy)} on training examples, "
            f"{_share(last.validation_accuracy)} on validation examples"
        )
    return Verdict(
        kind="overfitting",
        sentence=f"Overfitting from epoch {since}: examples are remembered, not understood.",
        evidence=tuple(evidence),
        advice=(
            _MORE_EXAMPLES,
            f"stop in time: --set training.patience={max(TURN_EPOCHS + 1, behind // 2)}"
            if signs.turned
            else "weight decay: --set optimizer.weight_decay=0.001",
            "a smaller network, or dropout in front of the last layer",
        ),
        since=since,
    )


def _rate_too_low(history: History) -> Verdict | None:
    """The loss falls as evenly as the rate allows, and is far from having arrived."""
    enough = HIGH_RATE * _greatest_rate(history)
    fast = [e for e in history.epochs if e.rate >= enough]
    losses = [mean(e.batch_losses or (e.train_loss,)) for e in fast]
    steps = [a - b for a, b in pairwise(losses)]
    fall = sum(steps)
    if len(steps) < _FEW - 1 or fall >= SLOW * losses[0]:
        return None
    half = len(steps) // 2
    early, late = mean(steps[:half]), mean(steps[half:])
    speeds = [step / e.rate for step, e in zip(steps, fast[1:], strict=True)]
    even = mean(speeds[half:]) > mean(speeds[:half]) / 2
    if min(steps) <= -NOISE * fall or not even:
        return None
    return Verdict(
        kind="rate_too_low",
        sentence="The learning rate is too low or the training too short: the loss falls evenly, "
        "and has not come far.",
        evidence=(
            (
                f"the mean loss of the steps was {losses[0]:.3g} in the first epoch, and "
                f"{losses[-1]:.3g} in epoch {fast[-1].number}"
            ),
            f"by {early:.2g} per epoch in the first half, {late:.2g} in the second",
        ),
        advice=(
            f"a greater rate than {_greatest_rate(history):g}: three or ten times",
            "more epochs",
            *(() if history.optimizer in _OWN_STEPS else ("adam, which chooses its own steps",)),
        ),
    )


def _underfitting(history: History) -> Verdict | None:
    """The training loss stands still, and high."""
    losses = _train(history)
    if len(losses) < _FEW:
        return None
    start, last = history.first_loss, history.epochs[-1]
    before = losses[-1 - max(1, len(losses) // 3)]
    still = (before - losses[-1]) / start < STAGNANT
    if not still or losses[-1] < UNSOLVED * start:
        return None
    if (start - min(losses)) / start < BARELY:
        return _not_yet(history)
    evidence = [
        f"the training loss is {losses[-1]:.3g}, {losses[-1] / start:.0%} of what it began with",
        f"{count(max(1, len(losses) // 3), 'epoch')} ago it was {before:.3g}",
    ]
    if last.train_accuracy is not None:
        chance = f", guessing gives {1 / history.classes:.0%}" if history.classes else ""
        evidence.append(f"{_share(last.train_accuracy)} of training examples are right{chance}")
    return Verdict(
        kind="underfitting",
        sentence="Underfitting: the network does not even learn its training examples.",
        evidence=tuple(evidence),
        advice=(
            "a larger network: more channels or layers",
            "less augmentation, label smoothing and weight decay",
            "another learning rate, three times smaller and three times greater",
        ),
    )


def _learning(history: History) -> Verdict:
    last, best = history.epochs[-1], history.best or history.epochs[-1]
    losses = [history.first_loss, *_train(history)]
    if (losses[0] - min(losses)) / losses[0] < BARELY:
        return _not_yet(history)
    evidence = [f"the training loss fell from {losses[0]:.3g} to {losses[-1]:.3g}"]
    if last.validation_loss is not None:
        evidence.append(
            f"validation loss {last.validation_loss:.3g}, training loss {last.train_loss:.3g}"
        )
    if best.accuracy is not None:
        evidence.append(f"accuracy {_share(best.accuracy)} in epoch {best.number}, the best")
    signs, doubt = signs_of(history), doubt_of(history)
    if signs is not None and doubt is not None:
        return _perhaps_overfitting(history, signs, doubt)
    unfinished = len(losses) > 1 and (losses[-2] - losses[-1]) / losses[0] > STAGNANT
    if unfinished:
        advice = ("more epochs: the loss still falls",)
    elif last.number - best.number >= _FEW:
        advice = (f"--set training.patience={_FEW} would have ended it earlier",)
    else:
        advice = ("nothing has to be changed",)
    return Verdict(
        kind="learning",
        sentence="Learning: the loss falls, and what is learned holds for new examples."
        if last.validation_loss is not None
        else "Learning: the loss falls.",
        evidence=tuple(evidence),
        advice=advice,
    )


def _perhaps_overfitting(history: History, signs: Signs, doubt: str) -> Verdict:
    few = count(history.validation_answers, "validation example")
    return Verdict(
        kind="learning",
        sentence="Learning: the loss falls. Something points to overfitting, but it may be chance: "
        f"{few} are too few to tell.",
        evidence=(*signs.losses(), doubt),
        advice=("more validation examples: --set data.validation=0.3", _MORE_EXAMPLES),
    )


def _not_yet(history: History) -> Verdict:
    losses = _train(history)
    return Verdict(
        kind="underfitting",
        sentence="Nothing has been learned yet: the loss has hardly moved.",
        evidence=(
            (
                f"the training loss began at {history.start_loss:.3g}, its least value in "
                f"{count(len(losses), 'epoch')} is {min(losses):.3g}"
            ),
        ),
        advice=(
            (
                f"another rate than {_greatest_rate(history):g}: ten times smaller, and ten times "
                "greater; --compare shows both at once"
            ),
            "more epochs",
            "look whether labels belong to their examples",
        ),
    )


def _train(history: History) -> list[float]:
    return [e.train_loss if math.isfinite(e.train_loss) else math.inf for e in history.epochs]


def _greatest_rate(history: History) -> float:
    return max(e.rate for e in history.epochs)


def _share(value: float | None) -> str:
    return "?" if value is None else f"{value:.1%}"
