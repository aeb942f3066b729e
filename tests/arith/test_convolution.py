"""Convolutions against worked numbers and plain integer loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.arith import (
    conv1d,
    conv2d,
    conv_transpose2d,
    linear,
    prepare_weights,
    rescale,
)

WORKED_DATA = np.array([[[0, 10, 20], [30, 40, 50], [60, 70, 80]]], np.int8)


def plain_conv2d(data: np.ndarray, weights: np.ndarray, pad: tuple[int, int]) -> np.ndarray:
    padded = np.pad(data.astype(int), ((0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    rows = padded.shape[1] - weights.shape[2] + 1
    columns = padded.shape[2] - weights.shape[3] + 1
    result = np.zeros((len(weights), rows, columns), int)
    for row in range(rows):
        for column in range(columns):
            field = padded[:, row : row + weights.shape[2], column : column + weights.shape[3]]
            result[:, row, column] = (weights.astype(int) * field).sum(axis=(1, 2, 3))
    return result


def test_worked_3x3() -> None:
    sums = conv2d(WORKED_DATA, np.full((1, 1, 3, 3), 32, np.int8), pad=(1, 1))
    assert sums[0].tolist() == [[2560, 4800, 3840], [6720, 11520, 8640], [6400, 10560, 7680]]
    assert rescale(sums, 0)[0].tolist() == [[20, 38, 30], [53, 90, 68], [50, 83, 60]]


def test_worked_product() -> None:
    assert linear(np.array([100], np.int8), np.array([[90]], np.int8)).tolist() == [9000]


@pytest.mark.parametrize(
    ("framework_pad", "expected"),
    [
        (1, [[5, 16, 10, 8], [26, 64, 36, 30], [15, 36, 20, 16], [6, 15, 8, 4]]),
        (2, [[64, 36], [36, 20]]),
        (
            0,
            [
                [9, 8, 25, 16, 14, 0],
                [6, 5, 16, 10, 8, 0],
                [30, 26, 64, 36, 30, 0],
                [18, 15, 36, 20, 16, 0],
                [9, 6, 15, 8, 4, 0],
                [0, 0, 0, 0, 0, 0],
            ],
        ),
    ],
)
def test_worked_transposed(framework_pad: int, expected: list[list[int]]) -> None:
    data = np.array([[[1, 2], [3, 4]]], np.int8)
    stored = np.arange(1, 10, dtype=np.int8).reshape(1, 1, 3, 3)  # the kernel 9..1, flipped
    pad = 2 - framework_pad
    assert conv_transpose2d(data, stored, pad=(pad, pad))[0].tolist() == expected


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    kernel = (draw(st.integers(1, 9)), draw(st.integers(1, 3)))
    pad = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    size = (kernel[0] + draw(st.integers(0, 4)), kernel[1] + draw(st.integers(0, 4)))
    channels, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    data = rng.integers(-128, 128, (channels, *size)).astype(np.int8)
    weights = rng.integers(-128, 128, (outputs, channels, *kernel)).astype(np.int8)
    return data, weights, pad


@given(convolutions())
def test_convolves_like_plain_loops(case: tuple[np.ndarray, np.ndarray, tuple[int, int]]) -> None:
    data, weights, pad = case
    np.testing.assert_array_equal(conv2d(data, weights, pad=pad), plain_conv2d(data, weights, pad))


def test_batch_axis_is_carried_along() -> None:
    rng = np.random.default_rng(5)
    data = rng.integers(-128, 128, (3, 4, 6, 5)).astype(np.int8)
    weights = rng.integers(-128, 128, (7, 4, 3, 3)).astype(np.int8)
    together = conv2d(data, weights, pad=(1, 1))
    assert together.shape == (3, 7, 6, 5)
    for one, result in zip(data, together, strict=True):
        np.testing.assert_array_equal(result, plain_conv2d(one, weights, (1, 1)))
    doubled = conv_transpose2d(data, weights)
    assert doubled.shape == (3, 7, 12, 10)
    np.testing.assert_array_equal(doubled[1], conv_transpose2d(data[1], weights))


def test_one_dimension() -> None:
    data = np.array([[1, 2, 3, 4]], np.int8)
    weights = np.array([[[1, 10, 100]]], np.int8)
    assert conv1d(data, weights).tolist() == [[321, 432]]
    assert conv1d(data, weights, pad=1).tolist() == [[210, 321, 432, 43]]


@pytest.mark.parametrize("inputs", [1000, 1040, 16000])
def test_extreme_sums_are_exact(inputs: int) -> None:
    """On both sides of the place where float32 stops being exact."""
    weights = np.full((2, inputs), -128, np.int8)
    weights[1, 0] = 127
    data = np.full((3, inputs), -128, np.int8)
    data[:, 1] = 127
    expected = weights.astype(np.int64) @ data.astype(np.int64).T
    np.testing.assert_array_equal(linear(data, weights), expected.T)


def test_float_type_follows_the_bound() -> None:
    assert prepare_weights(np.full((1, 1023, 1, 1), -128, np.int8)).matrix.dtype == np.float32
    assert prepare_weights(np.full((1, 1024, 1, 1), -128, np.int8)).matrix.dtype == np.float64


def test_accumulator_overflow_is_refused() -> None:
    with pytest.raises(OverflowError, match="32 bits"):
        prepare_weights(np.full((1, 1 << 17, 1, 1), -128, np.int8))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        conv2d(np.zeros((2, 4, 4), np.int8), np.zeros((1, 3, 3, 3), np.int8))
    with pytest.raises(ValueError, match="do not fit"):
        conv2d(np.zeros((3, 2, 4), np.int8), np.zeros((1, 3, 3, 3), np.int8))
