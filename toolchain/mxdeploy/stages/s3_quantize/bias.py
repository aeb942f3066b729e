"""Biases measured on calibration data: the integer that gives the smallest output error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.integer_layer import (
    DATA_MAX,
    DATA_MIN,
    Rounding,
)
from mxdeploy.stages.s3_quantize.weights import BIAS_STEP

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

# Fewer samples of a channel than this say more about the samples than about the channel.
_LEAST_SAMPLES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What happens to an accumulator on its way out.

    Attributes:
        accumulator_scale: real value of one accumulator step.
        output_scale: real value of one output step.
        shift: the layer's shift; None for 32-bit output.
        activation: after saturation.
    """

    accumulator_scale: float
    output_scale: float
    shift: int | None
    activation: Activation

    def __call__(self, sums: FloatArray, bias: NDArray[np.int8] | None) -> FloatArray:
        """Output integers of accumulators (n, channels, ...) without bias, as float32."""
        y = sums.copy()
        if bias is not None:
            y += _per_channel(bias.astype(np.float32) * BIAS_STEP, sums.ndim)
        if self.shift is None:
            return y
        rounding = Rounding(self.shift)
        y *= np.float32(rounding.factor)
        y += np.float32(rounding.half)
        np.floor(y, out=y)
        low = 0 if self.activation is Activation.RELU else DATA_MIN
        np.clip(y, low, DATA_MAX, out=y)
        if self.activation is Activation.ABS:
            np.minimum(np.abs(y, out=y), DATA_MAX, out=y)
        return y


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasChoice:
    """Integer biases (channels,) and how many of them 8 bits cut off."""

    values: NDArray[np.int8]
    saturated: int


def rounded_bias(wanted: DoubleArray) -> BiasChoice:
    """The nearest integers to biases given in integer steps."""
    nearest = np.rint(wanted)
    limited = np.clip(nearest, DATA_MIN, DATA_MAX)
    return BiasChoice(values=limited.astype(np.int8), saturated=int((limited != nearest).sum()))


def measured_bias(
    plain: DoubleArray, wanted: DoubleArray, sums: FloatArray, real: FloatArray, finish: Finish
) -> BiasChoice:
    """The integer biases with the smallest measured output error.

    Tried are the plain rounding of the float bias, the rounding of the one that takes up the
    measured mean error, and their neighbours.

    Args:
        plain: the float biases in integer steps.
        wanted: the same with the weights' mean error taken up.
        sums: accumulators without bias, (n, channels, positions).
        real: what the float network gives there.
        finish: from accumulator to output.
    """
    if sums.shape[0] * sums.shape[2] < _LEAST_SAMPLES:
        return rounded_bias(plain)
    centre = np.rint(_without_mean_error(wanted, sums, real, finish))
    candidates = [np.rint(plain), centre, centre - 1, centre + 1]
    best = np.full(len(plain), np.inf)
    chosen = np.zeros(len(plain))
    for candidate in candidates:
        limited = np.clip(candidate, DATA_MIN, DATA_MAX).astype(np.int8)
        output = finish(sums, limited)
        output *= np.float32(finish.output_scale)
        output -= real
        error = np.square(output).mean(axis=(0, 2), dtype=np.float64)
        better = error < best
        best = np.where(better, error, best)
        chosen = np.where(better, candidate, chosen)
    return rounded_bias(chosen)


def _without_mean_error(
    wanted: DoubleArray, sums: FloatArray, real: FloatArray, finish: Finish
) -> DoubleArray:
    """``wanted`` shifted so that the mean error vanishes where the output is not cut off."""
    exact = sums + _per_channel((wanted * BIAS_STEP).astype(np.float32), sums.ndim)
    exact *= np.float32(finish.accumulator_scale)
    free = np.ones(real.shape, dtype=bool)
    if finish.shift is not None:
        top = float(real.max())
        free = (real > 0) if finish.activation is Activation.RELU else np.isfinite(real)
        free &= real < top
    if finish.activation is Activation.ABS:
        return wanted
    count = np.maximum(free.sum(axis=(0, 2)), 1)
    residual = ((real - exact) * free).sum(axis=(0, 2), dtype=np.float64) / count
    shifted: DoubleArray = wanted + residual / (BIAS_STEP * finish.accumulator_scale)
    return shifted


def _per_channel(values: FloatArray, dimensions: int) -> FloatArray:
    return values.reshape(-1, *(1,) * (dimensions - 2))
