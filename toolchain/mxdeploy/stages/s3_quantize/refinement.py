"""Single steps of weights, as long as the activated and saturated output comes closer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mxdeploy.stages.s3_quantize.compensation import DoubleArray, FloatArray, Limits, Samples

_WORK = 60e9
"""Operations spent on one layer, at most; some seconds on two cores."""
_SAMPLES = (1024, 16384)
_ROUNDS = 60
_STEPS_AT_ONCE = 4
"""Steps of one output between two looks at the samples."""
_LARGEST_CURVATURE = 4096
_JUDGE_SHARE = 4
"""One of so many samples judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What happens to a layer's products.

    Attributes:
        offset: real biases (outputs,), as 8 bits give them.
        scale: real value of one step of a weight.
        low: smallest real output that activation and saturation leave.
        high: the largest.
        limits: smallest and largest integer weight.
    """

    offset: DoubleArray
    scale: float
    low: float
    high: float
    limits: Limits


def refined(integers: DoubleArray, samples: Samples, stage: Stage) -> DoubleArray:
    """Integer weights (outputs, inputs) whose output is closer than that of those given, or as.

    The outputs are independent of each other. Each look at the samples gives the slope and the
    curve of each output's error in each of its weights. The steps that promise most are taken, the
    slope being corrected for those before by the mean curvature; if that leads nowhere, one step at
    a time, then none. Samples that have no part in that judge which weights were best.
    """
    search = _Search(integers, samples.some(_affordable(integers.shape)), stage)
    for _ in range(_ROUNDS):
        if not search.round():
            break
    return search.best.astype(np.float64)


class _Search:
    """The state of the search: where each output stands, and the best it had."""

    def __init__(self, integers: DoubleArray, samples: Samples, stage: Stage) -> None:
        self._stage = stage
        columns = samples.columns * np.float32(stage.scale)
        judges = len(columns) // _JUDGE_SHARE
        self._judge, self._judged = columns[:judges], samples.wanted[:judges]
        self._columns, self._wanted = columns[judges:], samples.wanted[judges:]
        self._power = np.square(self._columns) / np.float32(len(self._columns))
        self._weight: FloatArray = integers.astype(np.float32)
        self._kept, self._least = self._weight.copy(), np.full(len(integers), np.inf)
        self.best, self._verdict = self._weight.copy(), np.full(len(integers), np.inf)
        steps = 1
        self._curvature: FloatArray | None = None
        if integers.shape[1] <= _LARGEST_CURVATURE:
            moments = self._columns.T @ self._columns
            self._curvature = (moments / len(self._columns)).astype(np.float32)
            steps = _STEPS_AT_ONCE
        self._steps = np.full(len(integers), steps)

    def round(self) -> bool:
        """Look at the samples and move; whether there is more to try."""
        low, high = self._stage.low, self._stage.high
        output, error = self._errors(self._columns, self._wanted)
        measured = np.square(error).mean(axis=0, dtype=np.float64)
        worse = measured > self._least
        self._least = np.minimum(measured, self._least)
        self._kept[~worse] = self._weight[~worse]
        self._compare()
        self._weight[worse] = self._kept[worse]
        self._steps[worse] //= _STEPS_AT_ONCE
        free = ((output > low) & (output < high)).astype(np.float32)
        slope = (error * free).T @ self._columns / len(error)
        moved = self._move(slope.astype(np.float32), free, np.where(worse, 0, self._steps))
        # Who stood still, stands still for ever; who went back tries again with fewer steps.
        self._steps[~moved & ~worse] = 0
        return bool(self._steps.any())

    def _errors(self, columns: FloatArray, wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Output before it is bounded, and its error after that."""
        output = columns @ self._weight.T + self._stage.offset.astype(np.float32)
        return output, np.clip(output, self._stage.low, self._stage.high) - wanted

    def _compare(self) -> None:
        """Keep the weights that the judging samples find best."""
        if not len(self._judge):
            self.best = self._kept.copy()
            return
        _, error = self._errors(self._judge, self._judged)
        measured = np.square(error).mean(axis=0, dtype=np.float64)
        better = measured < self._verdict
        self._verdict[better] = measured[better]
        self.best[better] = self._weight[better]

    def _move(self, slope: FloatArray, free: FloatArray, steps: np.ndarray) -> np.ndarray:
        """Take up to ``steps`` steps with each output; which of them moved."""
        weight, rows = self._weight, np.arange(len(self._weight))
        curve = free.T @ self._power
        share = free.mean(axis=0)[:, np.newaxis]
        moved = np.zeros(len(weight), dtype=bool)
        for number in range(int(steps.max(initial=0))):
            up, down = -2 * slope - curve, 2 * slope - curve
            up[weight >= self._stage.limits[1]] = -np.inf
            down[weight <= self._stage.limits[0]] = -np.inf
            chosen = np.maximum(up, down).argmax(axis=1)
            gains = up[rows, chosen], down[rows, chosen]
            useful = (np.maximum(*gains) > 0) & (steps > number)
            if not useful.any():
                break
            change = np.where(gains[0] >= gains[1], 1, -1).astype(np.float32) * useful
            weight[rows, chosen] += change
            moved |= useful
            if self._curvature is not None:
                slope += share * change[:, np.newaxis] * self._curvature[chosen]
        return moved


def _affordable(shape: tuple[int, ...]) -> int:
    """Number of samples with which the work stays within bounds."""
    affordable = int(_WORK / (_ROUNDS * 6 * shape[0] * shape[1]))
    return min(max(affordable, _SAMPLES[0]), _SAMPLES[1])
