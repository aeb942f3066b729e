"""The scale of a layer's weights: what rounding them costs, and what the bias has to do with it.

``weight_int = round(weight * factor)``; the bias counts ``128 * input_scale / factor`` per step and
has 8 bits only. A large factor rounds weights finely and cuts biases off, a small one the reverse;
both enter the error that decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import MAX_OUTPUT_SHIFT
from mxdeploy.ops.layer import LayerSpec
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN, FRACTION_BITS
from mxdeploy.stages.s3_quantize.options import WeightBits

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

BIAS_STEP = 1 << FRACTION_BITS
# Factors worth a look, relative to the one at which the largest weight just fits.
_SMALLEST, _LARGEST, _LARGEST_WHOLE = 1 / 16, 32.0, 4.0
_WHOLE = 8
# Samples of a normal distribution, all equally likely.
_EVENLY_LIKELY = np.array([-1.53, -0.89, -0.49, -0.16, 0.16, 0.49, 0.89, 1.53])
_RAW_SAMPLES = 256
# Factors tried per octave where no scale of the output binds them.
_WIDE_STEPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What goes into a layer and comes out.

    Attributes:
        mean: of each input feature.
        variance: of each input feature.
        active: share of each output's elements that neither activation nor clip cuts off.
        raw: samples (outputs, samples) of the output before activation and clip.
    """

    mean: DoubleArray
    variance: DoubleArray
    active: DoubleArray
    raw: FloatArray

    def without_mean(self) -> Statistics:
        """The same power with a mean of zero: nothing for biases to take up."""
        power = self.variance + np.square(self.mean)
        return replace(self, mean=np.zeros_like(self.mean), variance=power)


