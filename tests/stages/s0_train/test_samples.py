"""Batches: every example once, the same for the same seed, divided among processes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from mxdeploy.data import Scale
from mxdeploy.stages.s0_train.samples import Batches, Samples, in_units, input_range


def numbered(count: int) -> Samples:
    """Examples that can be told apart."""
    values = torch.arange(count, dtype=torch.float32)
    return Samples(values.view(-1, 1, 1), torch.arange(count), Scale.NONE)


@settings(max_examples=40)
@given(st.integers(1, 70), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3))
def test_every_example_once_per_epoch(count: int, size: int, epoch: int, world: int) -> None:
    seen: list[int] = []
    steps: list[list[int]] = []
    for rank in range(world):
        batches = Batches(numbered(count), size=size, seed=5, strengths={}, process=(rank, world))
        for step, batch in enumerate(batches.epoch(epoch)):
            assert len(batch.targets) > 0  # all processes take all steps
            assert batch.inputs.flatten().tolist() == batch.targets.tolist()
            counted = batch.targets.tolist() if batch.share else []
            seen += counted
            steps += [[]] * (step + 1 - len(steps))
            steps[step] = [*steps[step], len(counted)]
    assert sorted(seen) == list(range(count))
    sizes = [sum(parts) for parts in steps]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_shares_make_the_mean_over_processes_the_mean_over_examples() -> None:
    parts = [
        next(Batches(numbered(7), size=7, seed=1, strengths={}, process=(r, 2)).epoch(1))
        for r in range(2)
    ]
    means = [float(p.inputs.mean()) * p.share for p in parts]
    assert sum(means) / 2 == pytest.approx(3.0)


def test_seed_and_epoch_decide_the_order() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        batches = Batches(numbered(50), size=50, seed=seed, strengths={})
        return [int(v) for batch in batches.epoch(epoch) for v in batch.targets]

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)


@pytest.mark.parametrize("scale", list(Scale))
def test_8_bit_values_become_what_build_makes_of_them(scale: Scale) -> None:
    raw = np.arange(256, dtype=np.uint8)
    found = in_units(torch.from_numpy(raw), scale).numpy()
    expected = {
        Scale.NONE: raw.astype(np.float32),
        Scale.UNIT: (raw / 255).astype(np.float32),
        Scale.CHIP: np.clip(np.round((raw / 255 - 0.5) * 256), -128, 127) / 128,
    }[scale]
    assert np.allclose(found, expected)
    samples = Samples(torch.from_numpy(raw.reshape(-1, 1, 1)), None, scale)
    assert input_range(samples) == (pytest.approx(expected.min()), pytest.approx(expected.max()))


def test_signed_values_in_the_chips_scale() -> None:
    raw = torch.tensor([[-128], [0], [127]], dtype=torch.int8)
    assert in_units(raw, Scale.CHIP).flatten().tolist() == [-1.0, 0.0, 127 / 128]
