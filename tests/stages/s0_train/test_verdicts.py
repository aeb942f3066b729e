"""Verdicts over trainings that really go wrong, one in each way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from mxdeploy.stages.s0_train.diagnosis import Verdict, diagnose
from mxdeploy.stages.s0_train.loop import FitData, fit
from mxdeploy.stages.s0_train.samples import Samples
from tests.stages.s0_train import small

CLASSES = 3
BATCH = 16


def blind() -> nn.Module:
    """Sees how bright a picture is on average: two of the three classes are alike for it."""
    return nn.Sequential(
        nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, CLASSES)
    )


def able() -> nn.Module:
    """Tells the classes apart, with batch normalization."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(4),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )


def large() -> nn.Module:
    """Learns any 50 pictures by heart."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
        nn.Linear(128, CLASSES),
    )  # fmt: skip


def bars(count: int, validation: int = 96) -> FitData:
    return FitData(
        train=small.bars(count, seed=1, classes=CLASSES),
        validation=small.bars(validation, seed=2, classes=CLASSES),
    )


def lottery(count: int) -> FitData:
    """Pictures whose labels were drawn: there is nothing to understand."""

    def drawn(samples: Samples, seed: int) -> Samples:
        random = torch.Generator().manual_seed(seed)
        return replace(
            samples, targets=torch.randint(0, CLASSES, (len(samples),), generator=random)
        )

    data = bars(count, 48)
    assert data.validation is not None
    return FitData(train=drawn(data.train, 1), validation=drawn(data.validation, 2))


def verdict(
    make: Callable[[], nn.Module], data: FitData, optimizer: str, rate: float, epochs: int
) -> Verdict:
    torch.manual_seed(0)
    chosen = small.settings(
        data,
        CLASSES,
        training={"epochs": epochs, "batch": BATCH},
        optimizer={"name": optimizer, "rate": rate},
    )
    return diagnose(fit(make(), data, chosen))


def test_a_network_that_can_learn_does() -> None:
    assert verdict(able, bars(192), "adamw", 0.02, 15).kind == "learning"


def test_a_network_too_small_underfits() -> None:
    """Before it has found anything, and when it has found all that it can."""
    assert verdict(blind, bars(192), "adamw", 0.02, 15).kind == "underfitting"
    found = verdict(blind, bars(480, 480), "adamw", 0.1, 30)
    assert found.kind == "underfitting"
    assert "larger network" in found.advice[0]


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 1e-5), ("adamw", 1e-4), ("sgd", 1e-3)])
def test_a_rate_far_too_low(optimizer: str, rate: float) -> None:
    """Batch normalization makes the loss between epochs rise at first: no jump, no explosion."""
    found = verdict(able, bars(192), optimizer, rate, 15)
    assert found.kind in {"rate_too_low", "underfitting"}
    advice = " ".join(found.advice)
    assert "greater rate" in advice or "ten times greater" in advice


@pytest.mark.parametrize(
    ("make", "optimizer", "rate"), [(able, "adamw", 10), (able, "sgd", 3), (large, "sgd", 30)]
)
def test_a_rate_far_too_high(make: Callable[[], nn.Module], optimizer: str, rate: float) -> None:
    assert verdict(make, bars(192), optimizer, rate, 15).kind == "rate_too_high"


@pytest.mark.parametrize("data", [bars(24), lottery(48)], ids=["few", "lottery"])
def test_a_network_too_large_for_its_data_overfits(data: FitData) -> None:
    found = verdict(large, data, "adamw", 0.005, 25)
    assert found.kind == "overfitting"
    assert found.since is not None
    assert found.since <= 6
    assert "more examples" in found.advice[0]
