"""A short version of ``python -m tests.accuracy``: one small network, the first test images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.accuracy import PairedComparison
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.accuracy.measure import measure, missed_bars, together, wish
from tests.accuracy.subjects import SUBJECTS, Bars, read_data


@pytest.mark.shared
def test_a_real_network_keeps_its_accuracy_in_integers(shared: Path) -> None:
    """Its float accuracy on all 10,000 test images is known to be 94.5 %."""
    (one,) = measure(shared, "mnist-extrasmall", bits="8", seeds=1, calibration=64, limit=1000)
    assert one.emulated is None
    assert one.paired.total == 1000
    assert one.calibration == 64
    assert abs(one.float_points - 94.5) < 2.2  # three standard errors of 1,000 images
    assert one.paired.changed < 20
    assert one.missed == ()


@pytest.mark.shared
def test_a_real_network_without_any_data(shared: Path) -> None:
    (one,) = measure(shared, "mnist-extrasmall", bits="8", seeds=1, calibration=0, limit=1000)
    assert one.calibration == 0
    assert one.paired.changed < 30
    assert one.missed == ()


@pytest.mark.shared
def test_the_accelerator_model_answers_as_the_integers(shared: Path) -> None:
    (one,) = measure(
        shared, "mnist-extrasmall", bits="4", seeds=1, calibration=64, limit=40, emulate=True
    )
    assert one.emulated == 40


@pytest.mark.shared
def test_test_inputs_never_calibrate(shared: Path) -> None:
    """Many of the keyword clips lie in both files."""
    subject = SUBJECTS["kws20_v3"]
    network = legalize(import_onnx(shared / "models" / "kws20_v3.onnx"))
    data = read_data(shared, subject, network, None)
    with np.load(shared / "data" / subject.train[0]) as file:
        everything = file["x"]
    tested = {np.rint(one * 128).astype(np.int8).tobytes() for one in data.x}
    fresh = [one for one in everything if one.tobytes() not in tested]
    assert 0 < len(fresh) < len(everything)
    assert len(data.pool.x) == len(fresh)
    assert np.array_equal(data.pool.x * 128, np.array(fresh, np.float32))


@pytest.mark.shared
def test_what_calibrates_is_left_out_of_the_test(shared: Path) -> None:
    subject = SUBJECTS["kws20_v3-315"]
    network = legalize(import_onnx(shared / "models" / "kws20_v3.onnx"))
    data = read_data(shared, subject, network, None)
    calibrating, testing = ({one.tobytes() for one in part} for part in (data.pool.x, data.x))
    assert not calibrating & testing
    files = [np.load(shared / "data" / name)[key] for name, key in (subject.train, subject.test)]
    assert len(calibrating | testing) == len({one.tobytes() for file in files for one in file})


def test_seeds_together() -> None:
    """One input that is always lost and one that is lost once in two are no three inputs."""
    first = np.zeros(100, np.int8)
    first[:2] = -1
    second = np.zeros(100, np.int8)
    second[0] = -1
    mean, low, high = together([first, second])
    assert mean == pytest.approx(-1.5)
    # By hand: squares of 1 and 0.5 less the mean's, over 99 inputs.
    error = np.sqrt((1.25 - 100 * 0.015**2) / 99 / 100)
    assert (low, high) == pytest.approx((-1.5 - 196 * error, -1.5 + 196 * error), abs=1e-3)


@pytest.mark.shared
def test_compressed_pictures_fit_their_labels(shared: Path) -> None:
    """A network that knows 90 % of the pictures as they were knows three quarters of these."""
    (one,) = measure(shared, "cifar10-jpeg", bits="8", seeds=1, calibration=64, limit=200)
    assert one.paired.total == 200
    assert 65 < one.float_points < 88
    assert int(one.changes.sum()) == one.paired.gained - one.paired.lost


@pytest.mark.parametrize(
    ("gained", "lost", "missed"),
    [
        (5, 9, []),
        (5, 11, ["0.60 points lost, 0.5 allowed"]),
        (0, 40, ["4.00 points lost, 0.5 allowed", "86.00 points reached, 89.0 wanted"]),
    ],
)
def test_bars(gained: int, lost: int, missed: list[str]) -> None:
    bars = Bars(drop={"8": 0.5}, least={"8": 89.0})
    paired = PairedComparison(total=1000, changed=gained + lost, gained=gained, lost=lost)
    assert list(missed_bars(bars, "8", 900, paired)) == missed
    assert list(missed_bars(bars, "4", 900, paired)) == []


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [("4", "weight_bits", 4), ("50%", "weight_memory", "50%"), ("drop0.5", "max_drop", 0.5)],
)
def test_what_widths_may_be_asked_for(text: str, option: str, value: object) -> None:
    assert wish(text) == {option: value}
