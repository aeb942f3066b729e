"""Statistics of pixels, against brute force, published quantiles and simulated images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.pixel_accuracy import (
    Counts,
    PixelAccuracy,
    PixelComparison,
    confusion,
    jackknife,
    mean_union,
    share_right,
    student,
)

CLASSES = 3


def maps(seed: int, count: int = 4, side: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CLASSES, (count, side, side))


def compared(wanted: np.ndarray, before: np.ndarray, after: np.ndarray) -> PixelComparison:
    return PixelComparison(
        first=confusion(wanted, before, CLASSES),
        second=confusion(wanted, after, CLASSES),
        changed=(before != after).sum(axis=(1, 2)),
        gained=((after == wanted) & (before != wanted)).sum(axis=(1, 2)),
    )


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_counts_shares_and_unions(seed: int, count: int, side: int) -> None:
    """Against sets of pixels."""
    wanted, chosen = maps(seed, count, side), maps(seed + 1, count, side)
    found = PixelAccuracy(images=confusion(wanted, chosen, CLASSES))
    assert found.correct == int((wanted == chosen).sum())
    assert found.total == wanted.size
    expected = []
    for label in range(CLASSES):
        have, given_it = (set(np.flatnonzero(m == label).tolist()) for m in (wanted, chosen))
        expected.append(len(have & given_it) / len(have | given_it) if have else None)
    assert found.to_dict()["iou"] == expected
    assert found.mean_iou == pytest.approx(np.mean([e for e in expected if e is not None]))


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [
        (1, 12.7062),
        (2, 4.3027),
        (3, 3.1824),
        (4, 2.7764),
        (9, 2.2622),
        (30, 2.0423),
        (1000, 1.9623),
    ],
)
def test_students_quantiles(freedom: int, quantile: float) -> None:
    """From the tables."""
    assert student(freedom) == pytest.approx(quantile, rel=2e-3)


def test_the_interval_of_a_share_is_students_over_images() -> None:
    """The paired t interval of the differences between two forms, written out."""
    wanted = maps(1, 7)
    before, after = np.where(maps(2, 7) > 0, wanted, 0), np.where(maps(3, 7) > 0, wanted, 1)
    found = compared(wanted, before, after)
    each = (after == wanted).mean(axis=(1, 2)) - (before == wanted).mean(axis=(1, 2))
    half = student(6) * each.std(ddof=1) / math.sqrt(7)
    assert found.difference(share_right) == pytest.approx(each.mean())
    assert found.interval(share_right) == pytest.approx((each.mean() - half, each.mean() + half))
    assert found.lost == int(((before == wanted) & (after != wanted)).sum())
    assert found.to_dict()["changed"] == int((before != after).sum())


def test_one_image_says_nothing_about_others() -> None:
    found = compared(maps(1, 1), maps(2, 1), maps(3, 1))
    assert found.interval(mean_union) is None
    assert found.to_dict()["interval"] is None
    assert "interval" not in found.to_text()


@pytest.mark.parametrize("statistic", [share_right, mean_union])
def test_intervals_hold_what_they_promise(statistic: object) -> None:
    """Images that are right or wrong as a whole surface: 95 % of the intervals hold the truth.

    An interval over independent pixels would be so narrow that most would miss it.
    """
    random = np.random.default_rng(5)

    def images(count: int) -> Counts:
        quality = random.beta(6, 2, (count, 1))
        size = np.array([[200, 100]])
        right = random.binomial(size, quality)
        counts = np.zeros((count, 2, 2), np.int64)
        counts[:, [0, 1], [0, 1]], counts[:, [0, 1], [1, 0]] = right, size - right
        return counts

    truth = float(statistic(images(200_000).sum(axis=0)))  # type: ignore[operator]
    held = narrow = 0
    for _ in range(400):
        drawn = images(20)
        low, high = jackknife(statistic, drawn) or (0.0, 0.0)  # type: ignore[arg-type]
        held += low <= truth <= high
        share = float(share_right(drawn.sum(axis=0)))
        half = 1.96 * math.sqrt(share * (1 - share) / drawn.sum())
        narrow += (
            abs(share - float(share_right(drawn.sum(axis=0)))) <= half and 2 * half > high - low
        )
    assert 0.92 <= held / 400 <= 0.98
    assert narrow == 0
