"""Widths of weights on the command line and in the options file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.command import Mxdeploy
from tests.networks import ModelBuilder, tiny


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny().save(tmp_path / "tiny.onnx")


def bits(document: dict) -> list[int]:
    return [layer["weight_bits"] for layer in document["result"]["layers"]]


def test_the_command_line_comes_after_the_file(mxdeploy: Mxdeploy, model: Path) -> None:
    assert bits(mxdeploy("check", model, "--json").document) == [8, 8, 8]
    ran = mxdeploy("check", model, "--weight-bits=2", "--weight-bits=/conv*=4", "--json")
    assert bits(ran.document) == [4, 4, 2]
    model.with_suffix(".toml").write_text('[quantize]\nweight_bits = 4\nlayers = {"/gemm*" = 8}\n')
    assert bits(mxdeploy("check", model, "--json").document) == [4, 4, 8]
    ran = mxdeploy("check", model, "--weight-bits=2", "--weight-bits=/gemm*=1", "--json")
    assert bits(ran.document) == [2, 2, 1]
    assert "2-bit weights" in mxdeploy("check", model, "--weight-bits=2").out


@pytest.mark.parametrize("text", ["3", "16", "", "conv=", "conv=x"])
def test_no_width(mxdeploy: Mxdeploy, model: Path, text: str) -> None:
    ran = mxdeploy("check", model, "--weight-bits", text, "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX8023"])


def test_no_such_layer(mxdeploy: Mxdeploy, model: Path) -> None:
    ran = mxdeploy("check", model, "--weight-bits=/conf0=4", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX3015"])
    assert "/conv" in ran.document["diagnostics"][0]["fix"]


def test_narrow_weights_to_fit(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    """576 KiB of weights; the build is proved like any other, and says what it did."""
    builder = ModelBuilder((1, 64, 4, 4))
    for inputs, outputs in ((64, 128), (128, 128), (128, 128), (128, 128), (128, 64)):
        builder.conv(inputs, outputs, scale=0.04).relu()
    model = builder.save(tmp_path / "large.onnx")
    model.with_suffix(".toml").write_text('[quantize]\nrounding = "nearest"\n')
    x = np.random.default_rng(0).uniform(-1, 1, (4, 64, 4, 4)).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=x)
    refused = mxdeploy("check", model, "--json")
    assert (refused.exit_code, refused.codes) == (3, ["MX4007"])
    assert "--fit" in refused.document["diagnostics"][0]["fix"]
    assert sorted(bits(mxdeploy("check", model, "--fit", "--json").document)) == [4, 4, 8, 8, 8]
    folder = tmp_path / "b"
    command = ("build", model, "--calib", tmp_path / "calib.npz", "-o", folder, "--compiler=none")
    ran = mxdeploy(*command, "--fit", "--json")
    assert ran.exit_code == 0, ran.err
    assert ran.codes == ["MX3016"]
    report = json.loads((folder / "report.json").read_text())
    assert sorted(layer["weight_bits"] for layer in report["layers"]) == [4, 4, 8, 8, 8]
    assert any("MX3016" in warning for warning in report["warnings"])


def test_widths_within_a_memory(mxdeploy: Mxdeploy, model: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (16, *tiny().shape[1:])).astype(np.float32)
    np.savez(tmp_path / "calib.npz", x=x)
    command = ("quantize", model, "--calib", tmp_path / "calib.npz", "--json")
    ran = mxdeploy(*command, "--weight-memory", "60%")
    assert (ran.exit_code, ran.codes) == (0, ["MX3016"])
    assert min(bits(ran.document)) < 8
    ran = mxdeploy(*command, "--weight-memory", "half")
    assert (ran.exit_code, ran.codes) == (2, ["MX3018"])
    ran = mxdeploy(*command, "--max-drop=100")
    assert (ran.exit_code, ran.codes) == (0, ["MX3016"])
    model.with_suffix(".toml").write_text("[quantize]\nfit = true\n")
    ran = mxdeploy(*command, "--weight-memory", "60%")
    assert (ran.exit_code, ran.codes) == (0, ["MX3016"])
    ran = mxdeploy(*command, "--max-drop=1", "--weight-memory=50%")
    assert (ran.exit_code, ran.codes) == (2, ["MX3022"])
    ran = mxdeploy("quantize", model, "--max-drop=1", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX3019"])


def test_check_looks_at_what_a_build_would_make(mxdeploy: Mxdeploy, tmp_path: Path) -> None:
    """588 KiB of weights fit within 400 KiB; what is within an accuracy is not known."""
    builder = ModelBuilder((1, 64, 4, 4))
    for inputs, outputs in ((64, 128), (128, 128), (128, 128), (128, 128), (128, 64)):
        builder.conv(inputs, outputs, scale=0.04).relu()
    model = builder.save(tmp_path / "large.onnx")
    model.with_suffix(".toml").write_text('[quantize]\nweight_memory = "400K"\n')
    ran = mxdeploy("check", model, "--json")
    assert (ran.exit_code, ran.codes) == (0, ["MX3024"])
    # 64 x 128 x 9 bytes twice, 128 x 128 x 9 three times
    size = sum(
        n * width // 8
        for n, width in zip((73728, 147456, 147456, 147456, 73728), bits(ran.document), strict=True)
    )
    assert 300 * 1024 < size <= 400 * 1024
    ran = mxdeploy("check", model, "--weight-memory=100K", "--json")
    assert (ran.exit_code, ran.codes) == (3, ["MX3024", "MX3020"])
    ran = mxdeploy("check", model, "--max-drop=1", "--json")
    assert (ran.exit_code, ran.codes) == (3, ["MX3024", "MX4007"])
    ran = mxdeploy("check", model, "--max-drop=1", "--fit", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX3024", "MX3022"])
