"""Optimizers and learning rates over a training."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

torch = pytest.importorskip("torch")

from mxdeploy.recipe import OptimizerName, OptimizerSection, ScheduleSection
from mxdeploy.stages.s0_train.optimizers import Schedule, make_optimizer


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_every_optimizer_goes_downhill(name: OptimizerName) -> None:
    point = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    section = OptimizerSection(name=name, rate=0.05)
    optimizer = make_optimizer([point], section)
    for _ in range(20):
        optimizer.zero_grad()
        (point**2).sum().backward()
        optimizer.step()
    assert (point.detach() ** 2).sum().item() < 13.0 - 0.5


@pytest.mark.parametrize(
    ("section", "nesterov", "momentum"),
    [
        ({"name": "sgd"}, False, 0.0),
        ({"name": "momentum"}, False, 0.9),
        ({"name": "nesterov"}, True, 0.9),
        ({"name": "sgd", "nesterov": True, "momentum": 0.5}, True, 0.5),
        ({"name": "gradient_descent"}, False, 0.0),
    ],
)
def test_kinds_of_sgd(section: dict[str, Any], nesterov: bool, momentum: float) -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    group = make_optimizer([parameter], OptimizerSection.model_validate(section)).param_groups[0]
    assert (group["nesterov"], group["momentum"]) == (nesterov, momentum)


def rates(epochs: int, steps: int, **section: Any) -> list[float]:
    """The rate of every step, from a rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = Schedule(optimizer, ScheduleSection(**section), epochs=epochs, steps=steps)
    found = []
    for _ in range(epochs):
        for _ in range(steps):
            found.append(schedule.rate)
            optimizer.step()
            schedule.after_step()
        schedule.after_epoch(1.0)
    return found


def test_constant() -> None:
    assert rates(2, 3, name="constant") == [1.0] * 6


def test_warmup_rises_evenly() -> None:
    assert rates(2, 4, name="constant", warmup=0.5) == pytest.approx([0.2, 0.4, 0.6, 0.8, *[1] * 4])


def test_cosine_ends_at_its_floor() -> None:
    found = rates(5, 4, name="cosine", floor=0.1)
    expected = [0.1 + 0.9 * (1 + math.cos(math.pi * k / 20)) / 2 for k in range(20)]
    assert found == pytest.approx(expected)


def test_steps() -> None:
    assert rates(5, 2, name="step", every=2, factor=0.5) == [
        1,
        1,
        1,
        1,
        0.5,
        0.5,
        0.5,
        0.5,
        0.25,
        0.25,
    ]


def test_one_cycle_is_torchs() -> None:
    found = rates(4, 5, name="one_cycle")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    judge = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=20, pct_start=0.2, cycle_momentum=False
    )
    expected = []
    for _ in range(20):
        expected.append(judge.get_last_lr()[0])
        optimizer.step()
        judge.step()
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (1, 2), (1, 5), (5, 1)])
def test_one_cycle_of_few_steps(epochs: int, steps: int) -> None:
    """With a fifth of five steps rising, that would be a single one."""
    found = rates(epochs, steps, name="one_cycle")
    assert all(0 < rate <= 1 for rate in found)
    assert max(found) > 0.9 or len(found) < 5


def test_plateau_waits() -> None:
    assert rates(6, 1, name="plateau", patience=2, factor=0.5) == [1, 1, 1, 1, 0.5, 0.5]
