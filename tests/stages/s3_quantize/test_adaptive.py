"""Weights rounded for the layer's output: never worse than what they start from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.ir.network import Network
from mxdeploy.ops.layer import LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, output_noise, quantize
from mxdeploy.stages.s3_quantize.columns import columns_of
from mxdeploy.stages.s3_quantize.compensation import Samples, target_of
from mxdeploy.stages.s3_quantize.integer_model import build_accumulator_model
from mxdeploy.stages.s3_quantize.refinement import Stage, refined
from mxdeploy.stages.s3_quantize.session import Session
from tests.stages.s3_quantize.branching import branching_networks
from tests.stages.s3_quantize.small import pixels, small, sqnr_db
from tests.stages.s3_quantize.test_equalization import data_for
from tests.stages.s3_quantize.test_integer_model import specs

Floats = NDArray[np.float32]
FOUR_BITS = (-8, 7)
QUIET = 10**-3
"""30 dB below the output."""


@settings(max_examples=40, deadline=None)
@given(spec=specs(), seed=st.integers(0, 2**16))
def test_columns_are_the_convolution(spec: LayerSpec, seed: int) -> None:
    if spec.weight_shape is None or spec.operands > 1 or spec.pool is not None:
        return
    rng = np.random.default_rng(seed)
    weight = rng.integers(-128, 128, spec.weight_shape, dtype=np.int8)
    x = rng.integers(-128, 128, (3, *spec.in_shape), dtype=np.int8)
    sums = Session(build_accumulator_model(spec, weight), 1).run({"x0": x})["y"]
    pixel_count = spec.out_size[0] * spec.out_size[1]
    positions = np.sort(rng.permutation(pixel_count)[: rng.integers(1, pixel_count + 1)])
    columns = columns_of(spec, x, positions)
    found = columns @ weight.reshape(len(weight), -1).T.astype(np.float32)
    wanted = sums.reshape(3, len(weight), -1)[:, :, positions].transpose(0, 2, 1)
    np.testing.assert_array_equal(found, wanted.reshape(found.shape))


def correlated(count: int, inputs: int, seed: int) -> Floats:
    """Inputs that say partly the same, as neighbouring pixels do; not centred."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, 1, (inputs, inputs)) * 0.5 ** np.arange(inputs)
    return (np.maximum(rng.normal(0.3, 1, (count, inputs)) @ mixing.T, 0)).astype(np.float32)


def samples(weight: NDArray[np.float64], columns: Floats) -> Samples:
    raw = (columns @ weight.T).astype(np.float32)
    return Samples(columns, raw, np.maximum(raw, 0))


def output_error(weight: NDArray[np.float64], integers: NDArray[np.float64], x: Floats) -> float:
    return float(np.square(x @ (integers / 7 - weight).T).mean())


@pytest.mark.parametrize("seed", range(5))
def test_compensated_errors_are_smaller(seed: int) -> None:
    weight = np.random.default_rng(seed).uniform(-1, 1, (8, 30))
    columns = correlated(20000, 30, seed)
    target = target_of(weight, samples(weight, columns), with_bias=False)
    np.testing.assert_allclose(target.weight, weight, atol=1e-4)
    found = target.rounded(7.0, FOUR_BITS)
    nearest = np.clip(np.rint(weight * 7), *FOUR_BITS)
    assert (found == np.rint(found)).all()
    assert FOUR_BITS[0] <= found.min()
    assert found.max() <= FOUR_BITS[1]
    fresh = correlated(400, 30, seed)
    assert output_error(weight, found, fresh) < 0.7 * output_error(weight, nearest, fresh)
    predicted = target.errors(found / 7)
    measured = np.square(columns @ (found / 7 - weight).T).mean(axis=0)
    np.testing.assert_allclose(predicted, measured, rtol=0.2)


def test_whole_weights_stay() -> None:
    weight = np.random.default_rng(0).integers(-8, 8, (8, 30)) / 7
    columns = correlated(400, 30, 0)
    target = target_of(weight, samples(weight, columns), with_bias=True)
    np.testing.assert_array_equal(target.rounded(7.0, FOUR_BITS), np.rint(weight * 7))


