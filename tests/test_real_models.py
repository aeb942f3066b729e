"""Real trained networks, from ONNX to firmware that passes its own test on three machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import Mxdeploy

pytestmark = [pytest.mark.shared, pytest.mark.slow]

DATA = {
    "mnist": "mnist.npz:x_train",
    "mnist-extrasmall": "mnist.npz:x_train",
    "cifar10": "cifar10_small.npz:x_train",
    "kws20_v3": "kws20_small.npz",
}


def build(mxdeploy: Mxdeploy, shared: Path, model: str, target: Path, *extra: str) -> dict:
    data = shared / "data" / DATA[model.removesuffix("_dynamo").removesuffix("_noclip")]
    ran = mxdeploy(
        "build", shared / "models" / f"{model}.onnx", "-o", target, "--calib", data,
        "--limit", 64, "--scale", "chip", "--json", *extra,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    report = ran.document["result"]["report"]
    assert isinstance(report, dict)
    return report


@pytest.mark.parametrize(
    ("model", "vendor_cycles"),
    [("mnist", 70_157), ("mnist-extrasmall", 12_193), ("cifar10", 228_217), ("kws20_v3", 71_782)],
)
def test_three_machines(
    mxdeploy: Mxdeploy, shared: Path, tmp_path: Path, model: str, vendor_cycles: int
) -> None:
    """Cycles are compared with published hand-made maps of the same networks."""
    report = build(mxdeploy, shared, model, tmp_path / "b", "--run")
    assert report["board_run"]["passed"] is True
    assert report["proof"]["layers"] == len(report["layers"])
    assert report["totals"]["cycles"] <= vendor_cycles
    microseconds = report["totals"]["cycles"] / 50
    assert report["board_run"]["time_us"] == pytest.approx(microseconds, abs=10)


@pytest.mark.parametrize("model", ["mnist_dynamo", "cifar10_dynamo", "kws20_v3_dynamo"])
def test_both_exporters_give_the_same_placement(
    mxdeploy: Mxdeploy, shared: Path, tmp_path: Path, model: str
) -> None:
    plain = build(
        mxdeploy, shared, model.removesuffix("_dynamo"), tmp_path / "a", "--compiler=none"
    )
    dynamo = build(mxdeploy, shared, model, tmp_path / "b", "--compiler=none")
    for key in ("operation", "out_shape", "kernel_start_word", "processors", "shift", "cycles"):
        assert [a[key] for a in plain["layers"]] == [b[key] for b in dynamo["layers"]]


@pytest.mark.parametrize(
    ("model", "data", "limit", "drop"),
    [
        ("cifar10", "cifar10_small.npz:x_test", 150, 0.01),
        ("mnist", "mnist.npz:x_test", 200, 0.01),
        ("mnist-extrasmall", "mnist.npz:x_test", 200, 0.01),
        ("kws20_v3", "kws20_test.npz", 150, 0.015),
    ],
)
def test_accuracy_stays(
    mxdeploy: Mxdeploy,
    shared: Path,
    tmp_path: Path,
    model: str,
    data: str,
    limit: int,
    drop: float,
) -> None:
    """Integers lose little against the float model on test data, calibrated on training data."""
    build(mxdeploy, shared, model, tmp_path / "b", "--compiler=none")
    ran = mxdeploy(
        "evaluate", tmp_path / "b", "--data", shared / "data" / data,
        "--scale", "chip", "--limit", limit, "--json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    accuracy = ran.document["result"]["accuracy"]
    assert accuracy["integer"] == accuracy["emulator"]
    assert accuracy["integer"] >= accuracy["float"] - drop


@pytest.mark.parametrize(
    ("model", "vendor_cycles"), [("autoencoder-motor", 3_415), ("catsdogs", 757_910)]
)
def test_models_without_data_build_from_their_own_samples(
    mxdeploy: Mxdeploy, shared: Path, tmp_path: Path, model: str, vendor_cycles: int
) -> None:
    """The first tensors of catsdogs are larger than the data memories: two layers stream."""
    ran = mxdeploy(
        "build", shared / "models" / f"{model}.onnx", "-o", tmp_path / "b", "--run",
        "--calib", f"{shared / 'models' / model}_io.npz:input", "--json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    report = ran.document["result"]["report"]
    assert report["board_run"]["passed"] is True
    assert report["totals"]["cycles"] <= vendor_cycles


def test_a_detector_has_its_own_two_outputs(
    mxdeploy: Mxdeploy, shared: Path, tmp_path: Path
) -> None:
    """Eight outputs of the chip, two of the model, computed by the firmware as by the reference."""
    ran = mxdeploy(
        "build", shared / "models" / "svhn-tinierssd.onnx", "-o", tmp_path / "b", "--run",
        "--calib", f"{shared / 'models' / 'svhn-tinierssd'}_io.npz:input", "--json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    report = ran.document["result"]["report"]
    assert report["board_run"]["passed"] is True
    assert "out1: 1700 x 11, from -" in report["board_run"]["console"]
    assert [(o["name"], o["shape"]) for o in report["outputs"]] == [
        ("out0", [1700, 4]), ("out1", [1700, 11]),
    ]  # fmt: skip
    assert sum(len(o["values"]) for o in report["outputs"]) == 8
    assert report["totals"]["cycles"] <= 702_877
    assert ran.document["diagnostics"] == []


def test_a_model_with_its_channels_last(mxdeploy: Mxdeploy, shared: Path, tmp_path: Path) -> None:
    """Raw pixels, as the data file has them: none is turned or scaled by hand."""
    data = shared / "data" / "cifar10_small.npz"
    ran = mxdeploy(
        "build", shared / "models" / "mlperf-resnet8.onnx", "-o", tmp_path / "b", "--limit", 64,
        "--calib", data, "--compiler=none", "--json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    assert ran.document["result"]["report"]["input_shape"] == [32, 32, 3]
    ran = mxdeploy("evaluate", tmp_path / "b", "--data", data, "--limit", 120, "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["layout"] == "nhwc"
    assert result["accuracy"]["float"] > 0.85
    assert result["accuracy"]["integer"] >= result["accuracy"]["float"] - 0.03


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("hswish_se_net", ("HardSwish", "Mul")),
    ],
)
def test_refusals_name_what_is_in_the_way(
    mxdeploy: Mxdeploy, shared: Path, model: str, parts: tuple[str, ...]
) -> None:
    ran = mxdeploy("check", shared / "models" / f"{model}.onnx", "--json")
    assert ran.exit_code == 3
    text = json.dumps(ran.document["diagnostics"])
    assert all(part in text for part in parts)
    assert all(d["fix"] and d["what"] for d in ran.document["diagnostics"])
