"""The same command under ``torchrun``: two processes learn what one learns."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.command import Mxdeploy  # noqa: E402 - torch is optional
from tests.stages.s0_train.small import bars  # noqa: E402

NETWORK = """
import os
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(),
            nn.Linear(16, classes))

    def forward(self, x):
        if self.training:
            rank = os.environ.get("RANK", "alone")
            torch.save(self.state_dict(), os.path.dirname(__file__) + f"/seen-by-{rank}.pt")
        return self.layers(x)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    examples = bars(61, seed=1)
    assert examples.targets is not None
    np.savez(tmp_path / "bars.npz", x=examples.inputs.numpy(), y=examples.targets.numpy())
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "train.toml").write_text(
        '[network]\nfile = "net.py:Small"\n[data]\npath = "bars.npz"\n'
        "[training]\nepochs = 3\nbatch = 13\n[optimizer]\nname = 'nesterov'\n"
    )
    return tmp_path


@pytest.mark.slow
def test_two_processes_equal_one(mxdeploy: Mxdeploy, folder: Path) -> None:
    """Started as ``torchrun`` starts them; the parts of a batch of 13 differ in size."""
    command = [sys.executable, "-m", "mxdeploy", "train", folder, "--out", folder / "two", "--json"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [
        subprocess.Popen(
            [str(part) for part in command],
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": "2",
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    first, second = (process.communicate(timeout=200)[0] for process in started)
    assert [process.returncode for process in started] == [0, 0]
    assert second == ""
    two = json.loads(first)["result"]["runs"][0]
    one = mxdeploy("train", folder, "--out", folder / "one", "--json").document["result"]["runs"][0]

    seen = [torch.load(folder / f"seen-by-{r}.pt", weights_only=True) for r in ("0", "1", "alone")]
    for name, weight in seen[0].items():
        assert torch.equal(weight, seen[1][name]), name
        assert torch.allclose(weight, seen[2][name], atol=1e-5), name
    for a, b in zip(one["epochs"], two["epochs"], strict=True):
        for key in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            assert a[key] == pytest.approx(b[key], rel=1e-4)
        assert a["batch_losses"] == pytest.approx(b["batch_losses"], rel=1e-4)
    names = {p.name for p in (folder / "one").iterdir()}
    assert names == {p.name for p in (folder / "two").iterdir()}
    assert {"best.ckpt", "last.ckpt", "model.onnx", "curves.png", "report.html"} <= names
