"""The same command under ``torchrun``: two processes learn what one learns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mxdeploy.stages.s3_quantize.qdq_read import read_qdq_model
from tests.command import Mxdeploy
from tests.stages.s0_train.small import bars

LAUNCHER = ("torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "mxdeploy")
"""What the command ``torchrun`` calls."""
EPOCHS = 3
NETWORK = """
import os
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.seen = []
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(),
            nn.Linear(16, classes))

    def forward(self, x):
        if self.training:
            self.seen.append(x)
            rank = os.environ.get("RANK", "alone")
            found = {"weights": self.layers.state_dict(), "seen": torch.cat(self.seen)}
            torch.save(found, os.path.dirname(__file__) + f"/seen-by-{rank}.pt")
        return self.layers(x)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe for both arithmetics; the parts of a batch of 13 differ in size."""
    examples = bars(61, seed=1)
    assert examples.targets is not None
    np.savez(tmp_path / "bars.npz", x=examples.inputs.numpy(), y=examples.targets.numpy())
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "train.toml").write_text(
        '[network]\nfile = "net.py:Small"\n[data]\npath = "bars.npz"\n'
        f"[training]\nepochs = {EPOCHS}\nbatch = 13\n[optimizer]\nname = 'nesterov'\n"
        f"[quantize]\naware = true\nepochs = {EPOCHS}\nrate = 0.01\n"
    )
    return tmp_path


def launched(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *LAUNCHER, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def assert_same_epochs(one: dict[str, Any], two: dict[str, Any]) -> None:
    for a, b in zip(one["epochs"], two["epochs"], strict=True):
        for key in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            assert a[key] == pytest.approx(b[key], rel=1e-4)
        assert a["batch_losses"] == pytest.approx(b["batch_losses"], rel=1e-4)


def integers(out: Path) -> list[np.ndarray]:
    network = read_qdq_model(out / "quantized.onnx").network
    assert network is not None
    return [layer.weight.array.astype(int) for layer in network.layers if layer.weight]


@pytest.mark.slow
def test_two_processes_equal_one(mxdeploy: Mxdeploy, folder: Path) -> None:
    """One document on standard output, one result folder, the same numbers in it."""
    ran = launched("train", folder, "--out", folder / "two", "--json")
    assert ran.returncode == 0, ran.stderr
    two = json.loads(ran.stdout)["result"]
    one = mxdeploy("train", folder, "--out", folder / "one", "--json").document["result"]

    first, second, alone = (
        torch.load(folder / f"seen-by-{r}.pt", weights_only=True) for r in ("0", "1", "alone")
    )
    for name, weight in first["weights"].items():
        assert torch.equal(weight, second["weights"][name]), name
        assert torch.allclose(weight, alone["weights"][name], atol=1e-5), name
    times = Counter(x.numpy().tobytes() for part in (first, second) for x in part["seen"])
    assert set(times.values()) == {EPOCHS}  # every example once per epoch, in one of the two
    assert times == Counter(x.numpy().tobytes() for x in alone["seen"])
    assert len(first["seen"]) > 0.4 * len(alone["seen"]) < len(second["seen"])

    assert_same_epochs(one["runs"][0], two["runs"][0])
    assert_same_epochs(one["aware"], two["aware"])
    names = {p.name for p in (folder / "one").iterdir()}
    assert names == {p.name for p in (folder / "two").iterdir()}
    wanted = {"best.ckpt", "last.ckpt", "model.onnx", "quantized.onnx", "quantized.ckpt"}
    assert wanted | {"curves.png", "report.html"} <= names
    for one_layer, two_layer in zip(
        *(integers(folder / run) for run in ("one", "two")), strict=True
    ):
        assert (one_layer == two_layer).mean() > 0.95  # a last bit may turn a rounding
        assert np.abs(one_layer - two_layer).max() <= 1
