"""How large a value gets, and what representing it in 8 bits costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.options import RangeMethod

FloatArray = NDArray[np.float32]
Clip = tuple[float, float]

STEPS_PER_OCTAVE = 8
"""Candidate scales are nine percent apart; finer steps change no accuracy."""
_OCTAVES = 3
_BINS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Samples of one value.

    Attributes:
        samples: the value before its clip, any shape.
        clip: bounds that the model imposes on it.
    """

    samples: FloatArray
    clip: Clip | None

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
    off most of what was seen. Empty if all values were zero throughout.
    """
    covering = max(covering_scale(item) for item in seen)
    if covering <= 0:
        return np.zeros(0)
    largest = max(scale_of_clip(item.clip) or covering_scale(item) for item in seen)
    if method == "max":
        return np.array([largest])
    octaves = max(float(np.log2(largest / covering)), 0.0) + _OCTAVES
    return largest * 2.0 ** (-np.arange(int(octaves * STEPS_PER_OCTAVE)) / STEPS_PER_OCTAVE)


def representation_error(seen: Sequence[Seen], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean square error of representing the values at each scale, saturation included.

    A clip that 8-bit saturation does not reproduce counts as error, too: the integers saturate at
    the limits of 8 bits and nowhere else.
    """
    total = np.zeros(len(scales))
    for item in seen:
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
