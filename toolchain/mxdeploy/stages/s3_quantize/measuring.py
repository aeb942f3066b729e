"""Measures what the decisions about one layer cost, source by source.

All on the integers that the layer really reads: real weights on these show what is inherited;
integer weights with real biases, then with integer ones, then the rounded output show what the
layer adds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.measurement import LayerMeasurement, NoiseSources, histogram
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.bias import BiasChoice, Finish, rounded_bias
from mxdeploy.stages.s3_quantize.calibration import LayerSeen, activated
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.weights import BIAS_STEP, WeightProblem

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

_OUTPUT_BINS = 96
_WEIGHT_BINS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """A layer's parameters, and its sums at the sampled pixels (n, channels, positions).

    Attributes:
        problem: real weights and biases.
        weight: integers, any shape.
        bias: integers; None: the layer has none.
        finish: from sums to outputs.
        sums: of the integer weights, without biases.
        real_sums: of the real weights, without biases, in steps of the input.
        range_from: what the output's range comes from.
    """

    problem: WeightProblem
    weight: NDArray[np.int8]
    bias: BiasChoice | None
    finish: Finish
    sums: FloatArray
    real_sums: FloatArray
    range_from: str


def measured(decision: Decision, seen: LayerSeen) -> LayerMeasurement:
    """What a decision costs, against what the float network shows."""
    problem, finish = decision.problem, decision.finish
    real = seen.output.clipped
    wide = finish.shift is None
    factor = problem.input_scale / finish.accumulator_scale
    limits = None if wide else _limits(finish)
    low, high = float(real.min()), float(real.max())
    shown = (low, high) if limits is None else (min(low, limits[0]), max(high, limits[1]))
    bits = problem.bits
    return LayerMeasurement(
        weight_scale=1 / factor,
        weights_cut=weights_cut(problem, factor),
        range_from=decision.range_from,
        reach=(low, high),
        limits=limits,
        beyond=outputs_beyond(seen, finish),
        biases_moved=_moved(decision, factor),
        noise=_sources(decision, seen, real),
        outputs=histogram(real, *shown, _OUTPUT_BINS),
        weights=histogram(
            decision.weight,
            -(1 << bits - 1) - 0.5,
            (1 << bits - 1) - 0.5,
            min(1 << bits, _WEIGHT_BINS),
        ),
    )


def _sources(decision: Decision, seen: LayerSeen, real: FloatArray) -> NoiseSources:
    """Noise step by step, from the real layer to the integer one."""
    finish, bias = decision.finish, decision.problem.bias

    def bounded(raw: FloatArray) -> FloatArray:
        output = activated(raw, finish.activation)
        return replace(seen.output, samples=output).clipped

    ideal = bounded(_with_bias(decision.real_sums * np.float32(decision.problem.input_scale), bias))
    scaled = decision.sums * np.float32(finish.accumulator_scale)
    rounded = bounded(_with_bias(scaled, bias))
    integer: DoubleArray | None = None
    if decision.bias is not None:
        integer = decision.bias.values.astype(np.float64)
        integer *= BIAS_STEP * finish.accumulator_scale
    whole = bounded(_with_bias(scaled, integer))
    values = None if decision.bias is None else decision.bias.values
    output = finish(decision.sums, values) * np.float32(finish.output_scale)
    signal = float(np.square(real).mean(dtype=np.float64)) or 1.0

    def share(one: FloatArray, other: FloatArray) -> float:
        return float(np.square(one - other).mean(dtype=np.float64)) / signal

    return NoiseSources(
        inherited=share(ideal, real),
        weights=share(rounded, ideal),
        parameters=share(whole, ideal),
        output=share(output, whole),
        own=share(output, ideal),
    )


def _with_bias(raw: FloatArray, bias: DoubleArray | None) -> FloatArray:
    if bias is None:
        return raw
    shaped: FloatArray = raw + bias.astype(np.float32).reshape(-1, 1)
    return shaped


def _limits(finish: Finish) -> tuple[float, float]:
    low = 0 if finish.activation is not Activation.NONE else DATA_MIN
    return low * finish.output_scale, DATA_MAX * finish.output_scale


def outputs_beyond(seen: LayerSeen, finish: Finish) -> float:
    """Share of the float network's outputs beyond what the output of the layer holds."""
    if finish.shift is None:
        return 0.0
    real, (low, high) = seen.output.clipped, _limits(finish)
    half = finish.output_scale / 2
    return float(((real < low - half) | (real > high + half)).mean())


def weights_cut(problem: WeightProblem, factor: float) -> float:
    """Share of the weights that are rounded to more than their width holds."""
    low, high = -(1 << problem.bits - 1), (1 << problem.bits - 1) - 1
    whole = np.rint(problem.features * np.float32(factor))
    return float(((whole < low) | (whole > high)).mean())


def _moved(decision: Decision, factor: float) -> int:
    """Biases that differ from the nearest integers."""
    if decision.bias is None or decision.problem.bias is None:
        return 0
    plain = decision.problem.bias * factor / (BIAS_STEP * decision.problem.input_scale)
    return int((rounded_bias(plain).values != decision.bias.values).sum())
