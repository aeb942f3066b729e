"""The training loop: ignite's engine, with what happens in it.

``fit`` trains any module on a recipe's data. One step is one batch, and an epoch ends with a
measurement on validation examples and on as many training examples, as they are and in evaluation
mode, so that the two can be compared.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from torch import nn

from mxdeploy.recipe import OptimizerSection, ScheduleSection, TrainingSection
from mxdeploy.stages.s0_train.augment import Strengths
from mxdeploy.stages.s0_train.history import Epoch, History, Stopped, history_from
from mxdeploy.stages.s0_train.losses import Objective
from mxdeploy.stages.s0_train.measure import measure
from mxdeploy.stages.s0_train.optimizers import Schedule, make_optimizer
from mxdeploy.stages.s0_train.processes import average_buffers, shared_mean, spread_over
from mxdeploy.stages.s0_train.samples import Batch, Batches, Samples, seed_of

TRACE_POINTS = 32
"""Losses that are kept of each epoch."""
MEASURED_WITHOUT_VALIDATION = 2000
_IMAGE_BATCH_AXES = 4

State = dict[str, Any]
Weights = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitData:
    """Examples to learn from, and examples to judge every epoch (may be none)."""

    train: Samples
    validation: Samples | None

    def to(self, device: torch.device) -> FitData:
        """The same on another device."""
        validation = None if self.validation is None else self.validation.to(device)
        return FitData(train=self.train.to(device), validation=validation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Teacher:
    """A network that does not learn, to be imitated.

    Attributes:
        answer: its outputs to a batch of inputs, without gradients.
        share: of the loss that is unlikeness to them, 0..1; the rest is the labels'.
    """

    answer: Callable[[torch.Tensor], torch.Tensor]
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How to train.

    Attributes:
        objective: what is made small.
        training: epochs, batch size, seed, when to stop.
        optimizer: steps.
        schedule: learning rates.
        strengths: augmentations.
        classes: how many there are; 0 for a reconstruction.
        teacher: a network whose outputs are to be met as well as the labels.
    """

    objective: Objective
    training: TrainingSection
    optimizer: OptimizerSection
    schedule: ScheduleSection
    strengths: Strengths
    classes: int
    teacher: Teacher | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who is told of the progress.

    Attributes:
        on_batch: epoch and batch, both from 1, and the batch's loss.
        on_epoch: the history so far, and a function that gives the state to go on from.
    """

    on_batch: Callable[[int, int, float], None] = lambda _epoch, _batch, _loss: None
    on_epoch: Callable[[History, Callable[[], State]], None] = lambda _history, _state: None


def fit(
    module: nn.Module,
    data: FitData,
    settings: FitSettings,
    *,
    watcher: Watcher | None = None,
    resume: Mapping[str, Any] | None = None,
) -> History:
    """Train ``module`` in place; it is left with the weights of its best epoch.

    Args:
        module: any module, on the device of ``data``.
        data: examples.
        settings: how.
        watcher: who is told.
        resume: a state that ``on_epoch`` gave; the training goes on behind its last epoch and
            ends as if it had never been interrupted.

    Returns:
        All epochs, including those before ``resume``, and why it ended.
    """
    return _Fit(module, data, settings, watcher or Watcher()).run(resume)


class _Fit:
    def __init__(
        self, module: nn.Module, data: FitData, settings: FitSettings, watcher: Watcher
    ) -> None:
        if data.train.inputs.ndim == _IMAGE_BATCH_AXES:
            # nearly twice as fast on CPUs; the annotations of torch lack this form of the call
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._module = module
        self._replica = spread_over(module)
        self._data = data
        self._settings = settings
        self._watcher = watcher
        training = settings.training
        self._batches = Batches(
            data.train,
            size=training.batch,
            seed=training.seed,
            strengths=settings.strengths,
            process=(idist.get_rank(), idist.get_world_size()),
        )
        self._whole = settings.optimizer.name == "gradient_descent"
        self._optimizer = make_optimizer(module.parameters(), settings.optimizer)
        steps = 1 if self._whole else len(self._batches)
        self._schedule = Schedule(
            self._optimizer, settings.schedule, epochs=training.epochs, steps=steps
        )
        self._sample = _measured_part(data)
        self._losses: list[float] = []
        self._best: Weights = _copied(module)
        self._began = self._epoch_began = time.monotonic()
        self._history = History(
            optimizer=settings.optimizer.name,
            seed=training.seed,
            classes=settings.classes,
            start_loss=math.nan,
        )

    def run(self, resume: Mapping[str, Any] | None) -> History:
        if resume is not None:
            self._load(resume)
        else:
            start = measure(self._module, self._sample, self._settings.objective)
            self._history = replace(self._history, start_loss=start.loss)
        done = len(self._history.epochs)
        self._history = replace(self._history, stopped=self._why_stop() or "running")
        if self._history.stopped == "running":
            engine = Engine(lambda _engine, batch: self._step(batch))
            engine.logger.disabled = True
            engine.add_event_handler(Events.EPOCH_STARTED, self._before_epoch)
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._after_step)
            engine.add_event_handler(Events.EPOCH_COMPLETED, self._after_epoch)
            length = len(self._batches)
            engine.load_state_dict(
                {
                    "epoch": done,
                    "max_epochs": self._settings.training.epochs,
                    "epoch_length": length,
                }
            )
            engine.run(self._batches.from_epoch(done + 1), epoch_length=length)
        self._module.load_state_dict(self._best)
        self._module.eval()
        return self._history

    def _before_epoch(self, _engine: Engine) -> None:
        self._replica.train()
        self._losses = []
        self._rate = 0.0
        self._epoch_began = time.monotonic()
        self._optimizer.zero_grad(set_to_none=True)

    def _step(self, batch: Batch) -> float:
        """One batch; gradient descent only takes a step at the end of the epoch."""
        loss = self._loss(batch) * batch.share
        part = len(self._batches) if self._whole else 1
        torch.autograd.backward(loss / part)
        if not self._whole or len(self._losses) + 1 == len(self._batches):
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            self._rate = max(self._rate, self._schedule.rate)
            self._schedule.after_step()
        return shared_mean(float(loss.detach()))

    def _loss(self, batch: Batch) -> torch.Tensor:
        """How far the outputs are from what they should be, and from the teacher's."""
        objective, teacher = self._settings.objective, self._settings.teacher
        outputs = self._replica(batch.inputs)
        loss = objective.loss(outputs, batch.targets)
        if teacher is None:
            return loss
        unlike = objective.unlikeness(outputs, teacher.answer(batch.inputs))
        return (1 - teacher.share) * loss + teacher.share * unlike

    def _after_step(self, engine: Engine) -> None:
        loss = float(engine.state.output)  # type: ignore[arg-type]
        self._losses.append(loss)
        epoch, batch = engine.state.epoch, len(self._losses)
        if not math.isfinite(loss):
            self._history = replace(self._history, stopped="diverged", broken_off=(epoch, batch))
            engine.terminate()
            return
        self._watcher.on_batch(epoch, batch, loss)

    def _after_epoch(self, engine: Engine) -> None:
        average_buffers(self._module)
        fitted = measure(self._module, self._sample, self._settings.objective)
        judged = (
            None
            if self._data.validation is None
            else measure(self._module, self._data.validation, self._settings.objective)
        )
        epoch = Epoch(
            number=engine.state.epoch,
            rate=self._rate,
            batch_losses=_thinned(self._losses),
            train_loss=fitted.loss,
            train_accuracy=fitted.accuracy,
            validation_loss=None if judged is None else judged.loss,
            validation_accuracy=None if judged is None else judged.accuracy,
            seconds=time.monotonic() - self._epoch_began,
        )
        if not math.isfinite(fitted.loss):
            broken_off = (engine.state.epoch, len(self._losses))
            self._history = replace(self._history, stopped="diverged", broken_off=broken_off)
            engine.terminate()
            return
        self._schedule.after_epoch(epoch.loss)
        self._history = replace(
            self._history.with_epoch(epoch),
            train_answers=fitted.answers,
            validation_answers=0 if judged is None else judged.answers,
        )
        if self._history.best is epoch:
            self._best = _copied(self._module)
        reason = self._why_stop()
        self._history = replace(self._history, stopped=reason or "running")
        self._watcher.on_epoch(self._history, self._state)
        if reason is not None:
            engine.terminate()

    def _why_stop(self) -> Stopped | None:
        elapsed = shared_mean(time.monotonic() - self._began)
        return why_stop(self._history, self._settings.training, elapsed)

    def _state(self) -> State:
        return {
            "weights": _copied(self._module),
            "best_weights": self._best,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "history": self._history.to_dict(),
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        self._module.load_state_dict(state["weights"])
        self._best = dict(state["best_weights"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(dict(state["schedule"]))
        self._history = history_from(state["history"])


def why_stop(history: History, training: TrainingSection, elapsed: float) -> Stopped | None:
    """Is there a reason not to begin another epoch? ``elapsed``: seconds since the start."""
    if not history.epochs:
        return None
    last, best = history.epochs[-1], history.best
    if training.stop_below is not None and last.train_loss < training.stop_below:
        return "stop_below"
    if last.number >= training.epochs:
        return "epochs"
    if (
        training.patience is not None
        and best is not None
        and last.number - best.number >= training.patience
    ):
        return "patience"
    if training.max_minutes is not None:
        next_end = elapsed + history.seconds / len(history.epochs)
        if next_end > 60 * training.max_minutes:
            return "time"
    return None


def _measured_part(data: FitData) -> Samples:
    """Training examples that are measured after every epoch: as many as validation examples."""
    count = MEASURED_WITHOUT_VALIDATION if data.validation is None else len(data.validation)
    if count >= len(data.train):
        return data.train
    random = torch.Generator().manual_seed(seed_of(count, len(data.train)))
    return data.train.take(torch.randperm(len(data.train), generator=random)[:count])


def _copied(module: nn.Module) -> Weights:
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def _thinned(losses: list[float]) -> tuple[float, ...]:
    """Means over at most ``TRACE_POINTS`` parts of equal length."""
    parts = min(TRACE_POINTS, len(losses))
    ends = [len(losses) * k // parts for k in range(parts + 1)]
    return tuple(sum(losses[a:b]) / (b - a) for a, b in itertools.pairwise(ends))
