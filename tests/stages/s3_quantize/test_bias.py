"""Bias correction is decided by the error of the output: it may help, and it may do harm."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.bias import Finish, measured_bias

Floats = NDArray[np.float32]

STEP = 128
"""Accumulator steps of one step of the bias, and here of the output."""


def finish_of(activation: Activation = Activation.NONE) -> Finish:
    """An output step is a hundred-and-twenty-eighth, and 128 accumulator steps."""
    return Finish(
        accumulator_scale=1 / STEP**2, output_scale=1 / STEP, shift=0, activation=activation
    )


def error(sums: Floats, real: Floats, bias: float, activation: Activation) -> float:
    """Mean square error of the output of one channel, computed anew."""
    low = 0 if activation is Activation.RELU else -128
    integers = np.clip(np.floor(sums / STEP + 0.5) + bias, low, 127)
    return float(np.square(integers / STEP - real).mean())


def chosen(
    sums: Floats, real: Floats, plain: float = 0.0, activation: Activation = Activation.NONE
) -> int:
    """The bias of a single channel."""
    bias = np.array([plain])
    choice = measured_bias(
        bias, bias, sums.reshape(-1, 1, 1), real.reshape(-1, 1, 1), finish_of(activation)
    )
    return int(choice.values[0])


def steps(*values: float, times: int = 1) -> Floats:
    return np.repeat(np.array(values, np.float32), times)


def test_a_mean_error_is_taken_up() -> None:
    sums = np.arange(-40, 40, dtype=np.float32) * STEP
    real = (sums / STEP + 3).astype(np.float32) / STEP
    assert chosen(sums, real) == 3


def test_a_mean_error_that_no_bias_can_mend_stays() -> None:
    """A quarter of the values saturates, whatever the bias; the others are right without."""
    sums = np.concatenate([np.arange(-40, 35, dtype=np.float32), steps(200, times=25)]) * STEP
    real = sums / STEP**2
    real[75:] = 2.0
    real[-1] = 4.0
    residual = float((real - sums / STEP**2)[real < 4.0].mean())
    assert residual * STEP > 5, "correcting the mean would move all others by many steps"
    assert chosen(sums, real) == 0


@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU])
@pytest.mark.parametrize("seed", range(20))
def test_never_worse_than_either_way(seed: int, activation: Activation) -> None:
    """Neither than the nearest integer, nor than the one without mean error."""
    draw = np.random.default_rng(seed)
    plain = float(draw.uniform(-30, 30))
    sums = draw.normal(0, draw.uniform(10, 120), 300).round().astype(np.float32) * STEP
    exact = sums / STEP**2 + plain / STEP
    noise = draw.normal(draw.uniform(-0.1, 0.1), draw.uniform(0, 0.1), 300)
    noise += (draw.random(300) < 0.05) * draw.normal(0, 2, 300)
    real = (exact + noise).astype(np.float32)
    free = (real > 0) if activation is Activation.RELU else np.ones(300, bool)
    if activation is Activation.RELU:
        real = np.maximum(real, 0)
    free &= real < real.max()
    corrected = plain + float((real - exact)[free].mean()) * STEP
    found = error(sums, real, chosen(sums, real, plain, activation), activation)
    for other in (plain, corrected):
        limit = error(sums, real, float(np.clip(np.rint(other), -128, 127)), activation)
        assert found <= limit * (1 + 1e-6)
