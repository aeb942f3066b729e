"""Accuracy where every pixel has a class, and how sure it is.

Pixels of one image are not independent: a whole surface is right or wrong together. So intervals
are over images, as if others of the same kind had been drawn. Both measures are functions of sums
over images, of which the jackknife gives an interval: each image is left out once (Tukey 1958). For
the share of right pixels in images of one size, that is Student's interval of the mean over images,
and of two forms on the same images, that of the paired differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.accuracy import Z_95
from mxdeploy.text import count

Counts = NDArray[np.int64]
"""Pixels by their right class (rows) and by the class chosen (columns): (..., classes, classes)."""
Interval = tuple[float, float]

_CLOSED_FORM = {1: math.tan(0.475 * math.pi), 2: 0.95 * math.sqrt(2 / (1 - 0.95**2))}


def confusion(wanted: NDArray[np.int64], chosen: NDArray[np.int64], classes: int) -> Counts:
    """Counts (n, classes, classes) of n images, from classes of pixels (n, H, W)."""
    pairs = (wanted * classes + chosen).reshape(len(wanted), -1)
    counts = [np.bincount(image, minlength=classes * classes) for image in pairs]
    return np.array(counts, dtype=np.int64).reshape(-1, classes, classes)


def share_right(counts: Counts) -> NDArray[np.float64]:
    """Share of right pixels, (...)."""
    right = np.trace(counts, axis1=-2, axis2=-1)
    shares: NDArray[np.float64] = right / counts.sum(axis=(-2, -1))
    return shares


def unions(counts: Counts) -> NDArray[np.float64]:
    """Intersection over union of every class (..., classes); NaN for classes that do not occur.

    That is: pixels that have the class and were given it, of those that have it or were given it.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    having, given = counts.sum(axis=-1), counts.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(having > 0, right / (having + given - right), np.nan)


def mean_union(counts: Counts) -> NDArray[np.float64]:
    """Mean intersection over union, (...): of the classes that occur, all alike."""
    found = unions(counts)
    occurs = ~np.isnan(found)
    means: NDArray[np.float64] = np.where(occurs, found, 0).sum(axis=-1) / occurs.sum(axis=-1)
    return means


def jackknife(
    statistic: Callable[[Counts], NDArray[np.float64]], images: Counts
) -> Interval | None:
    """95 % interval of a statistic of sums over images; None for a single image.

    Args:
        statistic: of sums (...) to numbers; takes several sums at once, along further first axes.
        images: what is summed, (n, ...).
    """
    count = len(images)
    if count == 1:
        return None
    total = images.sum(axis=0)
    whole = float(statistic(total[None])[0])
    pseudo = count * whole - (count - 1) * statistic(total - images)
    half = student(count - 1) * float(pseudo.std(ddof=1)) / math.sqrt(count)
    centre = float(pseudo.mean())
    return centre - half, centre + half


def student(freedom: int) -> float:
    """Student's quantile of a two-sided 95 % interval, to 0.2 %."""
    if freedom in _CLOSED_FORM:
        return _CLOSED_FORM[freedom]
    z = Z_95  # Abramowitz and Stegun 26.7.5
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelAccuracy:
    """How many pixels got their class.

    Attributes:
        images: counts of every image, (n, classes, classes).
    """

    images: Counts

    @property
    def counts(self) -> Counts:
        """Of all images together, (classes, classes)."""
        total: Counts = self.images.sum(axis=0)
        return total

    @property
    def correct(self) -> int:
        """Right pixels."""
        return int(np.trace(self.counts))

    @property
    def total(self) -> int:
        """Pixels."""
        return int(self.images.sum())

    @property
    def share(self) -> float:
        """Right pixels, 0..1."""
        return self.correct / self.total

    @property
    def mean_iou(self) -> float:
        """Mean intersection over union, 0..1."""
        return float(mean_union(self.counts))

    def to_text(self) -> str:
        """``91.20% of 81,920 pixels right (95 % interval … .. …), mean IoU 71.30% (…)``."""
        return (
            f"{self.share:.2%} of {self.total:,} pixels right{_spread(share_right, self.images)}, "
            f"mean IoU {self.mean_iou:.2%}{_spread(mean_union, self.images)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; shares 0..1, classes in the order of their numbers."""
        counts = self.counts
        return {
            "correct": self.correct,
            "total": self.total,
            "share": self.share,
            "interval": _listed(jackknife(share_right, self.images)),
            "mean_iou": self.mean_iou,
            "mean_iou_interval": _listed(jackknife(mean_union, self.images)),
            "iou": [None if math.isnan(x) else x for x in unions(counts).tolist()],
            "confusion": counts.tolist(),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelComparison:
    """What differs between two forms on the same images.

    Attributes:
        first, second: counts of every image, (n, classes, classes).
        changed: pixels of every image that got another class, (n,).
        gained: pixels of every image that only the second form has right, (n,).
    """

    first: Counts
    second: Counts
    changed: NDArray[np.int64]
    gained: NDArray[np.int64]

    @property
    def pixels(self) -> int:
        """Of all images."""
        return int(self.first.sum())

    @property
    def lost(self) -> int:
        """Pixels that only the first form has right."""
        difference = int(np.trace((self.second - self.first).sum(axis=0)))
        return int(self.gained.sum()) - difference

    def difference(self, statistic: Callable[[Counts], NDArray[np.float64]]) -> float:
        """The second form's measure minus the first's."""
        return float(statistic(self.second.sum(axis=0)) - statistic(self.first.sum(axis=0)))

    def interval(self, statistic: Callable[[Counts], NDArray[np.float64]]) -> Interval | None:
        """Of the difference, over images."""

        def differences(both: Counts) -> NDArray[np.float64]:
            return statistic(both[:, 1]) - statistic(both[:, 0])

        return jackknife(differences, np.stack((self.first, self.second), axis=1))

    def to_text(self) -> str:
        """One line: pixels that changed, and both differences in points."""
        said = []
        for name, statistic in (("", share_right), ("mean IoU ", mean_union)):
            found, interval = self.difference(statistic), self.interval(statistic)
            spread = (
                ""
                if interval is None
                else f" (95 % interval {100 * interval[0]:+.2f} .. {100 * interval[1]:+.2f})"
            )
            said.append(f"{name}{100 * found:+.2f} points{spread}")
        images, all_images = int((self.changed > 0).sum()), count(len(self.changed), "image")
        return (
            f"{int(self.changed.sum()) / self.pixels:.2%} of the pixels changed, in {images} of "
            f"{all_images} ({int(self.gained.sum())} gained, {self.lost} lost): "
            f"{', '.join(said)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; differences and intervals as shares."""
        return {
            "images": len(self.changed),
            "images_changed": int((self.changed > 0).sum()),
            "total": self.pixels,
            "changed": int(self.changed.sum()),
            "gained": int(self.gained.sum()),
            "lost": self.lost,
            "difference": self.difference(share_right),
            "interval": _listed(self.interval(share_right)),
            "mean_iou_difference": self.difference(mean_union),
            "mean_iou_interval": _listed(self.interval(mean_union)),
        }


def _spread(statistic: Callable[[Counts], NDArray[np.float64]], images: Counts) -> str:
    interval = jackknife(statistic, images)
    if interval is None:
        return ""
    return f" (95 % interval {max(0.0, interval[0]):.2%} .. {min(1.0, interval[1]):.2%})"


def _listed(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)
