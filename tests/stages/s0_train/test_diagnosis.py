"""Verdicts over histories that were made up, and over such as real trainings left."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from mxdeploy.stages.s0_train.diagnosis import diagnose
from mxdeploy.stages.s0_train.history import Epoch, History, history_from

REAL = Path(__file__).with_name("histories")
START = math.log(10)


def history(
    train: Sequence[float],
    validation: Sequence[float | None] | None = None,
    *,
    accuracy: Callable[[float], float] = lambda loss: math.exp(-loss),
    peak: float = 0.0,
    rates: Sequence[float] | None = None,
    broken_off: tuple[int, int] | None = None,
) -> History:
    """Ten classes; the accuracy follows from the loss."""
    judged = list(train) if validation is None else list(validation)
    epochs = tuple(
        Epoch(
            number=n + 1,
            rate=rates[n] if rates else 0.01,
            batch_losses=(max(peak, loss), loss),
            train_loss=loss,
            train_accuracy=accuracy(loss),
            validation_loss=seen,
            validation_accuracy=None if seen is None else accuracy(seen),
            seconds=1.0,
        )
        for n, (loss, seen) in enumerate(zip(train, judged, strict=True))
    )
    return History(
        optimizer="sgd",
        seed=1,
        classes=10,
        start_loss=START,
        epochs=epochs,
        stopped="diverged" if broken_off else "epochs",
        broken_off=broken_off,
    )


def falling(count: int, speed: float, floor: float = 0.0) -> list[float]:
    return [floor + (START - floor) * math.exp(-speed * k) for k in range(1, count + 1)]


def test_learning() -> None:
    found = diagnose(history(falling(20, 0.3)))
    assert found.kind == "learning"
    assert any("2.3 to" in fact for fact in found.evidence)
    assert "nothing" in found.advice[0]


def test_learning_that_has_not_ended() -> None:
    assert "more epochs" in diagnose(history(falling(6, 0.3))).advice[0]


def test_overfitting_is_dated() -> None:
    train = falling(20, 0.3)
    turned = [loss + 0.05 if n < 8 else 0.35 + 0.05 * (n - 8) for n, loss in enumerate(train)]
    found = diagnose(history(train, turned))
    assert found.kind == "overfitting"
    assert found.since is not None
    assert 8 <= found.since <= 10
    assert f"epoch {found.since}" in found.sentence
    assert any("augment" in advice for advice in found.advice)


def test_a_gap_in_accuracy_is_overfitting_too() -> None:
    train = falling(15, 0.4)
    level = [max(loss, 1.0) for loss in train]
    found = diagnose(history(train, level))
    assert (found.kind, found.since) == ("overfitting", 3)


FEW = 60
"""Validation examples that tell little."""
EPOCHS = 20


def drawn(train: Sequence[float], validation: Sequence[float], examples: int, seed: int) -> History:
    """Right answers drawn anew in every epoch; the true accuracies are given."""
    random = np.random.default_rng(seed)
    shares = [random.binomial(examples, truth) / examples for truth in (train, validation)]
    made = history(falling(EPOCHS, 0.15), [-math.log(max(s, 0.5 / examples)) for s in shares[1]])
    epochs = tuple(
        replace(epoch, train_accuracy=float(fitted), validation_accuracy=float(judged))
        for epoch, fitted, judged in zip(made.epochs, *shares, strict=True)
    )
    return replace(made, epochs=epochs, train_answers=examples, validation_answers=examples)


def share_of_overfitting(train: Sequence[float], validation: Sequence[float]) -> float:
    found = [diagnose(drawn(train, validation, FEW, seed)).kind for seed in range(200)]
    return found.count("overfitting") / len(found)


@pytest.mark.parametrize("truth", [0.5, 0.7, 0.9])
def test_chance_is_not_called_overfitting(truth: float) -> None:
    """The training loss falls, but training and validation examples are right equally often."""
    level = [truth] * EPOCHS
    assert share_of_overfitting(level, level) < 0.01
    unsized = [replace(drawn(level, level, FEW, seed), train_answers=0) for seed in range(50)]
    assert sum(diagnose(one).kind == "overfitting" for one in unsized) > 5  # the signs are there


def test_a_real_fall_is_overfitting_with_few_examples_too() -> None:
    train = np.linspace(0.6, 0.97, EPOCHS)
    fall = np.concatenate([np.linspace(0.5, 0.75, 8), np.linspace(0.75, 0.5, EPOCHS - 8)])
    assert share_of_overfitting(list(train), list(fall)) > 0.99


def test_too_few_examples_to_tell() -> None:
    """51 of 60 and 44 of 60: Newcombe's interval of the difference is -3.0 .. +25.8 points."""
    made = drawn([0.85] * EPOCHS, [0.7] * EPOCHS, FEW, 0)
    epochs = tuple(
        replace(epoch, train_accuracy=51 / 60, validation_accuracy=44 / 60) for epoch in made.epochs
    )
    found = diagnose(replace(made, epochs=epochs))
    assert found.kind == "learning"
    assert "60 validation examples are too few to tell" in found.sentence
    doubt = found.evidence[-1]
    assert "85.0% of 60 training examples and 73.3% of 60 validation examples" in doubt
    assert "-3.0 .. +25.8 points" in doubt
    assert "more validation examples" in found.advice[0]
    sure = replace(made, epochs=epochs, train_answers=600, validation_answers=600)
    assert diagnose(sure).kind == "overfitting"


