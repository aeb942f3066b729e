"""Transcendental functions in single precision, exactly as the C code computes them.

Every operation is rounded by itself and sums run in order, so that numpy and the Cortex-M4F give
the same bits; the firmware's ``exponential.c``, ``logarithm.c`` and ``tail.c`` have the same steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_ONE = np.float32(1)
_HALF = np.float32(0.5)
_LOWEST, _HIGHEST = np.float32(-87), np.float32(88)
"""Beyond these limits 2^n is no normal number."""
_LOG2_E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
"""ln(2) in two parts, the first exact in few bits."""
_EXPONENTIAL = tuple(_ONE / np.float32(n) for n in (5040, 720, 120, 24, 6, 2, 1, 1))
_LOGARITHM = tuple(_ONE / np.float32(n) for n in (9, 7, 5, 3, 1))
_ROOT_HALF = np.float32(0.70710678)
_EXPONENT_BIAS, _FRACTION_BITS = 127, 23
_HALF_EXPONENT = _EXPONENT_BIAS - 1


def exponential(x: Floats) -> Floats:
    """exp(x), within 2e-7 of the true value for -87 < x <= 88; 0 below, exp(88) above."""
    bounded = np.where(x > _HIGHEST, _HIGHEST, np.where(x > _LOWEST, x, np.float32(0)))
    scaled = bounded * _LOG2_E
    n = np.trunc(scaled + np.where(scaled < 0, -_HALF, _HALF)).astype(np.int32)
    whole = n.astype(np.float32)
    r = (bounded - whole * _LN2_HIGH) - whole * _LN2_LOW
    total = np.full_like(r, _EXPONENTIAL[0])
    for coefficient in _EXPONENTIAL[1:]:
        total = total * r + coefficient
    power = ((n + _EXPONENT_BIAS) << _FRACTION_BITS).view(np.float32)
    result: Floats = np.where(x > _LOWEST, total * power, np.float32(0))
    return result


def logarithm(x: Floats) -> Floats:
    """ln(x) of positive normal numbers, within 2e-7 of the true value or of 1."""
    bits: NDArray[np.int32] = x.view(np.int32)
    n = (bits >> _FRACTION_BITS) - _HALF_EXPONENT
    part = (bits & ((1 << _FRACTION_BITS) - 1) | _HALF_EXPONENT << _FRACTION_BITS).view(np.float32)
    small = part < _ROOT_HALF
    n = np.where(small, n - 1, n)
    part = np.where(small, part + part, part)
    ratio = (part - _ONE) / (part + _ONE)
    square = ratio * ratio
    total = np.full_like(ratio, _LOGARITHM[0])
    for coefficient in _LOGARITHM[1:]:
        total = total * square + coefficient
    whole = n.astype(np.float32)
    result: Floats = whole * _LN2_HIGH + ((ratio + ratio) * total + whole * _LN2_LOW)
    return result


def logistic(x: Floats) -> Floats:
    """1 / (1 + exp(-x))."""
    return _ONE / (_ONE + exponential(-x))


def hyperbolic_tangent(x: Floats) -> Floats:
    """tanh(x), within 2e-7 of the true value."""
    magnitude = np.abs(x)
    power = exponential(np.float32(-2) * magnitude)
    size = (_ONE - power) / (_ONE + power)
    return np.where(x < 0, -size, size)
