"""Scales from ranges: clips, candidates, errors, grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.stages.s3_quantize.options import RangeMethod
from mxdeploy.stages.s3_quantize.ranges import (
    Seen,
    natural_step,
    representation_error,
    scale_candidates,
    scale_of_clip,
)


@pytest.mark.parametrize(
    ("clip", "scale"),
    [
        ((-1.0, 127 / 128), 1 / 128),
        ((0.0, 6.0), 6 / 127),
        ((-1.0, 1.0), 1 / 127),
        ((float("-inf"), 2.0), 2 / 127),
        ((-6.0, 1.0), 6 / 128),
        ((0.0, float("inf")), None),
        ((-3.0, 0.0), None),
        (None, None),
    ],
)
def test_scale_of_clip(clip: tuple[float, float] | None, scale: float | None) -> None:
    assert scale_of_clip(clip) == scale


def direct_error(samples: NDArray[np.float32], clip: tuple[float, float], scale: float) -> float:
    wanted = np.clip(samples.astype(np.float64), *clip)
    found = np.clip(np.floor(samples / scale + 0.5), -128, 127) * scale
    return float(np.square(found - wanted).mean())


@pytest.mark.parametrize("scale", [0.004, 1 / 127, 0.02, 0.1])
@pytest.mark.parametrize("clip", [(-10.0, 10.0), (-0.5, 1.0), (0.0, 0.3)])
def test_error_is_that_of_the_samples(scale: float, clip: tuple[float, float]) -> None:
    """A clip that saturation does not make is part of the error."""
    samples = np.random.default_rng(0).normal(0, 0.7, 20000).astype(np.float32)
    found = representation_error([Seen(samples=samples, clip=clip)], np.array([0.1, scale]))
    assert found[1] == pytest.approx(direct_error(samples, clip, scale), rel=0.05, abs=1e-7)


def test_rare_large_values_are_cut_off() -> None:
    samples = np.random.default_rng(0).laplace(0, 1, 50000).astype(np.float32)
    seen = [Seen(samples=samples, clip=None)]
    scales = scale_candidates(seen, "mse")
    best = int(np.argmin(representation_error(seen, scales)))
    unbounded = (float("-inf"), float("inf"))
    direct = int(np.argmin([direct_error(samples, unbounded, float(scale)) for scale in scales]))
    assert abs(best - direct) <= 1
    assert best > 0
    assert scale_candidates(seen, "max").tolist() == [scales[0]]


def test_nothing_but_zeros_has_no_candidates() -> None:
    assert scale_candidates([Seen(samples=np.zeros(3, np.float32), clip=None)], "mse").size == 0


@given(st.integers(-20, 10), st.lists(st.integers(-128, 127), min_size=1).filter(any))
def test_natural_step_reproduces_the_data(exponent: int, integers: list[int]) -> None:
    samples = (np.array(integers) * 2.0**exponent).astype(np.float32)
    step = natural_step(samples)
    assert step is not None
    assert step >= 2.0**exponent
    steps = samples / step
    np.testing.assert_array_equal(np.clip(np.rint(steps), -128, 127), steps)


def test_no_natural_step() -> None:
    assert natural_step(np.array([0.1, 0.7, 1.0], np.float32)) is None
    assert natural_step(np.array([0, 1, 255], np.float32)) is None


def test_every_method_leaves_one_scale_but_mse() -> None:
    samples = np.random.default_rng(0).laplace(0, 1, 50000).astype(np.float32)
    seen = [Seen(samples=samples, clip=None)]
    assert len(scale_candidates(seen, "mse")) > 1
    for method in ("max", "percentile", "kl"):
        assert scale_candidates(seen, method).shape == (1,)  # type: ignore[arg-type]
    largest = float(np.abs(samples).max())
    assert scale_candidates(seen, "max")[0] == pytest.approx(largest / 127.5, rel=0.01)


@pytest.mark.parametrize("method", ["percentile", "kl"])
def test_one_outlier_does_not_count(method: RangeMethod) -> None:
    samples = np.abs(np.random.default_rng(0).normal(0, 1, 50000)).astype(np.float32)
    samples[7] = 1000
    (scale,) = scale_candidates([Seen(samples=samples, clip=None)], method)
    assert 2.0 < 127 * scale < 8.0
    assert float((samples > 127 * scale).mean()) < 0.02


def test_percentile_is_the_quantile() -> None:
    samples = np.random.default_rng(1).laplace(0, 1, 100000).astype(np.float32)
    (scale,) = scale_candidates([Seen(samples=samples, clip=None)], "percentile")
    beyond = ((samples > 127 * scale) | (samples < -128 * scale)).mean()
    assert 0.5e-4 <= beyond <= 2e-4


@pytest.mark.parametrize("method", ["percentile", "kl"])
def test_a_flat_distribution_is_covered(method: RangeMethod) -> None:
    samples = np.random.default_rng(0).uniform(0, 3, 50000).astype(np.float32)
    (scale,) = scale_candidates([Seen(samples=samples, clip=None)], method)
    assert 127 * scale == pytest.approx(3, rel=0.02)
