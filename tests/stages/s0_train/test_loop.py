"""The loop: it learns, it stops for every reason, and an interruption leaves no trace."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mxdeploy.recipe import TrainingSection
from mxdeploy.stages.s0_train.history import Epoch, History
from mxdeploy.stages.s0_train.loop import Teacher, Watcher, fit, why_stop
from mxdeploy.stages.s0_train.samples import Batches
from tests.stages.s0_train import small


def without_times(history: History) -> History:
    return replace(history, epochs=tuple(replace(e, seconds=0.0) for e in history.epochs))


def test_learns_and_keeps_the_best_epoch() -> None:
    data = small.data(96, 32)
    module = small.network()
    history = fit(
        module, data, small.settings(data, training={"epochs": 8}, optimizer={"rate": 0.01})
    )
    assert history.stopped == "epochs"
    assert [e.number for e in history.epochs] == list(range(1, 9))
    best = history.best
    assert best is not None
    assert best.validation_accuracy is not None
    assert best.validation_accuracy >= 0.9
    assert best.train_loss < history.start_loss / 2
    inputs, targets = data.validation.batch(torch.arange(32))  # type: ignore[union-attr]
    with torch.no_grad():
        outputs = module(inputs)
    loss = torch.nn.functional.cross_entropy(outputs, targets)
    assert not module.training
    assert best.validation_loss == pytest.approx(float(loss), rel=1e-5)
    assert best.validation_accuracy == float((outputs.argmax(1) == targets).float().mean())
    assert history.validation_answers == len(targets)
    assert history.train_answers == min(len(targets), len(data.train))


def test_losses_of_the_batches_are_those_of_torch() -> None:
    """One epoch of plain SGD, done again by hand."""
    data = small.data(24, 0)
    chosen = small.settings(
        data,
        training={"epochs": 1, "batch": 10},
        optimizer={"name": "sgd", "rate": 0.1},
        schedule={"name": "constant"},
    )
    seen: list[float] = []
    module = small.network()
    watcher = Watcher(on_batch=lambda _epoch, _batch, loss: seen.append(loss))
    fit(module, data, chosen, watcher=watcher)
    by_hand = small.network()
    by_hand.train()
    expected: list[float] = []
    for batch in Batches(data.train, size=10, seed=1, strengths={}).epoch(1):
        loss = torch.nn.functional.cross_entropy(by_hand(batch.inputs), batch.targets)
        by_hand.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter.sub_(0.1 * parameter.grad)
        expected.append(loss.item())
    assert len(expected) == 3
    assert seen == pytest.approx(expected, rel=1e-5)
    for one, other in zip(module.state_dict().values(), by_hand.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_teacher_instead_of_labels() -> None:
    """With a share of 1 labels do not count: here they are the opposite of what is taught."""
    data = small.data(96, 32)
    assert data.train.targets is not None
    wrong = replace(data, train=replace(data.train, targets=1 - data.train.targets))
    chosen = small.settings(data, training={"epochs": 8}, optimizer={"rate": 0.01})
    taught = small.network()
    fit(taught, data, chosen)

    def answer(inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return taught(inputs)

    # A single epoch, so that none is chosen by its answers.
    once = small.settings(data, training={"epochs": 1, "batch": 4}, optimizer={"rate": 0.02})
    hits = []
    for share in (1.0, 0.0):
        pupil = small.network()
        fit(pupil, wrong, replace(once, teacher=Teacher(answer=answer, share=share)))
        inputs, targets = data.validation.batch(torch.arange(32))  # type: ignore[union-attr]
        hits.append(float((pupil(inputs).argmax(1) == targets).float().mean()))
    assert hits[0] > 0.8
    assert hits[1] < 0.4


def test_the_rate_of_an_epoch_is_its_greatest() -> None:
    data = small.data(40, 0)
    chosen = small.settings(
        data,
        training={"epochs": 1, "batch": 4},
        optimizer={"rate": 0.01},
        schedule={"name": "one_cycle"},
    )
    assert fit(small.network(), data, chosen).epochs[0].rate == pytest.approx(0.01, rel=0.05)


def test_gradient_descent_takes_one_step_of_all_examples_per_epoch() -> None:
    data = small.data(30, 0)
    chosen = small.settings(
        data,
        training={"epochs": 2, "batch": 7},
        optimizer={"name": "gradient_descent", "rate": 0.5},
        schedule={"name": "constant"},
    )
    torch.manual_seed(3)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    by_hand = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    by_hand.load_state_dict(module.state_dict())
    history = fit(module, data, chosen)
    inputs, targets = data.train.batch(torch.arange(30))
    losses = []
    for _ in range(2):
        loss = torch.nn.functional.cross_entropy(by_hand(inputs), targets)
        by_hand.zero_grad()
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for parameter in by_hand.parameters():
                parameter.sub_(0.5 * parameter.grad)
    assert history.start_loss == pytest.approx(losses[0], rel=1e-5)
    assert history.epochs[0].train_loss == pytest.approx(losses[1], rel=1e-3)
    assert torch.allclose(module[1].weight, by_hand[1].weight, atol=2e-3)


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        ({"name": "nesterov", "rate": 0.02}, {"name": "one_cycle"}),
        ({"name": "adamw"}, {"name": "cosine", "warmup": 0.2}),
        ({"name": "rmsprop", "momentum": 0.5}, {"name": "plateau", "patience": 1}),
        ({"name": "adagrad"}, {"name": "step", "every": 2}),
    ],
    ids=lambda section: section["name"],
)
def test_going_on_equals_never_having_stopped(
    optimizer: dict[str, Any], schedule: dict[str, Any]
) -> None:
    """Interrupted in the middle of the third epoch; dropout and augmentation are random."""
    data = small.data()
    chosen = small.settings(
        data,
        training={"epochs": 4},
        optimizer=optimizer,
        schedule=schedule,
        data={"augment": ("mirror", "shift=1", "noise")},
    )
    whole = small.network(dropout=0.3)
    expected = fit(whole, data, chosen)

    stored: list[bytes] = []

    def on_epoch(_history: History, state: Any) -> None:
        stream = io.BytesIO()
        torch.save(state(), stream)
        stored.append(stream.getvalue())

    def on_batch(epoch: int, batch: int, _loss: float) -> None:
        if (epoch, batch) == (3, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(
            small.network(dropout=0.3),
            data,
            chosen,
            watcher=Watcher(on_epoch=on_epoch, on_batch=on_batch),
        )
    assert len(stored) == 2
    state = torch.load(io.BytesIO(stored[-1]), weights_only=True)
    torch.manual_seed(99)
    resumed = torch.nn.Sequential(*small.network(dropout=0.3))
    history = fit(resumed, data, chosen, resume=state)
    assert without_times(history) == without_times(expected)
    for one, other in zip(resumed.state_dict().values(), whole.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_going_on_after_the_end_does_nothing() -> None:
    data = small.data()
    chosen = small.settings(data, training={"epochs": 1})
    states: list[Any] = []
    module = small.network()
    first = fit(module, data, chosen, watcher=Watcher(on_epoch=lambda _h, s: states.append(s())))
    again = fit(small.network(), data, chosen, resume=states[0])
    assert again == first


def test_a_loss_that_explodes_ends_the_training() -> None:
    data = small.data()
    chosen = small.settings(data, optimizer={"name": "sgd", "rate": 1e30})
    history = fit(small.network(), data, chosen)
    assert history.stopped == "diverged"
    assert history.broken_off is not None
    assert history.broken_off[0] == 1
    assert history.epochs == ()
    assert history.best is None


def test_reconstruction_has_no_accuracy() -> None:
    data = small.data(32, 8)
    bare = [replace(s, targets=None) for s in (data.train, data.validation)]
    data = replace(data, train=bare[0], validation=bare[1])
    torch.manual_seed(0)
    module = torch.nn.Conv2d(1, 1, 3, padding=1)
    chosen = small.settings(data, 0, training={"epochs": 5}, optimizer={"rate": 0.05})
    history = fit(module, data, chosen)
    assert history.epochs[-1].validation_accuracy is None
    assert history.epochs[-1].validation_loss is not None
    assert history.epochs[-1].validation_loss < history.start_loss / 2


def epoch(number: int, loss: float, accuracy: float = 0.5, seconds: float = 1.0) -> Epoch:
    return Epoch(
        number=number,
        rate=0.1,
        batch_losses=(loss,),
        train_loss=loss,
        train_accuracy=accuracy,
        validation_loss=loss,
        validation_accuracy=accuracy,
        seconds=seconds,
    )


def history_of(*epochs: Epoch) -> History:
    return History(optimizer="sgd", seed=1, classes=2, start_loss=1.0, epochs=epochs)


@pytest.mark.parametrize(
    ("history", "section", "elapsed", "reason"),
    [
        (history_of(), {"epochs": 1}, 1e9, None),
        (history_of(epoch(1, 0.5)), {"epochs": 2}, 0, None),
        (history_of(epoch(1, 0.5), epoch(2, 0.5)), {"epochs": 2}, 0, "epochs"),
        (history_of(epoch(1, 0.5)), {"stop_below": 0.6}, 0, "stop_below"),
        (history_of(epoch(1, 0.5)), {"stop_below": 0.5}, 0, None),
        (history_of(epoch(1, 1, 0.9), epoch(2, 1, 0.8)), {"patience": 2}, 0, None),
        (history_of(*(epoch(n, 1, 0.9) for n in (1, 2, 3))), {"patience": 2}, 0, "patience"),
        (history_of(*(epoch(n, 1 / n, 0.9) for n in (1, 2, 3))), {"patience": 2}, 0, None),
        (history_of(epoch(1, 1, seconds=40)), {"max_minutes": 1}, 40, "time"),
        (history_of(epoch(1, 1, seconds=20)), {"max_minutes": 1}, 40, None),
    ],
)
def test_reasons_to_stop(
    history: History, section: dict[str, Any], elapsed: float, reason: str | None
) -> None:
    assert why_stop(history, TrainingSection.model_validate(section), elapsed) == reason


def test_stops_below_a_loss() -> None:
    data = small.data(96, 32)
    chosen = small.settings(
        data, training={"epochs": 50, "stop_below": 0.4}, optimizer={"rate": 0.01}
    )
    history = fit(small.network(), data, chosen)
    assert history.stopped == "stop_below"
    assert history.epochs[-1].train_loss < 0.4
    assert all(e.train_loss >= 0.4 for e in history.epochs[:-1])
    assert all(math.isfinite(loss) for e in history.epochs for loss in e.batch_losses)