def extremes_and_some(raw: FloatArray) -> FloatArray:
    """Some samples of (n, channels, positions) and the extremes, as (channels, samples)."""
    flat = raw.transpose(1, 0, 2).reshape(raw.shape[1], -1)
    thin = flat[:, :: max(1, flat.shape[1] // _RAW_SAMPLES)]
    low, high = flat.min(axis=1, keepdims=True), flat.max(axis=1, keepdims=True)
    return np.concatenate([low, thin, high], axis=1)


def supposed_statistics(
    features: FloatArray, bias: DoubleArray | None, largest: float
) -> Statistics:
    """Without data nothing is known but the range: say, centred values that use a third of it.

    Args:
        features: weights (outputs, features, taps).
        bias: (outputs,) or None.
        largest: real value at the upper end of the input's range.
    """
    outputs, inputs = features.shape[:2]
    variance = np.full(inputs, (largest / 3) ** 2)
    spread = np.sqrt(np.square(features).sum(axis=2) @ variance)
    centre = np.zeros(outputs) if bias is None else bias
    raw = centre[:, np.newaxis] + spread[:, np.newaxis] * _EVENLY_LIKELY
    return Statistics(
        mean=np.zeros(inputs),
        variance=variance,
        active=np.ones(outputs),
        raw=raw.astype(np.float32),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightProblem:
    """One layer's weights and what is known about its input.

    Attributes:
        features: float weights (outputs, features, taps).
        bias: float biases (outputs,), or None when the layer has none.
        statistics: what goes in and comes out.
        limits: what activation, clip or saturation leave of the output.
        input_scale: real value of one integer step of the input.
        bits: width of the weights.
    """

    features: FloatArray
    bias: DoubleArray | None
    statistics: Statistics
    limits: tuple[float, float]
    input_scale: float
    bits: WeightBits

    @property
    def fitting_factor(self) -> float:
        """The factor at which the largest weight just fits (if all are zero, the largest bias)."""
        largest = float(np.abs(self.features).max(initial=0.0))
        if largest > 0:
            return ((1 << self.bits - 1) - 0.5) / largest
        fitting = self._bias_factor
        return fitting if np.isfinite(fitting) else 1.0

    @property
    def factors(self) -> tuple[float, float]:
        """The smallest and the largest factor worth a look.

        Cutting off the largest weights may pay, above all of few bits, and so may coarse weights
        that leave the biases whole.
        """
        fitting = self.fitting_factor
        largest = _LARGEST_WHOLE if self.bits == _WHOLE else _LARGEST
        return min(fitting * _SMALLEST, self._bias_factor / 2), fitting * largest

    @property
    def _bias_factor(self) -> float:
        """The factor at which the largest bias just fits; infinite without biases."""
        largest = 0.0 if self.bias is None else float(np.abs(self.bias).max(initial=0.0))
        return DATA_MAX * BIAS_STEP * self.input_scale / largest if largest > 0 else np.inf

    def integers(self, factor: float) -> FloatArray:
        """Integer weights (outputs, features, taps), as whole float32 numbers."""
        low, high = -(1 << self.bits - 1), (1 << self.bits - 1) - 1
        whole: FloatArray = np.rint(self.features * np.float32(factor))
        return np.clip(whole, low, high)

    def rounded(self, choice: WeightChoice, spec: LayerSpec) -> FloatArray:  # noqa: ARG002
        """Integer weights for a choice of scales; what the layer does with them has no part."""
        return self.integers(choice.factor)

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
        noise = np.square(delta).sum(axis=2) @ self.statistics.variance
        wanted = self.wanted_bias(factor, integers)
        if wanted is None:
            rest = self._drift(factor, integers)
            return float((self.statistics.active * (noise + np.square(rest))).mean())
        return float((self.statistics.active * noise + self.bias_errors(factor, wanted)).mean())

    def bias_errors(self, factor: float, wanted: DoubleArray) -> DoubleArray:
        """Mean square error of each output that 8 bits leave of biases ``wanted``."""
        biases = np.clip(np.rint(wanted), DATA_MIN, DATA_MAX)
        offset = (biases - wanted) * BIAS_STEP * self.input_scale / factor
        errors: DoubleArray = self.statistics.active * np.square(offset)
        cut = np.abs(biases - wanted) > 1
        if cut.any():
            errors[cut] = self._offset_errors(offset, cut)
        return errors

    def _offset_errors(self, offset: DoubleArray, chosen: NDArray[np.bool_]) -> DoubleArray:
        """Mean square error of the chosen outputs when they are off by ``offset``.

        A bias that keeps a channel at a limit may itself be cut off at little cost.
        """
        low, high = np.float32(self.limits[0]), np.float32(self.limits[1])
        raw = self.statistics.raw[chosen]
        moved = np.clip(raw + offset[chosen, np.newaxis].astype(np.float32), low, high)
        errors: DoubleArray = np.square(moved - np.clip(raw, low, high)).mean(
            axis=1, dtype=np.float64
        )
        return errors

    def _drift(self, factor: float, integers: FloatArray) -> DoubleArray:
        delta = integers / np.float32(factor) - self.features
        drift: DoubleArray = delta.sum(axis=2) @ self.statistics.mean
        return drift


class Weights(Protocol):
    """Weights that can be rounded at any factor, and what that costs."""

    @property
    def input_scale(self) -> float:
        """Real value of one integer step of the input."""
        ...

    @property
    def factors(self) -> tuple[float, float]:
        """The smallest and the largest factor worth a look."""
        ...

    def error(self, factor: float) -> float:
        """Mean square error of the output (before rounding it) that weights and biases cause."""
        ...

    def rounded(self, choice: WeightChoice, spec: LayerSpec) -> FloatArray:
        """Integer weights (outputs, features, taps), as whole numbers."""
        ...

    def wanted_bias(self, factor: float, integers: FloatArray) -> DoubleArray | None:
        """Biases in integer steps, not rounded, that leave no mean error; None without biases."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChoice:
    """How a layer is represented: scale of its output, factor of its weights, shift."""

    output_scale: float
    factor: float
    shift: int


def choose_narrow(
    problem: Weights, scales: Sequence[float], errors: Sequence[float]
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
    smallest, largest = problem.factors
    known: dict[float, float] = {}
    best: tuple[float, WeightChoice] | None = None
    for error, scale in sorted(zip(errors, scales, strict=True), key=lambda pair: pair[0]):
        if best is not None and error >= best[0]:
            break  # the weights can only add to it
        for shift in range(-limit, limit + 1):
            factor = problem.input_scale * BIAS_STEP / scale * 2.0**-shift
            if not smallest <= factor <= largest:
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


def choose_wide(problem: Weights) -> WeightChoice:
    """The best representation of a layer that writes its accumulator: the weights alone decide.

    Powers of two come first, for weights that were trained on such a grid.
    """
    low, high = np.log2(problem.factors)
    whole = 2.0 ** np.arange(np.floor(high), low, -1)
    finer = 2.0 ** np.arange(high, low, -1 / _WIDE_STEPS)
    factors = np.concatenate([whole, finer])
    errors = [problem.error(float(factor)) for factor in factors]
    factor = float(factors[int(np.argmin(errors))])
    return WeightChoice(output_scale=problem.input_scale / factor, factor=factor, shift=0)


def lossless(scale: float, bits: WeightBits) -> WeightChoice:
    """How a copy is represented whose input and output have the same ``scale``.

    One becomes the largest power of two among the weights, and the shift takes it back.
    """
    exponent = bits - 2
    shift = FRACTION_BITS - exponent
    return WeightChoice(output_scale=scale, factor=float(1 << exponent), shift=shift)
