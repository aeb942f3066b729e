"""``mxdeploy build`` of a quantized model: without calibration, the very same integers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mxdeploy.builds import open_build
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.qdq_write import build_qdq_model
from tests.command import Mxdeploy
from tests.networks import tiny


@pytest.fixture
def quantized(tmp_path: Path) -> QuantNetwork:
    """A network with 4-bit weights; its scales are no powers of two."""
    x = np.random.default_rng(5).uniform(-0.7, 0.7, (16, 3, 8, 8)).astype(np.float32)
    network = legalize(import_onnx(tiny().save(tmp_path / "tiny.onnx")))
    return quantize(network, x, QuantizeOptions(weight_bits=4, rounding="nearest", threads=1))


@pytest.fixture
def model(tmp_path: Path, quantized: QuantNetwork) -> Path:
    file = tmp_path / "quantized.onnx"
    file.write_bytes(build_qdq_model(replace(quantized, classes=tuple("abcde"))))
    return file


def test_the_same_integers(
    mxdeploy: Mxdeploy, model: Path, quantized: QuantNetwork, tmp_path: Path
) -> None:
    ran = mxdeploy("build", model, "-o", tmp_path / "b", "--compiler=none", "--json")
    assert ran.exit_code == 0, ran.err
    built = open_build(tmp_path / "b")
    assert built.plan.network.layers == quantized.layers
    assert built.plan.network.values == quantized.values
    assert built.info.classes == tuple("abcde")


def test_options_of_quantization_are_told_to_be_useless(
    mxdeploy: Mxdeploy, model: Path, quantized: QuantNetwork, tmp_path: Path
) -> None:
    model.with_suffix(".toml").write_text("[quantize]\nweight_bits = 8\nrounding = 'nearest'\n")
    ran = mxdeploy("build", model, "-o", tmp_path / "b", "--compiler=none")
    assert ran.exit_code == 0, ran.err
    assert "MX3051" in ran.err + ran.out
    assert open_build(tmp_path / "b").plan.network.layers == quantized.layers


def test_check_places_it(mxdeploy: Mxdeploy, model: Path) -> None:
    ran = mxdeploy("check", model, "--json")
    assert ran.exit_code == 0, ran.err
    assert json.loads(ran.out)["exit_code"] == 0


def test_evaluate_finds_no_difference(mxdeploy: Mxdeploy, model: Path, tmp_path: Path) -> None:
    """The quantized model itself is the float form; all three agree on every input."""
    x = np.random.default_rng(6).uniform(-0.7, 0.7, (8, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(8) % 5)
    assert mxdeploy("build", model, "-o", tmp_path / "b", "--compiler=none").exit_code == 0
    ran = mxdeploy("evaluate", tmp_path / "b", "--data", tmp_path / "data.npz", "--json")
    assert ran.exit_code == 0, ran.err
    result = ran.document["result"]
    assert result["unequal"] == []
    assert result["agreement"] == 1.0
