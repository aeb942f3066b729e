"""Losses by task and name, against formulas written out."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mxdeploy.data import Scale
from mxdeploy.errors import UsageError
from mxdeploy.recipe import TrainingSection
from mxdeploy.stages.s0_train.losses import Objective, make_objective
from mxdeploy.stages.s0_train.samples import Samples

OUTPUTS = torch.tensor([[2.0, 0.5, -1.0], [0.0, 0.3, 0.1]])
LABELS = torch.tensor([0, 2])


def objective(targets: torch.Tensor | None, **section: Any) -> Objective:
    samples = Samples(torch.zeros(2, 1, 2, 2), targets, Scale.NONE)
    return make_objective(TrainingSection(**section), samples, 3)


def test_cross_entropy() -> None:
    logs = OUTPUTS.log_softmax(1)
    found = objective(LABELS).loss(OUTPUTS, LABELS)
    assert float(found) == pytest.approx(float(-(logs[0, 0] + logs[1, 2]) / 2))


def test_label_smoothing() -> None:
    wanted = torch.full((2, 3), 0.1 / 3)
    wanted[0, 0] += 0.9
    wanted[1, 2] += 0.9
    found = objective(LABELS, label_smoothing=0.1).loss(OUTPUTS, LABELS)
    assert float(found) == pytest.approx(float(-(wanted * OUTPUTS.log_softmax(1)).sum() / 2))


@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "bce"])
def test_unlikeness_is_the_divergence_of_probabilities(name: str) -> None:
    taught = torch.tensor([[0.0, 3.0, -1.0], [0.2, 0.1, 0.0]])
    found = objective(LABELS, loss=name).unlikeness(OUTPUTS, taught)
    judge = torch.nn.functional.kl_div(
        OUTPUTS.log_softmax(1), taught.softmax(1), reduction="batchmean"
    )
    assert float(found) == pytest.approx(float(judge))


def test_unlikeness_of_pixels_is_a_mean_over_all_of_them() -> None:
    one, other = torch.randn(2, 4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    found = objective(torch.zeros(4, 5, 5, dtype=torch.int64)).unlikeness(one, other)
    flat = [x.movedim(1, -1).reshape(-1, 3) for x in (one, other)]
    judge = torch.nn.functional.kl_div(
        flat[0].log_softmax(1), flat[1].softmax(1), reduction="batchmean"
    )
    assert float(found) == pytest.approx(float(judge), rel=1e-5)


def test_unlikeness_of_a_reconstruction_is_its_loss() -> None:
    found = objective(None).unlikeness(OUTPUTS, OUTPUTS + 0.5)
    assert float(found) == pytest.approx(0.25)


def test_hinge() -> None:
    found = objective(LABELS, loss="hinge").loss(OUTPUTS, LABELS)
    by_hand = ((0) + (0.9 + 1.2)) / 3 / 2
    assert float(found) == pytest.approx(by_hand)


def test_bce() -> None:
    wanted = torch.tensor([[1.0, 0, 0], [0, 0, 1.0]])
    p = OUTPUTS.sigmoid()
    by_hand = -(wanted * p.log() + (1 - wanted) * (1 - p).log()).mean()
    assert float(objective(LABELS, loss="bce").loss(OUTPUTS, LABELS)) == pytest.approx(
        float(by_hand)
    )


def test_balanced_weights_make_classes_equal() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    samples = Samples(torch.zeros(6, 1, 2, 2), labels, Scale.NONE)
    chosen = make_objective(TrainingSection(class_weights="balanced"), samples, 3)
    outputs = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    each = torch.nn.functional.cross_entropy(outputs, labels, reduction="none")
    per_class = [float(each[labels == k].mean()) for k in range(3)]
    assert float(chosen.loss(outputs, labels)) == pytest.approx(sum(per_class) / 3, rel=1e-5)


def test_a_class_per_pixel() -> None:
    targets = torch.randint(0, 3, (2, 4, 4))
    chosen = objective(targets)
    outputs = torch.randn(2, 3, 4, 4)
    assert chosen.task == "pixels"
    hits, of = chosen.hits(outputs, targets)
    assert of == 32
    assert hits == sum(
        int(outputs[n, :, r, c].argmax() == targets[n, r, c])
        for n in range(2)
        for r in range(4)
        for c in range(4)
    )
    by_hand = -outputs.log_softmax(1).gather(1, targets[:, None]).mean()
    assert float(chosen.loss(outputs, targets)) == pytest.approx(float(by_hand), rel=1e-5)
    assert objective(targets, loss="bce").loss(outputs, targets).ndim == 0


def test_reconstruction() -> None:
    chosen = objective(None)
    assert (chosen.name, chosen.task) == ("mse", "reconstruction")
    assert chosen.hits(OUTPUTS, OUTPUTS) == (0, 0)
    assert float(objective(None, loss="l1").loss(OUTPUTS, OUTPUTS + 2)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("targets", "section", "code"),
    [
        (LABELS, {"loss": "mse"}, "MX0020"),
        (None, {"loss": "cross_entropy"}, "MX0020"),
        (torch.zeros(2, 4, 4, dtype=torch.long), {"loss": "hinge"}, "MX0020"),
        (LABELS, {"class_weights": (1.0, 2.0)}, "MX0021"),
    ],
)
def test_what_does_not_suit_is_refused(
    targets: torch.Tensor | None, section: dict[str, Any], code: str
) -> None:
    with pytest.raises(UsageError, match=code):
        objective(targets, **section)
