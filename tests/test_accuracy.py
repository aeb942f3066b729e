"""Intervals and tests of accuracies, against published examples and other ways to compute them."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.accuracy import Accuracy, PairedComparison, compare_answers, difference_interval

Z_95 = 1.959963985


def paired(gained: int, lost: int, total: int) -> PairedComparison:
    return PairedComparison(total=total, changed=gained + lost, gained=gained, lost=lost)


def test_published_score_interval() -> None:
    """Complete response before and after consolidation therapy (Cavo et al. 2012).

    Worked in Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables (2017),
    chapter 8.
    """
    assert paired(6, 16, 161).interval == pytest.approx((-0.1240, -0.0054), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "interval"),
    [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 10), (0.6075, 1.0000)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ],
)
def test_published_intervals_of_a_difference(
    first: tuple[int, int], second: tuple[int, int], interval: tuple[float, float]
) -> None:
    """Table II of Newcombe 1998, examples (a), (b), (h) and (d), method 10."""
    one, other = (Accuracy(correct=right, total=total) for right, total in (first, second))
    assert difference_interval(one, other) == pytest.approx(interval, abs=5e-5)
    low, high = difference_interval(other, one)
    assert (-high, -low) == pytest.approx(interval, abs=5e-5)


def test_published_exact_test() -> None:
    """The same example of chapter 8: P = 0.052479."""
    assert paired(6, 16, 161).p_value == pytest.approx(0.052479, abs=5e-7)


def likelihood(share: np.ndarray, difference: float, gained: int, lost: int, total: int) -> object:
    """Log likelihood of a share of losses when gains minus losses are ``difference``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [
            np.where(count > 0, count * np.log(np.maximum(part, 0)), 0.0)
            for count, part in (
                (gained, share + difference),
                (lost, share),
                (total - gained - lost, 1 - 2 * share - difference),
            )
        ]
    return sum(terms)


def accepted(difference: float, gained: int, lost: int, total: int) -> bool:
    """The score test with the likelihood maximized by brute force."""
    low, high = max(0.0, -difference), (1 - difference) / 2
    for _ in range(4):  # ever finer grids
        shares = np.linspace(low, high, 401)
        best = int(np.argmax(likelihood(shares, difference, gained, lost, total)))
        low, high = shares[max(best - 1, 0)], shares[min(best + 1, 400)]
    variance = (2 * shares[best] + difference - difference**2) / total
    observed = (gained - lost) / total
    return abs(observed - difference) <= Z_95 * math.sqrt(max(variance, 0.0)) + 1e-9


@given(st.data())
def test_the_interval_is_what_the_score_test_accepts(data: st.DataObject) -> None:
    total = data.draw(st.integers(2, 400))
    gained = data.draw(st.integers(0, total))
    lost = data.draw(st.integers(0, total - gained))
    low, high = paired(gained, lost, total).interval
    assert -1 <= low <= (gained - lost) / total <= high <= 1
    step = 0.002 / math.sqrt(total)
    for limit, outwards in ((low, -step), (high, step)):
        if -1 < limit + outwards < 1:
            assert not accepted(limit + outwards, gained, lost, total)
        if low < limit - outwards < high:
            assert accepted(limit - outwards, gained, lost, total)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2000))
def test_zero_lies_outside_exactly_when_mcnemars_test_is_significant(
    gained: int, lost: int, both: int
) -> None:
    total = gained + lost + both + 1
    low, high = paired(gained, lost, total).interval
    statistic = (gained - lost) ** 2 / max(gained + lost, 1)
    if abs(statistic - Z_95**2) > 1e-4:
        assert (low > 0 or high < 0) == (statistic > Z_95**2)


def test_equal_answers_leave_only_what_so_many_inputs_cannot_show() -> None:
    """Nothing of n differs: the upper limit is Wilson's for 0 of n, z^2 / (n + z^2)."""
    same = paired(0, 0, 1000)
    limit = Z_95**2 / (1000 + Z_95**2)
    assert same.interval == pytest.approx((-limit, limit), abs=1e-7)
    assert same.p_value == 1.0


def test_every_answer_gained() -> None:
    """All of n gained: the share of gains is at least n / (n + z^2), the rest is lost."""
    low, high = paired(30, 0, 30).interval
    assert high == 1.0
    assert low == pytest.approx(2 * 30 / (30 + Z_95**2) - 1, abs=1e-6)


def test_the_limit_on_one_side() -> None:
    """Without any change it is z^2 / (n + z^2); with many, that of the normal distribution."""
    z = NormalDist().inv_cdf(0.95)
    assert paired(0, 0, 200).most_lost == pytest.approx(z * z / (200 + z * z), abs=1e-6)
    lost, gained, total = 700, 300, 1_000_000
    spread = (lost + gained - (lost - gained) ** 2 / total) ** 0.5 / total
    wanted = (lost - gained) / total + z * spread
    assert paired(gained, lost, total).most_lost == pytest.approx(wanted, rel=2e-3)
    assert paired(6, 16, 161).most_lost < -paired(6, 16, 161).interval[0]


@given(st.integers(0, 40), st.integers(0, 40))
def test_swapping_the_two_mirrors_the_interval(gained: int, lost: int) -> None:
    one, other = paired(gained, lost, 100), paired(lost, gained, 100)
    assert one.interval == pytest.approx([-x for x in reversed(other.interval)])
    assert one.p_value == other.p_value


def test_more_inputs_narrow_the_interval() -> None:
    widths = [high - low for low, high in (paired(8 * n, 4 * n, 100 * n).interval for n in (1, 4))]
    assert widths[1] < 0.6 * widths[0]


def test_the_exact_test_counts_coins() -> None:
    """Three gained, one lost of four: all splits but 2:2 are as uneven, 10 of 16."""
    assert paired(3, 1, 50).p_value == 10 / 16
    values = [paired(k, 10 - k, 50).p_value for k in range(6)]
    assert values[0] == 2 / 1024
    assert all(a < b for a, b in pairwise(values))


def test_answers_are_compared_one_by_one() -> None:
    labels = np.array([0, 1, 2, 3, 4])
    first = np.array([0, 1, 0, 0, 0])
    second = np.array([0, 0, 2, 1, 4])
    assert compare_answers(first, second, labels) == PairedComparison(
        total=5, changed=4, gained=2, lost=1
    )


def test_what_is_said() -> None:
    text = paired(6, 16, 161).to_text()
    assert text == (
        "22 answers changed (6 gained, 16 lost): -6.21 points "
        "(95 % interval -12.40 .. -0.54, McNemar p = 0.052)"
    )
    document = paired(6, 16, 161).to_dict()
    assert document["difference"] == -10 / 161
    assert document["mcnemar_p"] == pytest.approx(0.052479, abs=5e-7)


def test_wilsons_interval() -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    assert Accuracy(correct=81, total=263).interval == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Accuracy(correct=0, total=20).interval == pytest.approx((0.0, 0.1611), abs=1e-4)
