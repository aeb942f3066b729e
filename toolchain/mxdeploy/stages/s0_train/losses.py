"""Loss functions and what counts as right, by the task and by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.recipe import TrainingSection
from mxdeploy.stages.s0_train.samples import Samples, Task

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Outputs and targets of a batch to the mean loss, a scalar."""

FITTING: dict[Task, tuple[str, ...]] = {
    "classes": ("cross_entropy", "hinge", "bce"),
    "pixels": ("cross_entropy", "bce"),
    "reconstruction": ("mse", "l1"),
}
"""Losses for each task; the first is the one that ``auto`` takes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Objective:
    """What is made small, and what is counted as right.

    Attributes:
        name: of the loss.
        task: what the network gives.
        loss: mean over a batch.
    """

    name: str
    task: Task
    loss: LossFunction

    def unlikeness(self, outputs: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
        """How far ``outputs`` are from those of another network: mean over a batch, a scalar.

        Of classes it is the Kullback-Leibler divergence of the probabilities, of a reconstruction
        the loss.
        """
        if self.task == "reconstruction":
            return self.loss(outputs, taught)
        ours, theirs = (functional.log_softmax(x, dim=1) for x in (outputs, taught))
        return (theirs.exp() * (theirs - ours)).sum(dim=1).mean()

    def hits(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[int, int]:
        """How many classes (of examples or pixels) are right, of how many; 0 of 0 if none are."""
        if self.task == "reconstruction":
            return 0, 0
        return int((outputs.argmax(1) == targets).sum()), targets.numel()


def make_objective(section: TrainingSection, samples: Samples, classes: int) -> Objective:
    """The loss that a recipe asks for, on this kind of targets.

    Args:
        section: its keys ``loss``, ``label_smoothing`` and ``class_weights``.
        samples: training examples (the task, and how frequent classes are).
        classes: how many there are.

    Raises:
        UsageError: the loss does not suit the targets, or weights do not suit the classes.
    """
    task = samples.task
    name = FITTING[task][0] if section.loss == "auto" else section.loss
    if name not in FITTING[task]:
        raise UsageError(
            Diagnostic(
                code="MX0020",
                where="training.loss",
                what=f"{name} does not suit examples with {_TARGETS[task]}",
                why=f"there the loss is one of {', '.join(FITTING[task])}",
                fix=f"--set training.loss={FITTING[task][0]}",
            )
        )
    weights = _class_weights(section, samples, classes)
    return Objective(name=name, task=task, loss=_loss(name, section, weights, classes))


_TARGETS: dict[Task, str] = {
    "classes": "a class each",
    "pixels": "a class per pixel",
    "reconstruction": "no labels",
}


def _loss(
    name: str, section: TrainingSection, weights: torch.Tensor | None, classes: int
) -> LossFunction:
    def on(outputs: torch.Tensor) -> torch.Tensor | None:
        return None if weights is None else weights.to(outputs.device)

    def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        smoothing = section.label_smoothing
        return functional.cross_entropy(
            outputs, targets, weight=on(outputs), label_smoothing=smoothing
        )

    def hinge(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.multi_margin_loss(outputs, targets, weight=on(outputs))

    def bce(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        wanted = functional.one_hot(targets, classes).movedim(-1, 1).to(outputs.dtype)
        each = on(outputs)
        shaped = None if each is None else each.view(1, -1, *[1] * (outputs.ndim - 2))
        return functional.binary_cross_entropy_with_logits(outputs, wanted, weight=shaped)

    named: dict[str, LossFunction] = {
        "cross_entropy": cross_entropy,
        "hinge": hinge,
        "bce": bce,
        "mse": functional.mse_loss,
        "l1": functional.l1_loss,
    }
    return named[name]


def _class_weights(section: TrainingSection, samples: Samples, classes: int) -> torch.Tensor | None:
    chosen = section.class_weights
    if chosen == "none" or samples.targets is None:
        return None
    if chosen == "balanced":
        counts = torch.bincount(samples.targets.reshape(-1).cpu(), minlength=classes)
        return counts.sum() / (classes * counts.clamp(min=1).float())
    if len(chosen) != classes:
        raise UsageError(
            Diagnostic(
                code="MX0021",
                where="training.class_weights",
                what=f"has {len(chosen)} numbers for {classes} classes",
                fix="give one number per class, or balanced",
            )
        )
    return torch.tensor(chosen, dtype=torch.float32)
