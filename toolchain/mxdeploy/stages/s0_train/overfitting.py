"""What points to overfitting, and whether chance alone explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mxdeploy.accuracy import Accuracy, difference_interval
from mxdeploy.stages.s0_train.history import Epoch, History
from mxdeploy.text import count

RISE = 0.1
"""Validation losses this much above their least one have turned."""
GAP = 0.1
"""Accuracies this far apart show that examples are remembered, not understood."""
SAME = 0.05
"""Validation losses are equal up to this share: they are noisy."""
STAGNANT = 0.02
"""Less than this share of the start, over the last third, is standing still."""
TURN_EPOCHS = 2
"""So many epochs behind the least validation loss are a trend."""
_RECENT = 3
"""What so many last epochs have in common is no whim of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What points to overfitting.

    Attributes:
        judged: the epochs with a validation loss.
        least: the first of them whose validation loss is about the least.
        turned: the validation loss has risen since, while the training loss still fell.
        wide: training examples are right much more often than validation examples.
    """

    judged: tuple[Epoch, ...]
    least: Epoch
    turned: bool
    wide: bool

    @property
    def last(self) -> Epoch:
        """The last epoch."""
        return self.judged[-1]

    @property
    def behind(self) -> int:
        """Epochs since the least validation loss."""
        return self.last.number - self.least.number

    def losses(self) -> tuple[str, ...]:
        """How the losses went apart, in words."""
        least, last = self.least, self.last
        fell = f"the training loss fell from {least.train_loss:.3g} to {last.train_loss:.3g}"
        if self.turned:
            risen = f"{least.loss:.3g} to {_recent_loss(self.judged):.3g}"
            return (
                f"since epoch {least.number} the validation loss has risen from {risen}, while "
                + fell,
            )
        if self.behind:
            floor = min(e.loss for e in self.judged)
            slower = f"the validation loss only from {least.loss:.3g} to {floor:.3g}"
            return (f"since epoch {least.number} {fell}, {slower}",)
        return ()


def signs_of(history: History) -> Signs | None:
    """The validation loss has turned while the training loss still falls, or a wide gap is open."""
    judged = tuple(e for e in history.epochs if e.validation_loss is not None)
    if not judged:
        return None
    floor = min(e.loss for e in judged)
    least, last = next(e for e in judged if e.loss <= (1 + SAME) * floor), judged[-1]
    rise = _recent_loss(judged) - least.loss
    turned = (
        last.number - least.number >= TURN_EPOCHS
        and rise > RISE * least.loss
        and rise > STAGNANT * history.first_loss
        and last.train_loss < least.train_loss
    )
    gap = gap_of(last)
    wide = gap is not None and gap >= GAP and last.loss > (1 + RISE) * last.train_loss
    if not turned and not wide:
        return None
    return Signs(judged=judged, least=least, turned=turned, wide=wide)


def _recent_loss(judged: Sequence[Epoch]) -> float:
    return median(e.loss for e in judged[-_RECENT:])


def doubt_of(history: History) -> str | None:
    """That accuracies are apart by chance, perhaps; None if they are not, or nobody can know.

    Where examples are remembered, training examples are right more often. Of few validation
    examples so many more or fewer may be right by chance that neither the accuracies nor the losses
    of one training tell.
    """
    recent = history.epochs[-_RECENT:]
    trained = _usual([e.train_accuracy for e in recent], history.train_answers)
    judged = _usual([e.validation_accuracy for e in recent], history.validation_answers)
    if trained is None or judged is None:
        return None
    low, high = difference_interval(trained, judged)
    if low > 0:
        return None
    return (
        f"{trained.share:.1%} of {count(trained.total, 'training example')} and "
        f"{judged.share:.1%} of {count(judged.total, 'validation example')} are right: so great a "
        f"difference may be chance (95 % interval {100 * low:+.1f} .. {100 * high:+.1f} points)"
    )


def _usual(shares: Sequence[float | None], answers: int) -> Accuracy | None:
    """The accuracy of most of the last epochs."""
    known = [share for share in shares if share is not None]
    if not (known and answers):
        return None
    return Accuracy(correct=round(median(known) * answers), total=answers)


def lasting_gap(judged: Sequence[Epoch]) -> int:
    """The epoch from which on training examples are always much more often right."""
    narrow = [e.number for e in judged if (gap_of(e) or 0.0) < GAP]
    return narrow[-1] + 1 if narrow else judged[0].number


def gap_of(epoch: Epoch) -> float | None:
    """How much more often training examples are right than validation examples."""
    if epoch.train_accuracy is None or epoch.validation_accuracy is None:
        return None
    return epoch.train_accuracy - epoch.validation_accuracy
