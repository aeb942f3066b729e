"""Weights rounded so that their errors compensate each other in the layer's output.

One weight after the other is rounded, and those that are not yet take up its error; the curvature
of the squared output error says how (as in GPTQ). What is approached is the float network's output,
given the integers that earlier layers really deliver, so that a layer also takes up part of what
was lost before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.stages.s3_quantize.bias import rounded_bias

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
Limits = tuple[int, int]

_LIKELY_CHANGE = 0.1
"""By how much the best weights differ from the float ones, relative to the size of these."""
_DAMPING = 0.005
"""Power that every input has at least, relative to the mean: calibration data are few."""
_LEAST_DAMPING = 1e-6
"""The same relative to the sum, means included: where inputs hardly vary."""
_BLOCK = 64
_LARGEST_GROUP = 1536
"""Inputs that compensate each other; the time grows with the third power."""
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A layer at sampled pixels.

    Attributes:
        columns: (n, inputs) what the weights multiply, real numbers.
        raw: (n, outputs) of the float network, before activation and clip.
        wanted: (n, outputs) of the float network.
    """

    columns: FloatArray
    raw: FloatArray
    wanted: FloatArray

    def some(self, count: int) -> Samples:
        """Up to ``count`` of the samples, in their order."""
        if len(self.columns) <= count:
            return self
        chosen = np.sort(np.random.default_rng(0).permutation(len(self.columns))[:count])
        return Samples(self.columns[chosen], self.raw[chosen], self.wanted[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class _Rounding:
    """How inputs compensate each other.

    Attributes:
        order: in which they are rounded.
        triangle: row j says how the inputs after j, in this order, take up the error of input j.
    """

    order: NDArray[np.intp]
    triangle: DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Consecutive inputs that compensate each other.

    Attributes:
        curvature: their second moments around the mean.
        centred: when the bias takes up every mean error.
        whole: when the weights have to.
        answer: the change of the weights that takes up a mean error of one at least cost.
    """

    curvature: DoubleArray
    centred: _Rounding
    whole: _Rounding
    answer: DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The best real weights for what the layer really reads, and what deviating from them costs.

    Attributes:
        weight: (outputs, inputs).
        mean: of each input; zero when no bias can take it up.
        raw_mean: of each output.
    """

    weight: DoubleArray
    mean: DoubleArray
    raw_mean: DoubleArray
    groups: tuple[_Group, ...]

    def bias(self, weight: DoubleArray) -> DoubleArray:
        """The real biases (outputs,) with which ``weight`` has no mean error."""
        return self.raw_mean - weight @ self.mean

    def rounded(self, factor: float, limits: Limits, bias_step: float | None = None) -> DoubleArray:
        """Integer weights, ``factor`` times as large as real ones, errors compensated.

        Args:
            factor: integer steps of a weight of one.
            limits: smallest and largest integer weight.
            bias_step: real value of one step of a bias, whose rounding the weights take up, too,
                as far as 8 bits do not cut it off; None: there is no bias, or it is fine enough.
        """
        none = np.zeros(len(self.weight))
        if bias_step is None:
            return self._rounded(factor, limits, none, whole=False)
        plain = self._rounded(factor, limits, none, whole=True)
        wanted = self.bias(self.weight) / bias_step
        left = rounded_bias(wanted).values - wanted
        mean_error = np.where(np.abs(left) <= 1, left, 0.0) * bias_step
        taken_up = self._rounded(factor, limits, mean_error, whole=True)
        better = self._cost(taken_up / factor, bias_step) < self._cost(plain / factor, bias_step)
        return np.where(better[:, np.newaxis], taken_up, plain)

    def _rounded(
        self, factor: float, limits: Limits, mean_error: DoubleArray, *, whole: bool
    ) -> DoubleArray:
        """Integer weights that take up a mean error (outputs,) as well as their own errors."""
        parts, start, left = [], 0, mean_error
        for group in self.groups:
            stop = start + len(group.answer)
            best = self.weight[:, start:stop] - np.outer(left, group.answer)
            part = _compensated(best * factor, group.whole if whole else group.centred, limits)
            left = (
                left
                if not whole
                else left + (part / factor - self.weight[:, start:stop]) @ self.mean[start:stop]
            )
            parts.append(part)
            start = stop
        return np.concatenate(parts, axis=1)

    def _cost(self, weight: DoubleArray, bias_step: float) -> DoubleArray:
        """Mean square error (outputs,) before activation of real weights and integer biases."""
        wanted = self.bias(weight) / bias_step
        left = (rounded_bias(wanted).values - wanted) * bias_step
        return self.errors(weight) + np.square(left)

    def errors(self, weight: DoubleArray) -> DoubleArray:
        """Mean square error (outputs,) before activation of real weights, biases being exact."""
        total, start = np.zeros(len(weight)), 0
        for group in self.groups:
            stop = start + len(group.answer)
            delta = weight[:, start:stop] - self.weight[:, start:stop]
            total += np.einsum("oi,oi->o", delta @ group.curvature, delta)
            start = stop
        return total


def target_of(weight: DoubleArray, samples: Samples, *, with_bias: bool) -> Target:
    """Regress the float network's output on what the layer really reads.

    Args:
        weight: the float weights (outputs, inputs).
        samples: the layer on calibration data.
        with_bias: whether a bias takes up the mean.
    """
    outputs, inputs = weight.shape
    mean, raw_mean = np.zeros(inputs), np.zeros(outputs)
    if with_bias:
        mean = samples.columns.mean(axis=0, dtype=np.float64)
        raw_mean = samples.raw.mean(axis=0, dtype=np.float64)
    columns = samples.columns - mean.astype(np.float32)
    rest = samples.raw - raw_mean.astype(np.float32) - columns @ weight.T.astype(np.float32)
    result = weight.copy()
    groups = []
    for start in range(0, inputs, _LARGEST_GROUP):
        part = columns[:, start : start + _LARGEST_GROUP]
        group = _group(part, mean[start : start + _LARGEST_GROUP])
        # As in Bayesian regression: few samples, or much noise, leave the weights as they are.
        noise = float(np.square(rest).mean(dtype=np.float64)) / len(part)
        change = _LIKELY_CHANGE**2 * float(np.square(weight).mean())
        ridged = group.curvature + (noise / (change + _TINY) + _TINY) * np.eye(len(group.answer))
        slope = (rest.T @ part).astype(np.float64) / len(part)
        moved = np.linalg.solve(ridged, slope.T).T
        result[:, start : start + _LARGEST_GROUP] += moved
        rest -= part @ moved.T.astype(np.float32)
        groups.append(group)
    return Target(weight=result, mean=mean, raw_mean=raw_mean, groups=tuple(groups))


def _group(columns: FloatArray, mean: DoubleArray) -> _Group:
    """Prepare inputs of which ``columns`` are what goes beyond their ``mean``.

    A coarse bias is as much to blame as the weights: so it is fixed before them, and errors of the
    mean count like any others.
    """
    curvature = _shrunk(columns)
    centred, _ = _rounding(curvature, np.zeros_like(mean))
    whole, answer = _rounding(curvature, mean) if mean.any() else (centred, np.zeros_like(mean))
    return _Group(curvature=curvature, centred=centred, whole=whole, answer=answer)


def _rounding(curvature: DoubleArray, mean: DoubleArray) -> tuple[_Rounding, DoubleArray]:
    """The order and triangle for these moments and means, and the answer to a mean error of one."""
    size = len(curvature)
    moments = curvature + np.outer(mean, mean)
    damping = _DAMPING * float(np.trace(curvature)) / size + _TINY
    damping += _LEAST_DAMPING * (float(np.trace(moments)) - float(np.trace(curvature)))
    order = np.argsort(-np.diag(moments), kind="stable")
    inverse = np.linalg.inv(moments[np.ix_(order, order)] + damping * np.eye(size))
    answer = np.empty(size)
    answer[order] = inverse @ mean[order]
    return _Rounding(order=order, triangle=np.linalg.cholesky(inverse).T), answer


def _shrunk(columns: FloatArray) -> DoubleArray:
    """Second moments, those of different inputs as small as the samples leave them doubtful.

    Ledoit and Wolf's estimate, towards the diagonal: without it, inputs that are independent but
    few would seem to say the same.
    """
    count = len(columns)
    moments = (columns.T @ columns).astype(np.float64) / count
    powers = np.square(columns.astype(np.float64))
    fourth = float((np.square(powers.sum(axis=1)) - np.square(powers).sum(axis=1)).mean())
    off = float(np.square(moments).sum() - np.square(np.diag(moments)).sum())
    doubt = min(max((fourth - off) / count / (off + _TINY), 0.0), 1.0)
    shrunk: DoubleArray = (1 - doubt) * moments
    np.fill_diagonal(shrunk, np.diag(moments))
    return shrunk


def _compensated(wanted: DoubleArray, group: _Rounding, limits: Limits) -> DoubleArray:
    """Round ``wanted`` (outputs, inputs), input by input."""
    low, high = limits
    triangle, size = group.triangle, len(group.order)
    rest = np.ascontiguousarray(wanted.T[group.order])
    rounded = np.empty_like(rest)
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        errors = np.empty((stop - start, rest.shape[1]))
        for index in range(start, stop):
            row = np.minimum(np.maximum(np.rint(rest[index]), low), high)
            error = (rest[index] - row) / triangle[index, index]
            rest[index:stop] -= triangle[index, index:stop, np.newaxis] * error
            rounded[index], errors[index - start] = row, error
        rest[stop:] -= triangle[start:stop, stop:].T @ errors
    result = np.empty_like(rounded)
    result[group.order] = rounded
    return result.T