def test_underfitting() -> None:
    found = diagnose(history(falling(15, 1.0, floor=1.6)))
    assert found.kind == "underfitting"
    assert any("guessing gives 10%" in fact for fact in found.evidence)


def test_the_rate_is_too_low() -> None:
    found = diagnose(history([START - 0.03 * k for k in range(1, 9)]))
    assert found.kind == "rate_too_low"
    assert "0.01" in found.advice[0]
    assert any("adam" in advice for advice in found.advice)


def test_the_rate_is_too_high() -> None:
    jumping = [2.5, 1.9, 2.6, 1.8, 2.4, 2.0, 2.6]
    assert diagnose(history(jumping)).kind == "rate_too_high"
    assert diagnose(history([2.31] * 5, peak=40.0)).kind == "rate_too_high"


def test_diverged() -> None:
    found = diagnose(history([2.0], broken_off=(2, 17)))
    assert (found.kind, found.since) == ("diverged", 2)
    assert "epoch 2, batch 17" in found.sentence
    assert diagnose(history([], broken_off=(1, 1))).kind == "diverged"


def test_nothing_learned() -> None:
    found = diagnose(history([2.31, 2.29, 2.3]))
    assert (found.kind, "hardly moved" in found.sentence) == ("underfitting", True)


def test_nothing_trained() -> None:
    assert "Nothing" in diagnose(history([])).sentence


def test_without_validation() -> None:
    found = diagnose(history(falling(10, 0.3), [None] * 10))
    assert (found.kind, found.sentence) == ("learning", "Learning: the loss falls.")


@settings(max_examples=50)
@given(
    st.lists(st.floats(0, 100), max_size=8),
    st.booleans(),
    st.sampled_from([2.3, 0.0, math.nan, math.inf]),
)
def test_every_history_has_a_verdict_with_evidence_and_advice(
    losses: list[float], judged: bool, start: float
) -> None:
    made = history(losses, None if judged else [None] * len(losses))
    found = diagnose(replace(made, start_loss=start))
    assert found.sentence
    assert found.evidence
    assert found.advice


@pytest.mark.parametrize("file", sorted(REAL.glob("*.json")), ids=lambda f: f.stem)
def test_real_trainings(file: Path) -> None:
    """cifar_cnn on 4,500 images; the name says what was wrong with the settings."""
    found = diagnose(history_from(json.loads(file.read_text())))
    assert found.kind == file.stem.rpartition("-")[0]
