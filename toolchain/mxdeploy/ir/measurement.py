"""What quantization did to one layer, in numbers and histograms, measured on calibration data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_EXACT = 1e-12
"""Less noise than this, as a share of the signal, is that of single precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How often values fall into equal bins between ``low`` and ``high``."""

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSources:
    """Mean square differences at a layer's output, each as a share of the signal's mean square.

    Attributes:
        inherited: what the layer in real numbers makes of the noise in its input.
        weights: what rounding the weights adds, with real biases.
        parameters: what rounded weights and 8-bit biases together add.
        output: what rounding and saturating the output adds.
        own: all that the layer adds to what it inherits.
    """

    inherited: float
    weights: float
    parameters: float
    output: float
    own: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMeasurement:
    """What was decided about a layer with weights, and what it costs.

    Attributes:
        weight_scale: real value of one integer step of a weight.
        weights_cut: share of the weights beyond their width, cut off.
        range_from: what the range of the output comes from, in words.
        reach: smallest and largest output seen in the float network.
        limits: smallest and largest output that 8 bits hold; None for 32 bits.
        beyond: share of the float network's outputs beyond ``limits``.
        biases_moved: biases that are not the nearest integers, so as to take up a mean error.
        noise: where the output's noise comes from.
        outputs: of the float network.
        weights: integers.
    """

    weight_scale: float
    weights_cut: float
    range_from: str
    reach: tuple[float, float]
    limits: tuple[float, float] | None
    beyond: float
    biases_moved: int
    noise: NoiseSources
    outputs: Histogram
    weights: Histogram


def decibel(noise: float) -> float | None:
    """Signal to noise in decibel of noise as a share of the signal.

    None without any noise but that of single precision.
    """
    return -10 * float(np.log10(noise)) if noise > _EXACT else None


def histogram(values: NDArray[np.generic], low: float, high: float, bins: int) -> Histogram:
    """Count values in ``bins`` equal bins; those outside are in the first and the last one."""
    if low >= high:
        low, high = low - 0.5, high + 0.5
    counts, _ = np.histogram(np.clip(values.astype(np.float64), low, high), bins, (low, high))
    return Histogram(low=low, high=high, counts=tuple(int(count) for count in counts))
