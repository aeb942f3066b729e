"""Pooling against the worked numbers of the chip's arithmetic and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.arith import average_pool, max_pool, pooled_size, subsample


def square(*values: int) -> np.ndarray:
    return np.array(values, np.int8).reshape(1, 2, 2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 0, 0, 3), 0),
        ((0, 0, 0, -3), 0),
        ((-3, -3, 0, 0), -1),
        ((-128, -128, -128, -127), -127),
    ],
)
def test_average_drops_the_fraction_toward_zero(values: tuple[int, ...], expected: int) -> None:
    assert average_pool(square(*values), (2, 2), 2).item() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [((-1, -1, 0, 0), -1), ((-3, -3, 0, 0), -2), ((1, 1, 0, 0), 1), ((3, 3, 0, 0), 2)],
)
def test_rounded_average_takes_halves_away_from_zero(
    values: tuple[int, ...], expected: int
) -> None:
    assert average_pool(square(*values), (2, 2), 2, rounding=True).item() == expected


def test_average_divides_exactly_by_fifteen() -> None:
    data = np.full((1, 5, 3), -29, np.int8)
    data[0, 0, 0] = -28
    assert average_pool(data, (5, 3), 1).item() == -28  # -434 / 15 = -28.9
    assert average_pool(data, (5, 3), 1, rounding=True).item() == -29


def test_largest_window_does_not_overflow() -> None:
    data = np.full((1, 16, 16), -128, np.int8)
    assert average_pool(data, (16, 16), 16).item() == -128
    assert max_pool(data, (16, 16), 16).item() == -128


def test_subsampling_is_a_pool_of_one() -> None:
    data = np.arange(35, dtype=np.int8).reshape(1, 5, 7)
    assert subsample(data, 3).tolist() == [[[0, 3, 6], [21, 24, 27]]]
    assert max_pool(data, (1, 1), 3).tolist() == subsample(data, 3).tolist()


def test_no_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="no 3x3 window"):
        max_pool(np.zeros((1, 2, 5), np.int8), (3, 3), 1)


@st.composite
def pooling_cases(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int], int]:
    window = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    size = (window[0] + draw(st.integers(0, 5)), window[1] + draw(st.integers(0, 5)))
    seed = draw(st.integers(0, 2**32 - 1))
    data = np.random.default_rng(seed).integers(-128, 128, (2, 3, *size)).astype(np.int8)
    return data, window, draw(st.integers(1, 5))


@given(pooling_cases())
def test_pools_like_plain_loops(case: tuple[np.ndarray, tuple[int, int], int]) -> None:
    data, window, stride = case
    rows, columns = pooled_size(data.shape[-2:], window, stride)
    maxima = np.empty((2, 3, rows, columns), int)
    means = np.empty_like(maxima)
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            field = data[..., top : top + window[0], left : left + window[1]].astype(int)
            maxima[..., row, column] = field.max(axis=(-1, -2))
            total = field.sum(axis=(-1, -2))
            means[..., row, column] = np.trunc(total / (window[0] * window[1]))
    np.testing.assert_array_equal(max_pool(data, window, stride), maxima)
    np.testing.assert_array_equal(average_pool(data, window, stride), means)
