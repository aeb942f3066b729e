"""How many answers are right, how sure that is, and what differs between two sets of answers.

Two forms of a network answer the same inputs, so their accuracies are compared input by input: what
both get right or wrong says nothing about the difference, and an interval made of the two
accuracies' own intervals would be far too wide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text

Z_95 = 1.959964
"""Standard normal quantile of a 95 % interval."""
Z_95_ONE_SIDED = 1.644854
"""The same of a 95 % limit on one side."""
_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How many inputs were classified right."""

    correct: int
    total: int

    @property
    def share(self) -> float:
        """Right answers, 0..1."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        n, p, z2 = self.total, self.share, Z_95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, centre - half), min(1.0, centre + half)

    def to_text(self) -> str:
        """``   918 of 1017 right = 90.27%  (95 % interval 88.29% .. 91.94%)``."""
        low, high = self.interval
        return (
            f"{self.correct:6} of {self.total} right = {self.share:.2%}"
            f"  (95 % interval {low:.2%} .. {high:.2%})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedComparison:
    """What differs between two sets of answers on the same inputs.

    Attributes:
        total: number of inputs.
        changed: inputs with another answer (one wrong class for another included).
        gained: inputs that only the second set has right.
        lost: inputs that only the first set has right.
    """

    total: int
    changed: int
    gained: int
    lost: int

    @property
    def difference(self) -> float:
        """Accuracy of the second set minus that of the first, -1..1."""
        return (self.gained - self.lost) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Tango's 95 % score interval of the difference (Statistics in Medicine 17, 1998, 891-908).

        All differences that a score test for paired proportions does not reject. For a difference
        of zero that test is McNemar's, so that the interval excludes zero exactly when McNemar's
        asymptotic test is significant at 5 %.
        """
        return (
            -_upper_limit(gained=self.lost, lost=self.gained, total=self.total, z=Z_95),
            _upper_limit(gained=self.gained, lost=self.lost, total=self.total, z=Z_95),
        )

    @property
    def most_lost(self) -> float:
        """The largest loss that agrees with what was seen, at 95 % on this side alone."""
        return _upper_limit(gained=self.lost, lost=self.gained, total=self.total, z=Z_95_ONE_SIDED)

    @property
    def p_value(self) -> float:
        """McNemar's exact test: how likely so uneven a split is if gaining and losing are even."""
        pairs, fewer = self.gained + self.lost, min(self.gained, self.lost)
        ways = sum(math.comb(pairs, k) for k in range(fewer + 1))
        return min(1.0, 2 * ways / (1 << pairs))

    def to_text(self) -> str:
        """One line: ``27 answers changed (8 gained, 12 lost): -0.39 points (95 % interval …)``."""
        low, high = self.interval
        changed = text.count(self.changed, "answer")
        return (
            f"{changed} changed ({self.gained} gained, {self.lost} lost): "
            f"{100 * self.difference:+.2f} points "
            f"(95 % interval {100 * low:+.2f} .. {100 * high:+.2f}, McNemar p = {self.p_value:.2g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; difference and interval as shares, like accuracies."""
        return {
            "total": self.total,
            "changed": self.changed,
            "gained": self.gained,
            "lost": self.lost,
            "difference": self.difference,
            "interval": list(self.interval),
            "mcnemar_p": self.p_value,
        }


def difference_interval(first: Accuracy, second: Accuracy) -> tuple[float, float]:
    """95 % interval of the first accuracy minus the second, on inputs that have nothing in common.

    Newcombe's, made of Wilson's two (Statistics in Medicine 17, 1998, 873-890, method 10). For
    answers to the same inputs it is too wide: ``PairedComparison`` knows better there.
    """
    (low, high), (other_low, other_high) = first.interval, second.interval
    difference = first.share - second.share
    return (
        difference - math.hypot(first.share - low, other_high - second.share),
        difference + math.hypot(high - first.share, second.share - other_low),
    )


def compare_answers(
    first: NDArray[np.int64], second: NDArray[np.int64], labels: NDArray[np.int64]
) -> PairedComparison:
    """Compare two sets of answers (n,) with the truth (n,), input by input."""
    before, after = first == labels, second == labels
    return PairedComparison(
        total=len(labels),
        changed=int((first != second).sum()),
        gained=int((after & ~before).sum()),
        lost=int((before & ~after).sum()),
    )


def _upper_limit(*, gained: int, lost: int, total: int, z: float) -> float:
    """The largest difference that the score test accepts, by halving."""
    low, high = (gained - lost) / total, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _score(middle, gained, lost, total) >= -z:
            low = middle
        else:
            high = middle
    return high


def _score(difference: float, gained: int, lost: int, total: int) -> float:
    """Tango's score statistic for a supposed difference below 1; it falls as that grows.

    ``share`` is the most likely share of losses under the supposed difference.
    """
    b = (2 * total - gained + lost) * difference - gained - lost
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(b * b - 8 * total * c) - b) / (4 * total)
    variance = total * (2 * share + difference * (1 - difference))
    distance = gained - lost - total * difference
    return distance / math.sqrt(variance) if variance > 0 else -math.copysign(math.inf, -distance)
