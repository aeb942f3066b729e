"""``mxdeploy quantize``: the stage alone, as a table, as files, and one layer explained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from tests.command import Mxdeploy
from tests.networks import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and calibration data."""
    path = tmp_path_factory.mktemp("quantize")
    tiny().save(path / "tiny.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (24, 3, 8, 8)).astype(np.float32)
    np.savez(path / "data.npz", x=x)
    session = ort.InferenceSession(str(path / "tiny.onnx"), providers=["CPUExecutionProvider"])
    test = np.random.default_rng(4).uniform(-1, 1, (60, 3, 8, 8)).astype(np.float32)
    labels = np.array([session.run(None, {"x": one[None]})[0].argmax() for one in test])
    labels[:6] = (labels[:6] + 1) % 10
    np.savez(path / "test.npz", x=test, y=labels)
    return path


def test_layer_by_layer(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["inputs"] == 24
    assert [layer["index"] for layer in result["layers"]] == [0, 1, 2]
    for layer in result["layers"]:
        assert layer["sqnr_db"] > 20
        assert layer["noise"]["own_db"] > 20
        assert sum(layer["weight_values"]["counts"]) == layer["weights"]
    assert result["layer"] is None
    assert result["alternatives"] == []
    text = mxdeploy("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz").out
    assert all(word in text for word in ("weight step", "range from", "inherited", "SQNR"))


def test_one_layer(mxdeploy: Mxdeploy, folder: Path) -> None:
    """By the name of an ONNX node; the ways taken are marked and agree with the table."""
    command = ("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz")
    layers = mxdeploy(*command, "--json").document["result"]["layers"]
    node = layers[1]["onnx_nodes"][-1]
    ran = mxdeploy(*command, "--explain", node, "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["layer"] == layers[1]["name"]
    assert result["layers"] == layers
    taken = [one for one in result["alternatives"] if one["chosen"]]
    assert [one["decision"] for one in taken] == [
        "range", "weight scale", "bias correction", "rounding", "width",
    ]  # fmt: skip
    assert {one["sqnr_db"] for one in taken} == {layers[1]["sqnr_db"]}
    text = mxdeploy(*command, "--explain", 1).out
    assert f"ONNX nodes: {', '.join(layers[1]['onnx_nodes'])}" in text
    assert "* mse" in text
    assert "noise by source" in text


def test_files(mxdeploy: Mxdeploy, folder: Path, tmp_path: Path) -> None:
    """The integer model and the one with QuantizeLinear give the same numbers on onnxruntime."""
    target = tmp_path / "out"
    command = ("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz", "-o", target)
    assert mxdeploy(*command).exit_code == 0
    document = json.loads((target / "quantization.json").read_text(encoding="utf-8"))
    assert "<h2>Quantization</h2>" in (target / "quantization.html").read_text(encoding="utf-8")
    last = document["layers"][-1]
    x = np.load(folder / "data.npz")["x"][:1]
    steps = np.clip(np.rint(x / document["layers"][0]["input_scale"]), -128, 127)
    providers = ["CPUExecutionProvider"]
    integer = ort.InferenceSession(str(target / "integer.onnx"), providers=providers)
    found = integer.run(None, {integer.get_inputs()[0].name: steps.astype(np.int8)})[-1]
    plain = ort.InferenceSession(str(target / "quantized.onnx"), providers=providers)
    real = plain.run(None, {plain.get_inputs()[0].name: x})[0]
    assert np.allclose(found.ravel() * last["output_scale"], real.ravel(), rtol=1e-5, atol=1e-6)
    assert mxdeploy(*command).exit_code == 2
    assert mxdeploy(*command, "--force").exit_code == 0
    (target / "quantization.json").unlink()
    assert mxdeploy(*command, "--force").exit_code == 2


def test_files_are_written_before_the_tables_are_shown(
    mxdeploy: Mxdeploy, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mxdeploy.cli.quantize._show", closed)
    target = tmp_path / "out"
    mxdeploy("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz", "-o", target)
    assert (target / "quantization.html").exists()


def test_a_layer_that_is_not_there(mxdeploy: Mxdeploy, folder: Path) -> None:
    command = ("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz")
    ran = mxdeploy(*command, "--explain", "conv7", "--json")
    assert ran.exit_code == 2
    assert ran.document["diagnostics"][0]["code"] == "MX3041"
    assert "/conv" in ran.document["diagnostics"][0]["fix"]


def test_nothing_to_explain(mxdeploy: Mxdeploy, folder: Path, tmp_path: Path) -> None:
    """Integers that the model file holds are not decided here, but it says how they came about."""
    first = mxdeploy(
        "quantize", folder / "tiny.onnx", "--calib", folder / "data.npz", "-o", tmp_path / "q",
        "--json",
    )  # fmt: skip
    assert first.exit_code == 0
    final = tmp_path / "q" / "quantized.onnx"
    ran = mxdeploy("quantize", final, "--json")
    assert ran.exit_code == 0, ran.out
    assert ran.document["result"]["layers"] == first.document["result"]["layers"]
    name = ran.document["result"]["layers"][0]["name"]
    for arguments in ((), ("--calib", folder / "data.npz")):
        ran = mxdeploy("quantize", final, *arguments, "--explain", name, "--json")
        assert ran.exit_code == 2
        assert ran.document["diagnostics"][0]["code"] == "MX8062"


def test_without_data_and_narrow(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = mxdeploy(
        "quantize", folder / "tiny.onnx", "--data-free", "--input-range=-1:1",
        "--weight-bits", 4, "--json",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["calibration"] == "synthetic inputs"
    assert {layer["weight_bits"] for layer in result["layers"]} == {4}


def test_pixels_of_unknown_scale_are_told(mxdeploy: Mxdeploy, folder: Path, tmp_path: Path) -> None:
    model, pixels = folder / "tiny.onnx", tmp_path / "pixels.npz"
    x = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
    np.savez(pixels, x=x)
    assert mxdeploy("quantize", model, "--calib", pixels, "--json").codes == ["MX8027"]
    assert mxdeploy("quantize", model, "--calib", pixels, "--scale", "none", "--json").codes == []
    (tmp_path / "said.toml").write_text('[input]\nscale = "none"\n')
    said = ("--config", tmp_path / "said.toml", "--json")
    assert mxdeploy("quantize", model, "--calib", pixels, *said).codes == []
    np.savez(pixels, x=x.astype(np.float32) / 255)
    assert mxdeploy("quantize", model, "--calib", pixels, "--json").codes == []


def test_answers_are_counted(mxdeploy: Mxdeploy, folder: Path) -> None:
    """The labels are the float model's own answers, six of them spoiled."""
    command = ("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz", "--limit", 8)
    ran = mxdeploy(*command, "--data", folder / "test.npz", "--json")
    assert ran.exit_code == 0, ran.out
    result = ran.document["result"]
    assert result["inputs"] == 8
    assert result["accuracy"]["float"] == 54 / 60
    assert result["paired"]["total"] == 60
    assert result["paired"]["gained"] <= 6
    assert result["paired"]["lost"] <= result["paired"]["changed"] < 10
    assert result["accuracy"]["integer"] == pytest.approx(54 / 60 + result["paired"]["difference"])
    said = mxdeploy(*command, "--data", folder / "test.npz").out
    assert "54 of 60 right = 90.00%" in said
    assert f"{result['paired']['changed']} answers changed" in said


def test_answers_without_labels(mxdeploy: Mxdeploy, folder: Path) -> None:
    command = ("quantize", folder / "tiny.onnx", "--calib", folder / "data.npz")
    ran = mxdeploy(*command, "--data", folder / "data.npz", "--json")
    assert ran.exit_code == 2
    assert ran.document["diagnostics"][0]["code"] == "MX8064"


def test_long_names_do_not_fill_the_table(mxdeploy: Mxdeploy, folder: Path, tmp_path: Path) -> None:
    model = onnx.load(str(folder / "tiny.onnx"))
    long = "start/" + "batch_normalization;" * 8 + "/end"
    model.graph.node[0].name = long
    onnx.save(model, str(tmp_path / "long.onnx"))
    command = ("quantize", tmp_path / "long.onnx", "--calib", folder / "data.npz")
    text = mxdeploy(*command).out
    assert long not in text
    assert "start/" in text
    assert "/end" in text
    assert len(text.splitlines()) < 30
    assert mxdeploy(*command, "--explain", long).exit_code == 0
