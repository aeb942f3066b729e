"""Histories: stored and read back, and which epoch is the best."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from mxdeploy.stages.s0_train.history import Epoch, History, history_from

shares = st.floats(0, 1)
losses = st.floats(0, 1e6)
epochs = st.builds(
    Epoch,
    number=st.integers(1, 99),
    rate=losses,
    batch_losses=st.lists(losses, max_size=4).map(tuple),
    train_loss=losses,
    train_accuracy=st.none() | shares,
    validation_loss=st.none() | losses,
    validation_accuracy=st.none() | shares,
    seconds=losses,
)
histories = st.builds(
    History,
    optimizer=st.text(),
    seed=st.integers(0, 2**32),
    classes=st.integers(0, 10),
    start_loss=losses,
    epochs=st.lists(epochs, max_size=3).map(tuple),
    stopped=st.sampled_from(["running", "epochs", "diverged"]),
    broken_off=st.none() | st.tuples(st.integers(1), st.integers(1)),
)


@settings(max_examples=40)
@given(histories)
def test_round_trip(history: History) -> None:
    assert history_from(json.loads(json.dumps(history.to_dict()))) == history


def test_numbers_that_are_not_finite_are_valid_json() -> None:
    history = History(optimizer="sgd", seed=1, classes=2, start_loss=math.inf)
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert math.isnan(history_from(json.loads(text)).start_loss)


def test_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="no history"):
        history_from({"epochs": [{"number": 1}], "broken_off": None})
