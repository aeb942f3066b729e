"""What happened in a training, epoch by epoch: numbers only, to be stored and judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

Stopped = Literal["running", "epochs", "stop_below", "patience", "time", "diverged"]
"""Why a training ended: all epochs are done, or one of the reasons to stop before."""


ENDED: Mapping[Stopped, str] = {
    "running": "an interruption",
    "epochs": "the number of epochs",
    "stop_below": "a loss that is small enough",
    "patience": "no better epoch for a while",
    "time": "the time",
    "diverged": "a loss that became infinite",
}
"""Why a training ended, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one pass over the training examples gave.

    Attributes:
        number: counted from 1.
        rate: greatest learning rate of its steps.
        batch_losses: means over up to ``TRACE_POINTS`` equal parts of the epoch, measured while
            the weights changed, on augmented examples.
        train_loss, train_accuracy: afterwards, on training examples as they are (a sample of
            them), in evaluation mode; comparable with the two below.
        validation_loss, validation_accuracy: on validation examples; None without them.
        seconds: duration.
    """

    number: int
    rate: float
    batch_losses: tuple[float, ...]
    train_loss: float
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float

    @property
    def loss(self) -> float:
        """What counts: validation if there is any."""
        return self.train_loss if self.validation_loss is None else self.validation_loss

    @property
    def accuracy(self) -> float | None:
        """What counts: validation if there is any."""
        if self.validation_loss is None:
            return self.train_accuracy
        return self.validation_accuracy

    @property
    def score(self) -> tuple[float, float]:
        """Greater is better: accuracy, then a small loss."""
        return (0.0 if self.accuracy is None else self.accuracy), -self.loss


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One training.

    Attributes:
        optimizer: its name.
        seed: of first weights, order and augmentation.
        classes: how many there are; 0 for a reconstruction.
        start_loss: on training examples before the first step.
        epochs: complete ones, in order.
        stopped: why it ended.
        broken_off: epoch and batch (from 1) in which the loss became infinite or NaN.
        train_answers, validation_answers: how many examples the accuracies are shares of; 0 where
            they are none of examples, or nobody wrote it down.
    """

    optimizer: str
    seed: int
    classes: int
    start_loss: float
    epochs: tuple[Epoch, ...] = ()
    stopped: Stopped = "running"
    broken_off: tuple[int, int] | None = None
    train_answers: int = 0
    validation_answers: int = 0

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept: the best score, the earliest of equal ones."""
        return max(self.epochs, key=lambda epoch: epoch.score, default=None)

    @property
    def first_loss(self) -> float:
        """What losses are measured by: the one before the first step, else that of epoch 1.

        Of a training that began perfect, a tiny number.
        """
        start = self.start_loss
        if not math.isfinite(start):
            start = self.epochs[0].train_loss
        return max(start, 1e-12) if math.isfinite(start) else math.inf

    @property
    def seconds(self) -> float:
        """Time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)

    def with_epoch(self, epoch: Epoch) -> History:
        """One epoch longer."""
        return replace(self, epochs=(*self.epochs, epoch))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and checkpoints; numbers that are not finite become None."""
        plain: dict[str, Any] = _finite(asdict(self))
        return plain


def _finite(value: Any) -> Any:  # noqa: ANN401 - plain values of any type
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def history_from(plain: Mapping[str, Any]) -> History:
    """The inverse of ``to_dict``.

    Raises:
        ValueError: it has other fields than a history.
    """
    try:
        known = {**plain, "epochs": tuple(map(_epoch_from, plain["epochs"]))}
        broken_off = plain["broken_off"]
        known["broken_off"] = None if broken_off is None else tuple(broken_off)
        known["start_loss"] = _number(plain["start_loss"])
        return History(**known)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no history of a training: {error}") from error


def _epoch_from(plain: Mapping[str, Any]) -> Epoch:
    values = {field.name: plain[field.name] for field in fields(Epoch)}
    values["batch_losses"] = tuple(map(_number, plain["batch_losses"]))
    values["train_loss"] = _number(plain["train_loss"])
    return Epoch(**values)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
