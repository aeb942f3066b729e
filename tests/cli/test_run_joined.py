"""Commands on a model with two inputs that it joins at once: data are the joined array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tests.command import Mxdeploy
from tests.onnx_text import model, random, save


@pytest.fixture(scope="module")
def folder(mxdeploy: Mxdeploy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The second input of the model comes first in the data."""
    path = tmp_path_factory.mktemp("joined")
    proto = model(
        "j = Concat <axis=1> (depth, color) c = Conv <pads=[1,1,1,1]> (j, w) r = Relu(c) "
        "p = MaxPool <kernel_shape=[4,4], strides=[4,4]> (r) f = Flatten(p) d = MatMul(f, k)",
        inputs="float[1,3,8,8] color, float[1,1,8,8] depth", outputs="d",
        weights={"w": random(6, 4, 3, 3, scale=0.3), "k": random(24, 4, scale=0.3, seed=2)},
    )  # fmt: skip
    save(proto, path, "joined.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (12, 4, 8, 8)).astype(np.float32)
    np.savez(path / "data.npz", x=x, y=[classes(path, one).argmax() for one in x])
    command = ("build", path / "joined.onnx", "--calib", path / "data.npz", "-o", path / "b")
    ran = mxdeploy(*command, "--compiler=none", "--json")
    assert ran.exit_code == 0, ran.out
    return path


def classes(folder: Path, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(folder / "joined.onnx"), providers=["CPUExecutionProvider"])
    return session.run(None, {"depth": x[None, :1], "color": x[None, 1:]})[0][0]


def test_evaluate(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "data.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["accuracy"]["float"] == 1.0
    assert result["outputs"][0]["sqnr_db"] > 20


def test_the_build_says_how_the_inputs_lie(mxdeploy: Mxdeploy, folder: Path) -> None:
    places = "depth in channel 0, color in channels 1 to 3"
    assert places in (folder / "b" / "report.html").read_text()
    readme = next(folder.glob("b/**/README.md")).read_text()
    assert f"| the model's input | 4 x 8 x 8: {places} |" in readme
    header = next(folder.glob("b/**/model.h")).read_text()
    assert "lies in it: depth in channel 0. */\n" in header
    assert "lies in it: color in channels 1 to 3. */\n#define MODEL_INPUT_ELEMENTS 256u" in header
    lines = mxdeploy("check", folder / "joined.onnx").out.splitlines()
    assert lines[:2] == ["input depth in channel 0", "input color in channels 1 to 3"]
