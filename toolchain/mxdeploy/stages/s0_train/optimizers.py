"""Optimizers and learning-rate schedules of torch, from a recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from mxdeploy.recipe import OptimizerSection, ScheduleSection


def make_optimizer(
    parameters: Iterable[torch.nn.Parameter], section: OptimizerSection
) -> Optimizer:
    """The optimizer of a recipe."""
    chosen = [p for p in parameters if p.requires_grad]
    rate, decay = section.used_rate, section.used_weight_decay
    match section.name:
        case "gradient_descent":
            return torch.optim.SGD(chosen, lr=rate, weight_decay=decay)
        case "sgd" | "momentum" | "nesterov":
            return torch.optim.SGD(
                chosen,
                lr=rate,
                momentum=section.used_momentum,
                nesterov=section.nesterov or section.name == "nesterov",
                weight_decay=decay,
            )
        case "adagrad":
            return torch.optim.Adagrad(chosen, lr=rate, weight_decay=decay)
        case "rmsprop":
            return torch.optim.RMSprop(
                chosen, lr=rate, momentum=section.used_momentum, weight_decay=decay
            )
        case "adam":
            return torch.optim.Adam(chosen, lr=rate, weight_decay=decay)
        case "adamw":
            return torch.optim.AdamW(chosen, lr=rate, weight_decay=decay)


class Schedule:
    """Changes an optimizer's learning rate after every step and after every epoch."""

    def __init__(
        self, optimizer: Optimizer, section: ScheduleSection, *, epochs: int, steps: int
    ) -> None:
        """``steps``: of the optimizer in one epoch."""
        self._optimizer = optimizer
        self._per_step: LRScheduler | None = None
        self._per_epoch: ReduceLROnPlateau | None = None
        if section.name == "one_cycle":
            total = max(2, epochs * steps)
            # torch divides by the number of steps that rise, less one
            rising = 0.0 if section.used_warmup * total == 1 else section.used_warmup
            self._per_step = OneCycleLR(
                optimizer,
                max_lr=optimizer.param_groups[0]["lr"],
                total_steps=total,
                pct_start=rising,
                cycle_momentum=optimizer.defaults.get("momentum", 0) > 0,
            )
        elif section.name == "plateau":
            self._per_epoch = ReduceLROnPlateau(
                optimizer, factor=section.factor, patience=section.patience
            )
        else:
            self._per_step = LambdaLR(
                optimizer, lambda step: rate_factor(section, step, epochs=epochs, steps=steps)
            )

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def after_step(self) -> None:
        """The optimizer has taken a step."""
        if self._per_step is not None:
            self._per_step.step()

    def after_epoch(self, loss: float) -> None:
        """An epoch is over; ``loss``: on validation examples, if there are any."""
        if self._per_epoch is not None:
            self._per_epoch.step(loss)

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint: numbers only."""
        inner = self._per_step or self._per_epoch
        state = {} if inner is None else inner.state_dict()
        return {key: value for key, value in state.items() if _plain(value)}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from a checkpoint."""
        inner = self._per_step or self._per_epoch
        if isinstance(inner, LambdaLR):
            state = {**state, "lr_lambdas": [None]}
        if inner is not None:
            inner.load_state_dict(state)


def _plain(value: object) -> bool:
    return isinstance(value, int | float | str | bool | None) or (
        isinstance(value, list) and all(isinstance(v, int | float) for v in value)
    )


def rate_factor(section: ScheduleSection, step: int, *, epochs: int, steps: int) -> float:
    """What the rate is multiplied by in ``step`` (from 0) of the whole training.

    For the schedules ``constant``, ``cosine`` and ``step``.
    """
    total = max(1, epochs * steps)
    rising = round(section.used_warmup * total)
    if step < rising:
        return (step + 1) / (rising + 1)
    if section.name == "step":
        return float(section.factor ** (step // (section.every * steps)))
    if section.name == "cosine":
        done = min(1.0, (step - rising) / max(1, total - rising))
        return section.floor + (1 - section.floor) * (1 + math.cos(math.pi * done)) / 2
    return 1.0
