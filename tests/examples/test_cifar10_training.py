"""The whole script on a tiny archive, and its statistics."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

COUNTS = {"data_batch_1": 12, "data_batch_2": 12, "data_batch_3": 12, "test_batch": 6}
COUNTS |= {"data_batch_4": 12, "data_batch_5": 12}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A binary archive in which the class is the brightness: easy to learn."""
    random = np.random.default_rng(0)
    for name, count in COUNTS.items():
        labels = random.integers(0, 2, count) * 9
        rows = (random.integers(0, 40, (count, 3072)) + 20 * labels[:, None]).astype(np.uint8)
        records = np.concatenate([labels[:, None].astype(np.uint8), rows], axis=1)
        (tmp_path / f"{name}.bin").write_bytes(records.tobytes())
    return tmp_path


def check_exported_function(cifar10: SimpleNamespace, plain: onnx.ModelProto) -> None:
    """The file computes what the torch network computes with the weights in the file."""
    network = cifar10.network.fold(cifar10.network.build_network())
    stored = {c.name: onnx.numpy_helper.to_array(c) for c in plain.graph.initializer}
    names = network.state_dict()
    network.load_state_dict({name: torch.from_numpy(stored[name].copy()) for name in names})
    assert [node.name for node in plain.graph.node] == [
        name for name, _ in network.named_children()
    ]
    inputs = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        expected = network(inputs).numpy()
    found = cifar10.export.logits_of(plain, inputs.numpy())
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_training_from_archive_to_onnx(
    cifar10: SimpleNamespace,
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, model = tmp_path / "run", tmp_path / "tiny.onnx"
    options = {"data": archive, "out": out, "model": model, "epochs": 2, "rounding-epochs": 1}
    options |= {"batch": 8, "validation-images": 10, "threads": torch.get_num_threads()}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    monkeypatch.setattr(sys, "argv", ["train.py", *words])
    cifar10.train.main()

    record = json.loads((out / "training.json").read_text())
    assert [epoch["stage"] for epoch in record["history"]] == ["float", "float", "rounding"]
    assert record["settings"]["batch"] == 8
    assert record["test_images"] == 6
    assert record["fitted_images"] == record["fitted_lossless"] == 50
    assert set(record["test_accuracy"]) == {"float", "ranges", "rounded"}
    weights = torch.load(out / "float.pt", weights_only=True)
    assert weights["conv5.weight"].shape == (64, 64, 3, 3)
    check_exported_function(cifar10, onnx.load(out / "plain.onnx"))
    operators = [node.op_type for node in onnx.load(model).graph.node]
    assert operators.count("QuantizeLinear") == operators.count("DequantizeLinear") == 6
    with Image.open(out / "curves.png") as curves:
        assert curves.width > 400
    assert "binary archive: 60 training and 6 test images" in capsys.readouterr().out


def test_wilson_interval(cifar10: SimpleNamespace) -> None:
    # Textbook values: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert cifar10.train.interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert cifar10.train.interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
