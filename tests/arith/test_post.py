"""Bias, scaling, saturation and activation against the worked numbers of the chip's arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.arith import absolute, add_bias, relu, rescale, saturate

WORKED_SCALING = [
    (63, 0, 0),
    (64, 0, 1),
    (-64, 0, 0),
    (-65, 0, -1),
    (192, 0, 2),
    (-192, 0, -1),
    (-193, 0, -2),
    (4096, -3, 4),
    (511, -2, 1),
    (512, -2, 1),
    (-256, -1, -1),
    (-128, -1, 0),
    (3, 7, 3),
    (3, 8, 6),
    (-3, 9, -12),
    (9000, 0, 70),  # data 100, weight 90
    (700, 4, 88),  # 4-bit weight 7, data 100: 87.5
    (-100, 7, -100),  # 1-bit weight -1, data 100
]


def sums(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize(("accumulator", "shift", "expected"), WORKED_SCALING)
def test_worked_scaling(accumulator: int, shift: int, expected: int) -> None:
    assert rescale(sums(accumulator), shift).tolist() == [expected]


@pytest.mark.parametrize(("shift", "expected"), [(0, -3), (1, -6), (-1, -1)])
def test_bias_alone(shift: int, expected: int) -> None:
    biased = add_bias(np.zeros((1, 1, 1), np.int32), np.array([-3], np.int8))
    assert biased.tolist() == [[[-384]]]
    assert rescale(biased, shift).tolist() == [[[expected]]]


@pytest.mark.parametrize("weight_bits", [8, 4, 2, 1])
def test_bias_scaling_for_each_weight_width(weight_bits: int) -> None:
    """A stored bias b stands for b / 2**(q - 1): the shift of 8 - q scales it with the weights."""
    stored = (
        np.array([1 << weight_bits - 1], np.int8) if weight_bits < 8 else np.array([64], np.int8)
    )
    real = stored[0] / 2 ** (weight_bits - 1)
    result = rescale(add_bias(np.zeros((1, 1, 1), np.int32), stored), 8 - weight_bits)
    assert result.item() == min(127, 128 * real)


def test_bias_is_added_per_channel() -> None:
    biased = add_bias(np.ones((2, 2, 1, 3), np.int32), np.array([1, -128], np.int8))
    assert biased[:, 0].tolist() == [[[129] * 3]] * 2
    assert biased[:, 1].tolist() == [[[-16383] * 3]] * 2


@given(st.integers(-(2**29), 2**29), st.integers(-15, 15))
def test_scaling_rounds_half_up_and_saturates(accumulator: int, shift: int) -> None:
    exact = Fraction(accumulator) * Fraction(2) ** shift / 128 + Fraction(1, 2)
    expected = max(-128, min(127, exact.numerator // exact.denominator))
    assert rescale(sums(accumulator), shift).tolist() == [expected]


def test_saturation_does_not_wrap() -> None:
    assert saturate(sums(-129, -128, 127, 128, 2**29)).tolist() == [-128, -128, 127, 127, 127]


def test_absolute_after_saturation() -> None:
    # -128 * 127 shifted left by one is -254: saturated to -128, and its magnitude to 127.
    assert absolute(rescale(sums(-128 * 127, -64), 1)).tolist() == [127, 1]
    assert absolute(rescale(sums(-64), 0)).tolist() == [0]
    assert absolute(np.array([-128, -127, 0, 127], np.int8)).tolist() == [127, 127, 0, 127]


def test_relu() -> None:
    assert relu(np.array([-128, -1, 0, 127], np.int8)).tolist() == [0, 0, 0, 127]
