"""How large a value gets, and what representing it in 8 bits costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.stages.s3_quantize.averages import Averaged, average_error
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.options import RangeMethod

FloatArray = NDArray[np.float32]
Clip = tuple[float, float]

STEPS_PER_OCTAVE = 8
"""Candidate scales are nine percent apart; finer steps change no accuracy."""
_OCTAVES = 3
_RARE = 1e-4
_FAR = 4.0 * DATA_MAX
_BINS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Samples of one value.

    Attributes:
        samples: the value before its clip, any shape; (n, channels, positions) if averaged.
        clip: bounds that the model imposes on it.
        averaged: how, if nothing reads it but average pooling.
    """

    samples: FloatArray
    clip: Clip | None
    averaged: Averaged | None = None

    @property
    def clipped(self) -> FloatArray:
        """The value as the model computes it."""
        if self.clip is None:
            return self.samples
        low, high = self.clip
        return np.clip(self.samples, np.float32(low), np.float32(high))


def scale_of_clip(clip: Clip | None) -> float | None:
    """The scale at which saturation to 8 bits is the model's own clip; None without one.

    An upper bound that is 127 steps makes the saturation exact; a lower bound then lies within one
    step of -128, as long as the bounds are as symmetric as two's complement is.
    """
    if clip is None or not np.isfinite(clip[1]) or clip[1] <= 0:
        return None
    low, high = clip
    if not np.isfinite(low) or -low <= high * (1 + 1.5 / DATA_MAX):
        return high / DATA_MAX
    return low / DATA_MIN


def covering_scale(seen: Seen) -> float:
    """The scale that just covers what was seen; 0 for a value that is always zero."""
    values = seen.clipped
    return max(float(values.max()) / DATA_MAX, float(values.min()) / DATA_MIN, 0.0)


def scale_candidates(seen: Sequence[Seen], method: RangeMethod) -> NDArray[np.float64]:
    """Scales to choose from, from the largest down in steps of ``STEPS_PER_OCTAVE``.

    The largest makes saturation the model's clip, or covers all that was seen; the smallest cuts
    off most of what was seen. Other methods than ``mse`` leave a single one. Empty if all values
    were zero throughout.
    """
    covering = max(covering_scale(item) for item in seen)
    if covering <= 0:
        return np.zeros(0)
    largest = max(scale_of_clip(item.clip) or covering_scale(item) for item in seen)
    usual = max(_usual_scale(item) for item in seen) or covering
    octaves = max(float(np.log2(largest / usual)), 0.0) + _OCTAVES
    finer = largest * 2.0 ** (-np.arange(int(octaves * STEPS_PER_OCTAVE)) / STEPS_PER_OCTAVE)
    match method:
        case "mse":
            return finer
        case "max":
            return np.array([largest])
        case "percentile":
            return np.array([min(usual, largest)])
        case "kl":
            return finer[[int(np.argmin(_divergence(seen, finer)))]]


def _usual_scale(seen: Seen) -> float:
    """The scale that covers all but the largest ten-thousandth of what was seen."""
    values = seen.clipped
    low, high = np.quantile(values, [_RARE, 1 - _RARE])
    return max(float(high) / DATA_MAX, float(low) / DATA_MIN)


def _divergence(seen: Sequence[Seen], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of the values' distribution from that of 8 bits at each scale.

    As in TensorRT: integers stand for all values that are rounded to them, those beyond the limits
    count at the limits.
    """
    total = np.zeros(len(scales))
    for item in seen:
        values = item.clipped
        reach = _FAR * _usual_scale(item) or float(np.abs(values).max())
        if reach <= 0:
            continue
        values = np.clip(values, -reach, reach)
        # Zeros have an integer of their own at every scale, and would outweigh all others.
        counts, edges = np.histogram(values[values != 0], bins=_BINS, range=(-reach, reach))
        centers = (edges[1:] + edges[:-1]) / 2
        for index, scale in enumerate(scales):
            total[index] += _divergence_at(counts.astype(np.float64), centers / scale)
    return total


def _divergence_at(counts: NDArray[np.float64], steps: NDArray[np.float64]) -> float:
    """Divergence of one histogram; ``steps`` are its bins' places in integer steps."""
    integers = np.clip(np.rint(steps), DATA_MIN, DATA_MAX).astype(np.intp) - DATA_MIN
    inside = (steps >= DATA_MIN) & (steps <= DATA_MAX)
    used = (counts > 0) & inside
    if not used.any():
        return np.inf
    saturated = np.bincount(integers[~inside], counts[~inside], DATA_MAX - DATA_MIN + 1)
    mass = np.bincount(integers[used], counts[used], DATA_MAX - DATA_MIN + 1)
    bins = np.bincount(integers[used], minlength=DATA_MAX - DATA_MIN + 1)
    if saturated[bins == 0].any():
        return np.inf  # steps finer than the histogram
    real = counts[used] + (saturated / np.maximum(bins, 1))[integers[used]]
    spread = (mass / np.maximum(bins, 1))[integers[used]]
    real, spread = real / counts.sum(), spread / mass.sum()
    return float((real * np.log(real / spread)).sum())


def representation_error(seen: Sequence[Seen], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square error of representing the values at each scale, saturation included.

    A clip that 8-bit saturation does not reproduce counts as error, too: the integers saturate at
    the limits of 8 bits and nowhere else. Of a value that is averaged, the average counts.
    """
    total = np.zeros(len(scales))
    for item in seen:
        if item.averaged is not None:
            total += average_error(item.samples, item.clipped, scales, item.averaged)
            continue
        # What lies beyond the largest scale's limits saturates at every scale alike.
        reach = min(float(np.abs(item.samples).max()), float(scales.max()) * (DATA_MAX + 3))
        if reach <= 0:
            continue
        counts, edges = np.histogram(
            np.clip(item.samples, -reach, reach), bins=_BINS, range=(-reach, reach)
        )
        used = counts > 0
        centers = ((edges[1:] + edges[:-1]) / 2)[used]
        weights = counts[used] / counts.sum()
        wanted = centers if item.clip is None else np.clip(centers, *item.clip)
        for index, scale in enumerate(scales):
            integers = np.clip(np.floor(centers / scale + 0.5), DATA_MIN, DATA_MAX)
            total[index] += float(weights @ np.square(integers * scale - wanted))
    return total


def natural_step(samples: FloatArray) -> float | None:
    """The power of two of which all samples are 8-bit multiples, if there is one.

    Data that were 8-bit integers before they were scaled (pixels, audio) lose nothing when they are
    scaled back.
    """
    low, high = float(samples.min()), float(samples.max())
    cover = max(high / DATA_MAX, low / DATA_MIN)
    step = 2.0 ** np.ceil(np.log2(cover))
    if not _multiples(samples, step):
        return None
    while _multiples(samples, 2 * step):
        step *= 2
    return float(step)


def _multiples(samples: FloatArray, step: float) -> bool:
    ratio = samples / np.float32(step)
    return bool((ratio == np.rint(ratio)).all())
