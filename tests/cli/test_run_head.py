"""Commands on a model whose input is prepared by the CPU: turned, normalized, quantized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.command import Mxdeploy
from tests.onnx_text import model, random, save


@pytest.fixture(scope="module")
def folder(mxdeploy: Mxdeploy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of 10x8 pixels with channels last, normalized in front of a padded convolution."""
    path = tmp_path_factory.mktemp("head")
    proto = model(
        "d = Mul(x, s) n = Sub(d, o) t = Transpose <perm=[0,3,1,2]> (n) "
        "c = Conv <pads=[1,1,1,1]> (t, w) r = Relu(c) p = MaxPool <kernel_shape=[2,2], "
        "strides=[2,2]> (r) f = Flatten(p) y = MatMul(f, m)",
        inputs="float[1,10,8,3] x",
        weights={
            "s": np.array([2, 4, 3], np.float32) / 255, "o": np.array([1, 1.5, 1.25], np.float32),
            "w": random(6, 3, 3, 3, scale=0.3), "m": random(120, 4, scale=0.2, seed=1),
        },
    )  # fmt: skip
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"
    save(proto, path, "turned.onnx")
    x = np.random.default_rng(3).integers(0, 256, (24, 10, 8, 3), dtype=np.uint8)
    np.savez(path / "data.npz", x=x, y=answers(path, x.astype(np.float32)).argmax(axis=1))
    np.savez(path / "planes.npz", x=np.moveaxis(x, -1, 1))
    command = ("build", path / "turned.onnx", "--calib", path / "data.npz", "-o", path / "b")
    assert mxdeploy(*command, "--compiler=none").exit_code == 0
    return path


def answers(folder: Path, x: np.ndarray) -> np.ndarray:
    """What onnxruntime says about the user's model."""
    session = ort.InferenceSession(str(folder / "turned.onnx"), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0].reshape(len(x), -1)


@pytest.mark.parametrize(("file", "layout"), [("data", "nhwc"), ("planes", "nchw")])
def test_evaluate_either_layout(mxdeploy: Mxdeploy, folder: Path, file: str, layout: str) -> None:
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / f"{file}.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["layout"] == layout
    assert result["sqnr_db"] > 25
    assert result["unequal"] == []
    if file == "data":
        assert result["accuracy"]["float"] == 1.0
        assert result["accuracy"]["integer"] >= 0.9


def test_emulate(mxdeploy: Mxdeploy, folder: Path) -> None:
    command = ("emulate", folder / "b", "--input", f"{folder / 'data.npz'}:x", "--index", "5")
    ran = mxdeploy(*command, "--json")
    assert ran.exit_code == 0, ran.out
    (output,) = ran.document["result"]["outputs"]
    expected = answers(folder, np.load(folder / "data.npz")["x"][5:6].astype(np.float32))[0]
    got = np.array(output["integers"]) * output["scale"]
    assert np.abs(got - expected).max() < 0.05 * np.abs(expected).max()


def test_the_build_knows_the_models_own_shape(mxdeploy: Mxdeploy, folder: Path) -> None:
    command = ("build", folder / "turned.onnx", "--calib", folder / "data.npz", "--json")
    ran = mxdeploy(*command, "-o", folder / "c", "--compiler=none")
    report = ran.document["result"]["report"]
    assert report["input_shape"] == [10, 8, 3]
    assert "host-affine" in [r["rule"] for r in report["rewrites"]]