def test_what_was_lost_before_is_taken_up() -> None:
    """Inputs that arrive 10 % too small ask for larger weights; the mean, for a bias."""
    weight = np.random.default_rng(0).uniform(-1, 1, (4, 10))
    columns = correlated(2000, 10, 0)
    seen = samples(weight, columns)
    less = Samples((columns * np.float32(0.9)).astype(np.float32), seen.raw + 0.5, seen.wanted)
    target = target_of(weight, less, with_bias=True)
    np.testing.assert_allclose(target.weight, weight / 0.9, rtol=0.1, atol=0.05)
    np.testing.assert_allclose(target.bias(weight / 0.9), 0.5, atol=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_weights_take_up_what_coarse_biases_lose(seed: int) -> None:
    """A bias in large steps costs much less than half a step."""
    rng = np.random.default_rng(seed)
    weight, bias, step = rng.uniform(-0.8, 0.8, (8, 30)), rng.uniform(-4, 4, 8), 1.5
    columns = correlated(20000, 30, seed)
    raw = (columns @ weight.T + bias).astype(np.float32)
    target = target_of(weight, Samples(columns, raw, raw), with_bias=True)
    fresh = correlated(20400, 30, seed)[-400:]

    def error(integers: NDArray[np.float64]) -> float:
        biases = np.rint(target.bias(integers / 7) / step) * step
        return float(np.square(fresh @ (integers / 7 - weight).T + biases - bias).mean())

    exact, coarse = target.rounded(7.0, FOUR_BITS), target.rounded(7.0, FOUR_BITS, step)
    assert error(coarse) < 0.25 * error(exact)


def test_biases_far_beyond_eight_bits_leave_the_weights_alone() -> None:
    """They hold a channel at its limit, which no weights are to make up for."""
    weight = np.random.default_rng(0).uniform(-1, 1, (4, 10))
    columns = correlated(2000, 10, 0)
    raw = (columns @ weight.T - np.float32(1000)).astype(np.float32)
    target = target_of(weight, Samples(columns, raw, np.maximum(raw, 0)), with_bias=True)
    near = (raw + 1000).astype(np.float32)
    plain = target_of(weight, Samples(columns, near, near), with_bias=True)
    np.testing.assert_array_equal(
        target.rounded(7.0, FOUR_BITS, 0.5), plain.rounded(7.0, FOUR_BITS, 1e-6)
    )


def stage(rows: int, limits: tuple[int, int] = FOUR_BITS) -> Stage:
    return Stage(offset=np.zeros(rows), scale=1 / 3, low=0.0, high=1.5, limits=limits)


def stage_errors(integers: NDArray[np.float64], seen: Samples) -> NDArray[np.float64]:
    output = np.clip(seen.columns @ integers.T / 3, 0, 1.5)
    return np.square(output - seen.wanted).mean(axis=0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), inputs=st.integers(1, 20), rows=st.integers(1, 6))
def test_refined_weights_are_never_worse(seed: int, inputs: int, rows: int) -> None:
    """In the eyes of the quarter of the samples that had no part in the search."""
    rng = np.random.default_rng(seed)
    weight = rng.uniform(-1, 1, (rows, inputs))
    seen = samples(weight, correlated(200, inputs, seed))
    seen = Samples(seen.columns, seen.raw, np.clip(seen.raw, 0, 1.5))
    start = np.clip(np.rint(weight * 3), *FOUR_BITS)
    found = refined(start, seen, stage(rows))
    assert (found == np.rint(found)).all()
    assert FOUR_BITS[0] <= found.min()
    assert found.max() <= FOUR_BITS[1]
    judges = Samples(seen.columns[:50], seen.raw[:50], seen.wanted[:50])
    assert (stage_errors(found, judges) <= stage_errors(start, judges) * (1 + 1e-5)).all()


def test_refined_weights_are_close_to_the_best_there_are() -> None:
    """Against all weights of three inputs, -2..1 each, one by one."""
    worse = []
    for seed in range(10):
        weight = np.random.default_rng(seed).uniform(-0.6, 0.4, (1, 3))
        seen = samples(weight, correlated(300, 3, seed))
        seen = Samples(seen.columns, seen.raw, np.clip(seen.raw, 0, 1.5))
        every = np.array(list(itertools.product(range(-2, 2), repeat=3)), np.float64)
        best = min(float(stage_errors(row[None], seen)[0]) for row in every)
        start = np.clip(np.rint(weight * 3), -2, 1)
        found = float(stage_errors(refined(start, seen, stage(1, (-2, 1))), seen)[0])
        assert found >= best - 1e-9
        worse.append(found > best * 1.01 + 1e-9)
    assert sum(worse) <= 4


def test_four_bits_in_a_network() -> None:
    network, data, fresh = small(), pixels((3, 8, 8), 128), pixels((3, 8, 8), seed=9)
    options = QuantizeOptions(weight_bits=4)
    nearest = QuantizeOptions(weight_bits=4, rounding="nearest")
    gain = sqnr_db(network, quantize(network, data, options), fresh, "v2") - sqnr_db(
        network, quantize(network, data, nearest), fresh, "v2"
    )
    assert gain > 0.5


@settings(max_examples=25, deadline=None)
@given(network=branching_networks(), seed=st.integers(0, 99))
def test_noisy_outputs_become_quieter(network: Network, seed: int) -> None:
    """Left to us, rounding is adaptive only where nearest rounding is noisy and it helps."""
    data = data_for(network, seed=seed)
    nearest, adaptive, chosen = (
        quantize(network, data, QuantizeOptions(rounding=rounding, max_samples=8))
        for rounding in ("nearest", "adaptive", "auto")
    )
    if output_noise(nearest) <= QUIET or output_noise(nearest) <= output_noise(adaptive):
        assert chosen == nearest
    else:
        assert chosen == adaptive
    options = QuantizeOptions(rounding="auto", max_samples=8, fit_wide=False)
    assert quantize(network, data, options) == nearest
