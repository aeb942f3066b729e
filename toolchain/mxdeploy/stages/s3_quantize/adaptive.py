"""A layer's weights fitted to what the layer really reads, as a choice of scales wants them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ops.layer import Activation, LayerSpec
from mxdeploy.stages.s3_quantize.bias import rounded_bias
from mxdeploy.stages.s3_quantize.calibration import LayerSeen
from mxdeploy.stages.s3_quantize.columns import columns_of
from mxdeploy.stages.s3_quantize.compensation import Samples, target_of
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.refinement import Stage, refined
from mxdeploy.stages.s3_quantize.weights import BIAS_STEP, WeightChoice, WeightProblem

DoubleArray = NDArray[np.float64]
FloatArray = NDArray[np.float32]

_WHOLE = 8
"""Weights of this width are fine enough as they are."""
_SAMPLES = 16384
_HOPELESS = 25.0
_HOPELESS_WIDE = 2.0
"""Factors at which plain rounding is so much worse than at its best are not tried.

The shift leaves few factors to layers with 8-bit outputs, all to those with 32.
"""
_STEPS_PER_OCTAVE = 2


class AdaptiveWeights:
    """The weights of one layer, rounded so that the output comes close.

    Stands in for the :class:`WeightProblem` it is made from.
    """

    def __init__(self, problem: WeightProblem, samples: Samples, *, wide: bool) -> None:
        """Fit real weights to the samples.

        Args:
            problem: the layer.
            samples: what it reads and should give.
            wide: the layer writes its accumulator.
        """
        self._problem = problem
        self._samples = samples
        self._least: float | None = None
        self._wide = wide
        weight = problem.features.reshape(len(problem.features), -1).astype(np.float64)
        self._target = target_of(weight, samples, with_bias=problem.bias is not None)
        self._limits = (-(1 << problem.bits - 1), (1 << problem.bits - 1) - 1)

    @property
    def input_scale(self) -> float:
        """Real value of one integer step of the input."""
        return self._problem.input_scale

    @property
    def factors(self) -> tuple[float, float]:
        """The smallest and the largest factor worth a look."""
        return self._problem.factors

    def error(self, factor: float) -> float:
        """Mean square error of the output (before rounding it) that weights and biases cause."""
        if self._problem.error(factor) > self._hopeless():
            return np.inf
        integers = self._integers(factor)
        errors = self._problem.statistics.active * self._target.errors(integers / factor)
        wanted = self._wanted(factor, integers)
        if wanted is not None:
            errors += self._problem.bias_errors(factor, wanted)
        return float(errors.mean())

    @property
    def problem(self) -> WeightProblem:
        """The weights that are rounded one by one."""
        return self._problem

    def rounded(self, choice: WeightChoice, spec: LayerSpec) -> FloatArray:
        """Integer weights (outputs, features, taps) for a choice of scales."""
        factor = choice.factor
        integers = self._integers(factor)
        if self._problem.bits != _WHOLE and spec.activation is not Activation.ABS:
            offset: DoubleArray = np.zeros(len(integers))
            wanted = self._wanted(factor, integers)
            if wanted is not None:
                biases = rounded_bias(wanted).values.astype(np.float64)
                offset = biases * (BIAS_STEP * self.input_scale / factor)
            low, high = -np.inf, np.inf
            if spec.output_bits == DATA_BITS:
                low = 0.0 if spec.activation is Activation.RELU else DATA_MIN * choice.output_scale
                high = DATA_MAX * choice.output_scale
            stage = Stage(offset=offset, scale=1 / factor, low=low, high=high, limits=self._limits)
            integers = refined(integers, self._samples, stage)
        return integers.reshape(self._problem.features.shape).astype(np.float32)

    def wanted_bias(self, factor: float, integers: FloatArray) -> DoubleArray | None:
        """Biases in integer steps, not rounded, that leave no mean error."""
        return self._wanted(factor, integers.reshape(len(integers), -1).astype(np.float64))

    def _hopeless(self) -> float:
        """Error of plain rounding beyond which a factor is not tried."""
        if self._least is None:
            low, high = np.log2(self.factors)
            coarse = 2.0 ** np.arange(high, low, -1 / _STEPS_PER_OCTAVE)
            self._least = min(self._problem.error(float(factor)) for factor in coarse)
        return (_HOPELESS_WIDE if self._wide else _HOPELESS) * self._least

    def _integers(self, factor: float) -> DoubleArray:
        """Integer weights (outputs, inputs) whose errors compensate each other."""
        coarse = self._problem.bias is not None and self._problem.bits != _WHOLE
        step = BIAS_STEP * self.input_scale / factor if coarse else None
        return self._target.rounded(factor, self._limits, step)

    def _wanted(self, factor: float, integers: DoubleArray) -> DoubleArray | None:
        if self._problem.bias is None:
            return None
        unit = BIAS_STEP * self.input_scale / factor
        return self._target.bias(integers / factor) / unit


def samples_of(
    spec: LayerSpec, operand: FloatArray, seen: LayerSeen, input_scale: float
) -> Samples:
    """What a layer reads in integers and what it gives in the float network, pixel by pixel.

    Args:
        spec: geometry.
        operand: (n, channels, rows, columns), pooled and combined.
        seen: the layer in the float network.
        input_scale: real value of one integer step.
    """
    count = min(len(seen.positions), max(1, _SAMPLES // len(operand)))
    chosen = np.arange(count) * len(seen.positions) // count
    columns = columns_of(spec, operand, seen.positions[chosen])
    columns *= np.float32(input_scale)
    raw, wanted = (
        array[:, :, chosen].transpose(0, 2, 1).reshape(-1, spec.out_channels)
        for array in (seen.raw, seen.output.clipped)
    )
    return Samples(columns, np.ascontiguousarray(raw), np.ascontiguousarray(wanted))
