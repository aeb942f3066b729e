"""``mxdeploy check``, ``emulate`` and ``evaluate`` on a small network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.command import Mxdeploy
from tests.networks import tiny


@pytest.fixture(scope="module")
def folder(mxdeploy: Mxdeploy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, its data and its build."""
    path = tmp_path_factory.mktemp("run")
    model = tiny().save(path / "tiny.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (40, 3, 8, 8)).astype(np.float32)
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    labels = np.array([session.run(None, {"x": one[None]})[0].argmax() for one in x])
    np.savez(path / "data.npz", x=x, y=labels)
    np.save(path / "x.npy", x[0])
    command = ("build", model, "--calib", path / "data.npz", "-o", path / "b", "--compiler=none")
    assert mxdeploy(*command).exit_code == 0
    return path


def test_check_needs_no_data(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("check", folder / "tiny.onnx", "--json")
    assert ran.exit_code == 0
    assert ran.document["result"]["fits"] is True
    assert len(ran.document["result"]["layers"]) == 3
    assert not list(folder.glob("build*"))


def test_evaluate_against_the_float_models_own_labels(mxdeploy: Mxdeploy, folder: Path) -> None:
    """The labels are what onnxruntime says about the float model, so float is always right."""
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "data.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["inputs"] == 40
    assert result["accuracy"]["float"] == 1.0
    assert result["accuracy"]["integer"] == result["accuracy"]["emulator"] >= 0.9
    assert result["unequal"] == []
    assert result["sqnr_db"] > 20
    paired = result["paired"]
    assert paired["gained"] == 0
    assert paired["changed"] == paired["lost"] == 40 - result["correct"]["integer"]
    assert result["agreement"] == 1 - paired["changed"] / 40


def test_what_changed_is_said_in_words(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "data.npz")
    assert "float -> integer:" in ran.out
    assert "(0 gained," in ran.out
    assert "McNemar p = " in ran.out


def test_evaluate_without_labels(mxdeploy: Mxdeploy, folder: Path) -> None:
    np.savez(folder / "unlabelled.npz", x=np.load(folder / "data.npz")["x"][:3])
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "unlabelled.npz", "--json")
    assert ran.exit_code == 0
    assert ran.document["result"]["accuracy"] is None


def test_evaluate_labels_out_of_range(mxdeploy: Mxdeploy, folder: Path) -> None:
    x = np.load(folder / "data.npz")["x"][:3]
    np.savez(folder / "bad.npz", x=x, y=np.array([0, 1, 9]))
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "bad.npz", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8060"])


def test_emulate_equals_the_float_model_within_quantization(
    mxdeploy: Mxdeploy, folder: Path
) -> None:
    ran = mxdeploy("emulate", folder / "b", "--input", folder / "x.npy", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["equal_to_integer_model"] is True
    (output,) = result["outputs"]
    x = np.load(folder / "x.npy")[None]
    session = ort.InferenceSession(str(folder / "tiny.onnx"), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x})[0].reshape(-1)
    got = np.array(output["integers"]) * output["scale"]
    assert np.abs(got - expected).max() < 0.05 * np.abs(expected).max()


def test_emulate_saves_every_layer(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("emulate", folder / "b", "--save", folder / "layers.npz")
    assert ran.exit_code == 0
    with np.load(folder / "layers.npz") as layers:
        (answer,) = [name for name in layers if name.startswith("model:")]
        shapes = sorted(a.shape for name, a in layers.items() if name != answer)
        assert shapes == [(5, 1, 1), (8, 8, 8), (12, 4, 4)]
        assert layers[answer].shape == (5,)


def test_emulate_an_input_that_is_not_there(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("emulate", folder / "b", "--input", folder / "x.npy", "--index", "7", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8051"])


@pytest.mark.parametrize("command", ["emulate", "evaluate"])
def test_a_folder_that_is_no_build(mxdeploy: Mxdeploy, tmp_path: Path, command: str) -> None:
    extra = ("--data", tmp_path / "d.npz") if command == "evaluate" else ()
    ran = mxdeploy(command, tmp_path, *extra, "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8040"])


def test_a_changed_integer_model_is_noticed(mxdeploy: Mxdeploy, folder: Path) -> None:
    """Another network's integer.onnx in the folder: the two machines differ, status 6."""
    import shutil

    other = folder / "other"
    shutil.copytree(folder / "b", other)
    model = tiny().save(folder / "second.onnx")
    x = np.load(folder / "data.npz")["x"] * np.float32(0.5)
    np.savez(folder / "half.npz", x=x)
    command = (
        "build",
        model,
        "--calib",
        folder / "half.npz",
        "-o",
        folder / "h",
        "--compiler=none",
    )
    assert mxdeploy(*command).exit_code == 0
    shutil.copy(folder / "h" / "integer.onnx", other / "integer.onnx")
    ran = mxdeploy("emulate", other, "--json")
    assert (ran.exit_code, ran.codes) == (6, ["MX8205"])


def test_evaluate_a_model_that_ends_in_argmax(mxdeploy: Mxdeploy, folder: Path) -> None:
    """Its float output is the class itself: it must be as right as the model without ArgMax."""
    model = tiny().node("ArgMax", axis=1, keepdims=0).save(folder / "argmax.onnx")
    data = folder / "data.npz"
    command = ("build", model, "--calib", data, "-o", folder / "am", "--compiler=none")
    assert mxdeploy(*command).exit_code == 0
    ran = mxdeploy("evaluate", folder / "am", "--data", data, "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["accuracy"]["float"] == 1.0
    assert result["accuracy"]["integer"] == result["agreement"] >= 0.9
