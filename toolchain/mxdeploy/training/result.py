"""What came out of a training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdeploy.errors import Diagnostic
from mxdeploy.recipe import Recipe

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.checkpoint import Checkpoint
    from mxdeploy.stages.s0_train.diagnosis import Verdict
    from mxdeploy.stages.s0_train.history import Epoch, History
    from mxdeploy.training.aware import Aware
    from mxdeploy.training.mapping import Mapped

BEST_FILE = "best.ckpt"
LAST_FILE = "last.ckpt"
HISTORY_FILE = "history.json"
MODEL_FILE = "model.onnx"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One training of possibly several: its name (empty if it is the only one) and its end."""

    name: str
    recipe: Recipe
    history: History
    best: Checkpoint

    @property
    def ended(self) -> str:
        """Why it ended, where it did not go through all its epochs; else empty."""
        from mxdeploy.stages.s0_train.history import ENDED

        return "" if self.history.stopped == "epochs" else ENDED[self.history.stopped]

    @property
    def verdict(self) -> Verdict:
        """What its history says."""
        from mxdeploy.stages.s0_train.diagnosis import diagnose

        return diagnose(self.history)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known before anything is trained.

    Attributes:
        shape: of one input.
        examples: how many there are, by part.
        counts: training examples of each class.
        mapped: whether the chip takes the network.
    """

    shape: tuple[int, ...]
    examples: dict[str, int]
    counts: dict[str, int]
    mapped: Mapped

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "input": list(self.shape),
            "examples": self.examples,
            "classes": self.counts,
            "fits": self.mapped.layers is not None,
            "layers": self.mapped.layers,
            "cycles": self.mapped.cycles,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """The result.

    Attributes:
        out: result folder.
        runs: all trainings.
        chosen: the one with the best epoch.
        test_accuracy, test_loss, test_examples: of the chosen one, on test examples; None without.
        parameters: numbers that were learned.
        mapped: whether the chip takes the network.
        aware: what training with the chip's arithmetic gave afterwards; None without.
    """

    out: Path
    runs: tuple[Run, ...]
    chosen: Run
    test_accuracy: float | None
    test_loss: float | None
    test_examples: int
    parameters: int
    mapped: Mapped
    aware: Aware | None = None

    def to_dict(self) -> dict[str, Any]:
        """For ``history.json`` and ``--json``."""
        best = self.chosen.history.best
        return {
            "chosen": self.chosen.name,
            "best_epoch": None if best is None else best.number,
            "parameters": self.parameters,
            "layers": self.mapped.layers,
            "cycles": self.mapped.cycles,
            "test": {
                "examples": self.test_examples,
                "accuracy": self.test_accuracy,
                "loss": self.test_loss,
            },
            "runs": [
                {"name": r.name, **r.history.to_dict(), "verdict": asdict(r.verdict)}
                for r in self.runs
            ],
            "aware": None if self.aware is None else self.aware.to_dict(),
        }


def epoch_text(history: History, epochs: int, name: str) -> str:
    """A complete epoch in one line."""
    epoch = history.epochs[-1]
    parts = [f"loss {epoch.train_loss:.4f}"]
    if epoch.train_accuracy is not None:
        parts.append(f"train {epoch.train_accuracy:.2%}")
    if epoch.validation_loss is not None:
        parts.append(f"validation loss {epoch.validation_loss:.4f}")
    if epoch.validation_accuracy is not None:
        parts.append(f"validation {epoch.validation_accuracy:.2%}")
    start = f"{name}: " if name else ""
    return f"{start}epoch {epoch.number}/{epochs}: {', '.join(parts)}, {epoch.seconds:.1f} s"


def judged_text(epoch: Epoch) -> str:
    """The one number by which an epoch is judged."""
    part = "training" if epoch.validation_loss is None else "validation"
    if epoch.accuracy is None:
        return f"{part} loss {epoch.loss:.3f}"
    return f"{part} {epoch.accuracy:.1%}"


def diverged(run: Run, severity: str = "error") -> Diagnostic:
    """Why a training gave nothing more, as the error or a warning."""
    epoch, batch = run.history.broken_off or (0, 0)
    rate = run.recipe.optimizer.used_rate
    if (epoch, batch) == (1, 1):
        return Diagnostic(
            code="MX0043",
            where=run.name or "training",
            what="the loss is infinite or NaN before the first step",
            why="no learning rate mends that: the network gives such values, or the data are "
            "extreme",
            fix="look for divisions, logarithms and roots in forward(), and at the values that "
            "mxdeploy data shows",
            severity="warning" if severity == "warning" else "error",
        )
    return Diagnostic(
        code="MX0063",
        where=run.name or "training",
        what=f"diverged: the loss became infinite in epoch {epoch}, batch {batch}",
        why=f"steps of {run.recipe.optimizer.name} with rate {rate:g} are too large, or the data "
        "hold extreme values",
        fix=f"a smaller rate: --set optimizer.rate={rate / 10:g}",
        severity="warning" if severity == "warning" else "error",
    )
