"""Element-wise operations against the worked numbers of the chip's arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.arith import combine
from mxdeploy.arith.elementwise import Function


@pytest.mark.parametrize(
    ("function", "operands", "expected"),
    [
        ("add", (100, 50), 127),
        ("add", (100, 100, -128), 72),  # saturated only once, at the end
        ("add", (-100, -100), -128),
        ("sub", (5, 7, 9), -11),
        ("or", (-128, 1), -127),
        ("xor", (0x55, -1), -86),
        ("add", (-7,), -7),
    ],
)
def test_worked_numbers(function: Function, operands: tuple[int, ...], expected: int) -> None:
    arrays = [np.full((1, 1, 2), value, np.int8) for value in operands]
    result = combine(function, arrays)
    assert result.dtype == np.int8
    assert result.tolist() == [[[expected] * 2]]


def test_operands_stay_as_they_are() -> None:
    first, second = np.array([1], np.int8), np.array([2], np.int8)
    combine("or", [first, second])
    combine("add", [first, second])
    assert (first.item(), second.item()) == (1, 2)
