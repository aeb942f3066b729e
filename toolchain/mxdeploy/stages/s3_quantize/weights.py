"""The scale of a layer's weights: what rounding them costs, and what the bias has to do with it.

``weight_int = round(weight * factor)``; the bias counts ``128 * input_scale / factor`` per step and
has 8 bits only. A large factor rounds weights finely and cuts biases off, a small one the reverse;
both enter the error that decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import MAX_OUTPUT_SHIFT
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN, FRACTION_BITS

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

BIAS_STEP = 1 << FRACTION_BITS
# Factors worth a look, relative to the one at which the largest weight just fits.
_LARGEST, _SMALLEST = 4.0, 1 / 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightProblem:
    """One layer's weights and what is known about its input.

    Attributes:
        features: float weights (outputs, features, taps).
        bias: float biases (outputs,), or None when the layer has none.
        mean: mean of each input feature.
        variance: variance of each input feature.
        active: share of each output's elements that neither activation nor clip cuts off.
        input_scale: real value of one integer step of the input.
        bits: width of the weights.
    """

    features: FloatArray
    bias: DoubleArray | None
    mean: DoubleArray
    variance: DoubleArray
    active: DoubleArray
    input_scale: float
    bits: int

    @property
    def fitting_factor(self) -> float:
        """The factor at which the largest weight just fits; 1 for weights that are all zero."""
        largest = float(np.abs(self.features).max(initial=0.0))
        return ((1 << self.bits - 1) - 0.5) / largest if largest > 0 else 1.0

    def integers(self, factor: float) -> FloatArray:
        """Integer weights (outputs, features, taps), as whole float32 numbers."""
        low, high = -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        whole: FloatArray = np.rint(self.features * np.float32(factor))
        return np.clip(whole, low, high)

    def wanted_bias(self, factor: float, integers: FloatArray) -> DoubleArray | None:
        """Biases in integer steps, not rounded, that also take up the weights' mean error."""
        if self.bias is None:
            return None
        drift = self._drift(factor, integers)
        return (self.bias - drift) * factor / (BIAS_STEP * self.input_scale)

    def error(self, factor: float) -> float:
        """Mean square error of the output (before rounding it) that weights and biases cause."""
        integers = self.integers(factor)
        delta = integers / np.float32(factor) - self.features
        noise = np.square(delta).sum(axis=2) @ self.variance
        wanted = self.wanted_bias(factor, integers)
        if wanted is None:
            rest = self._drift(factor, integers)
        else:
            step = BIAS_STEP * self.input_scale / factor
            rest = (np.clip(np.rint(wanted), DATA_MIN, DATA_MAX) - wanted) * step
        return float((self.active * (noise + np.square(rest))).mean())

    def _drift(self, factor: float, integers: FloatArray) -> DoubleArray:
        delta = integers / np.float32(factor) - self.features
        drift: DoubleArray = delta.sum(axis=2) @ self.mean
        return drift


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChoice:
    """How a layer is represented: scale of its output, factor of its weights, shift."""

    output_scale: float
    factor: float
    shift: int


def choose_narrow(
    problem: WeightProblem, scales: Sequence[float], errors: Sequence[float]
) -> WeightChoice | None:
    """The best representation of a layer with 8-bit output.

    Args:
        problem: the layer.
        scales: candidate scales of the output.
        errors: mean square error of representing the output at each scale.

    Returns:
        The choice, or None when no shift reaches any of the scales.
    """
    limit = MAX_OUTPUT_SHIFT.value
    fitting = problem.fitting_factor
    known: dict[float, float] = {}
    best: tuple[float, WeightChoice] | None = None
    for scale, error in zip(scales, errors, strict=True):
        for shift in range(-limit, limit + 1):
            factor = problem.input_scale * BIAS_STEP / scale * 2.0**-shift
            if not _SMALLEST * fitting <= factor <= _LARGEST * fitting:
                continue
            # Scales half as large ask for the same factors again, up to rounding of the last bits.
            key = float(np.float32(factor))
            if key not in known:
                known[key] = problem.error(factor)
            total = error + known[key]
            if best is None or total < best[0]:
                choice = WeightChoice(output_scale=scale, factor=factor, shift=shift)
                best = (total, choice)
    return None if best is None else best[1]


def choose_wide(problem: WeightProblem) -> WeightChoice:
    """The best representation of a layer that writes its accumulator: the weights alone decide."""
    factors = problem.fitting_factor * 2.0 ** (np.arange(4, -25, -1) / 8)
    errors = [problem.error(float(factor)) for factor in factors]
    factor = float(factors[int(np.argmin(errors))])
    return WeightChoice(output_scale=problem.input_scale / factor, factor=factor, shift=0)
