"""Commands on a model with several outputs: a map with probabilities, and classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.command import Mxdeploy
from tests.onnx_text import model, random, save


@pytest.fixture(scope="module")
def folder(mxdeploy: Mxdeploy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The map comes first, then the classes, then where the map is largest."""
    path = tmp_path_factory.mktemp("several")
    proto = model(
        "c = Conv <pads=[1,1,1,1]> (x, w) r = Relu(c) s = Conv(r, v) m = Softmax <axis=1> (s) "
        "p = MaxPool <kernel_shape=[4,4], strides=[4,4]> (r) f = Flatten(p) d = MatMul(f, k) "
        "a = ArgMax <axis=1, keepdims=0> (s)",
        inputs="float[1,3,8,8] x", outputs="m, d, a",
        weights={
            "w": random(6, 3, 3, 3, scale=0.3), "v": random(3, 6, 1, 1, seed=1),
            "k": random(24, 4, scale=0.3, seed=2),
        },
    )  # fmt: skip
    proto.graph.output[2].type.tensor_type.elem_type = 7
    save(proto, path, "several.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (12, 3, 8, 8)).astype(np.float32)
    np.savez(path / "data.npz", x=x, y=[answers(path, one)[1].argmax() for one in x])
    command = ("build", path / "several.onnx", "--calib", path / "data.npz", "-o", path / "b")
    ran = mxdeploy(*command, "--compiler=none", "--json")
    assert ran.exit_code == 0, ran.out
    return path


def answers(folder: Path, x: np.ndarray) -> list[np.ndarray]:
    session = ort.InferenceSession(str(folder / "several.onnx"), providers=["CPUExecutionProvider"])
    return [y[0] for y in session.run(None, {"x": x[None]})]


def test_evaluate(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "data.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert [(o["name"], o["shape"]) for o in result["outputs"]] == [
        ("m", [3, 8, 8]), ("d", [4]), ("a", [8, 8]),
    ]  # fmt: skip
    assert [o["sqnr_db"] is None for o in result["outputs"]] == [False, False, True]
    assert all(o["sqnr_db"] > 20 for o in result["outputs"][:2])
    assert result["outputs"][2]["equal"] > 0.9
    assert result["accuracy"]["float"] == 1.0
    assert result["accuracy"]["integer"] >= 0.9
    text = mxdeploy("evaluate", folder / "b", "--data", folder / "data.npz").out
    assert "of the positions" in text


def test_emulate(mxdeploy: Mxdeploy, folder: Path) -> None:
    x = np.load(folder / "data.npz")["x"][7]
    np.save(folder / "x.npy", x)
    saved = folder / "out.npz"
    ran = mxdeploy("emulate", folder / "b", "--input", folder / "x.npy", "--save", saved, "--json")
    assert ran.exit_code == 0, ran.out
    expected = answers(folder, x)
    shown = ran.document["result"]["model_outputs"]
    assert [o["name"] for o in shown] == ["m", "d", "a"]
    for output, real in zip(shown, expected, strict=True):
        assert output["shape"] == list(real.shape)
    assert np.abs(np.array(shown[0]["values"]) - expected[0].reshape(-1)).max() < 0.05
    with np.load(saved) as arrays:
        assert np.array_equal(arrays["model:a"].reshape(-1), shown[2]["values"])
        assert arrays["model:a"].dtype == np.int32


def test_the_report_says_what_the_cpu_does(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("build", folder / "several.onnx", "--calib", folder / "data.npz",
                   "-o", folder / "c", "--compiler=none", "--json")  # fmt: skip
    found = ran.document["result"]["report"]["outputs"]
    assert [[s["operation"] for s in o["steps"]] for o in found] == [["Softmax"], [], ["ArgMax"]]
    assert found[0]["values"] == found[2]["values"] != found[1]["values"]
    assert [o["integers"] for o in found] == [False, False, True]
