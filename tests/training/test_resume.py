"""A training of integers that was interrupted goes on, and ends with the very same numbers."""

from __future__ import annotations

import errno
import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.recipe import load_recipe
from mxdeploy.stages.s0_train.qat.checkpoint import read_integer_checkpoint
from mxdeploy.stages.s3_quantize.qdq_read import read_qdq_model
from mxdeploy.training import Talk, TrainRequest, stored_request, train, tune
from tests.command import Mxdeploy
from tests.networks import ModelBuilder
from tests.stages.s0_train.small import bars

EPOCHS = 4
NETWORK = """
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(4),
            nn.Flatten(), nn.Dropout(0.1), nn.Linear(24, classes))

    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data, a network in torch and one in ONNX; plateau and momentum keep more than weights."""
    examples = bars(80, seed=1, classes=3)
    assert examples.targets is not None
    np.savez(tmp_path / "bars.npz", x=examples.inputs.numpy(), y=examples.targets.numpy())
    (tmp_path / "net.py").write_text(NETWORK)
    model = ModelBuilder((1, 1, 8, 8), seed=3).conv(1, 6).relu().pool(4)
    model.node("Flatten").linear(24, 3).save(tmp_path / "start.onnx")
    (tmp_path / "train.toml").write_text(
        '[network]\nfile = "net.py:Small"\n'
        '[data]\npath = "bars.npz"\nvalidation = 0.3\naugment = ["shift=1", "noise"]\n'
        "[training]\nepochs = 3\nbatch = 16\nthreads = 1\n"
        "[optimizer]\nname = 'momentum'\nrate = 0.02\n[schedule]\nname = 'plateau'\npatience = 1\n"
        f"[quantize]\naware = true\nepochs = {EPOCHS}\nrate = 0.02\nweight_bits = 2\n"
    )
    return tmp_path


def request_for(folder: Path, name: str) -> TrainRequest:
    recipe = load_recipe(folder / "train.toml")
    return TrainRequest(recipe=recipe, folder=folder, out=folder / name)


def interrupting(epoch: int, batch: int, what: str = "quantized, epoch") -> Talk:
    """Ctrl-C in this batch of this epoch (from 1), of integers or of ``what``."""
    seen = 0

    def advance(_count: int, text: str) -> None:
        nonlocal seen
        seen += text.startswith(f"{what} {epoch} ")
        if seen == batch:
            signal.raise_signal(signal.SIGINT)

    def progress(_name: str, _total: int) -> AbstractContextManager[Callable[[int, str], None]]:
        return nullcontext(advance)

    return Talk(progress=progress)


def without_times(out: Path) -> Any:
    """What ``history.json`` says of the integers."""
    aware = json.loads((out / "history.json").read_text())["aware"]
    for epoch in aware["epochs"]:
        del epoch["seconds"]
    return aware


def assert_same_integers(one: Path, other: Path) -> None:
    first, second = (read_qdq_model(out / "quantized.onnx").network for out in (one, other))
    assert first is not None
    assert second is not None
    assert first.layers == second.layers
    assert first.values == second.values


def test_behind_a_training_in_floating_point(folder: Path) -> None:
    train(request_for(folder, "whole"), Talk())
    with pytest.raises(KeyboardInterrupt):
        train(request_for(folder, "cut"), interrupting(3, 2))

    cut, epochs = folder / "cut", list[str]()
    resumed = train(replace(stored_request(cut), resume=True), Talk(on_epoch=epochs.append))
    assert len(epochs) == EPOCHS - 2
    assert without_times(cut) == without_times(folder / "whole")
    assert_same_integers(cut, folder / "whole")
    assert resumed.aware is not None
    assert resumed.aware.history.best != resumed.aware.history.epochs[0]


def test_of_given_weights_that_are_gone(folder: Path, mxdeploy: Mxdeploy) -> None:
    """Two starts from a checkpoint: the second is not begun when the checkpoint goes away."""
    (folder / "float.toml").write_text(
        (folder / "train.toml").read_text().replace("aware = true", "aware = false")
    )
    mxdeploy("train", folder / "float.toml", "--epochs", 1, "--out", folder / "before", "-q")
    given = folder / "before" / "best.ckpt"
    recipe = load_recipe(folder / "float.toml", ["training.seeds=2"])
    whole = TrainRequest(recipe=recipe, folder=folder, out=folder / "whole", start=given)
    expected = [run.history for run in train(whole, Talk()).runs]
    with pytest.raises(KeyboardInterrupt):
        train(replace(whole, out=folder / "cut"), interrupting(2, 2, "epoch"))
    given.unlink()
    found = train(replace(stored_request(folder / "cut"), resume=True), Talk()).runs
    for one, other in zip(found, expected, strict=True):
        assert one.history.start_loss == other.start_loss
        losses = ([e.train_loss for e in h.epochs] for h in (one.history, other))
        assert next(losses) == next(losses)
    assert len(expected) == 2
    assert expected[0].start_loss == expected[1].start_loss  # given, not drawn for each


def test_of_a_network_that_has_become_another(folder: Path, mxdeploy: Mxdeploy) -> None:
    (folder / "float.toml").write_text(
        (folder / "train.toml").read_text().replace("aware = true", "aware = false")
    )
    request = TrainRequest(
        recipe=load_recipe(folder / "float.toml"), folder=folder, out=folder / "cut"
    )
    with pytest.raises(KeyboardInterrupt):
        train(request, interrupting(2, 1, "epoch"))
    (folder / "net.py").write_text(NETWORK.replace("self.layers", "self.other"))
    ran = mxdeploy("train", "--resume", "--out", folder / "cut", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX0041"])


def test_of_any_trained_model(folder: Path, mxdeploy: Mxdeploy) -> None:
    """In the first epoch nothing is kept yet; when all is done nothing is left to do."""
    start, cut = folder / "start.onnx", folder / "cut"
    tune(start, replace(request_for(folder, "whole"), start=start), Talk())
    with pytest.raises(KeyboardInterrupt):
        tune(start, replace(request_for(folder, "cut"), start=start), interrupting(1, 2))
    assert not (cut / "quantized.ckpt").exists()
    for _again in range(2):
        ran = mxdeploy("train", "--resume", "--out", cut, "--json")
        assert ran.exit_code == 0, ran.err
        assert without_times(cut) == without_times(folder / "whole")
        assert_same_integers(cut, folder / "whole")


def test_what_is_another_training(folder: Path, mxdeploy: Mxdeploy) -> None:
    """Another width is refused, and leaves no trace; another network begins again."""
    start, cut = folder / "start.onnx", folder / "cut"
    with pytest.raises(KeyboardInterrupt):
        tune(start, replace(request_for(folder, "cut"), start=start), interrupting(2, 1))
    ran = mxdeploy("train", "--resume", "--out", cut, "--set", "quantize.weight_bits=4", "--json")
    assert (ran.exit_code, ran.codes) == (2, ["MX0064"])
    assert "another quantize.weight_bits" in ran.document["diagnostics"][0]["what"]

    model = ModelBuilder((1, 1, 8, 8), seed=4).conv(1, 6).relu().pool(4)
    model.node("Flatten").linear(24, 3).save(start)
    ran = mxdeploy("train", "--resume", "--out", cut, "--json")
    assert (ran.exit_code, ran.codes) == (0, ["MX0082"])
    assert len(ran.document["result"]["aware"]["epochs"]) == EPOCHS


def test_a_full_disk_leaves_the_last_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second checkpoint is half written when the disk is full."""
    start, out = folder / "start.onnx", folder / "cut"
    request = replace(request_for(folder, "cut"), start=start)
    written = 0
    really = Path.write_bytes

    def write_bytes(path: Path, content: bytes) -> int:
        nonlocal written
        written += "quantized.ckpt" in path.name
        if written == 2:
            really(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(UsageError) as caught:
            tune(start, request, Talk())
    assert [d.code for d in caught.value.diagnostics] == ["MX8049"]
    assert read_integer_checkpoint(out / "quantized.ckpt").epoch == 1
    epochs: list[str] = []
    tune(start, replace(request, resume=True), Talk(on_epoch=epochs.append))
    assert len(epochs) == EPOCHS - 1


def test_a_damaged_checkpoint(folder: Path) -> None:
    start = folder / "start.onnx"
    request = replace(request_for(folder, "cut"), start=start)
    with pytest.raises(KeyboardInterrupt):
        tune(start, request, interrupting(2, 1))
    for content in (b"", b"PK\x03\x04", (folder / "start.onnx").read_bytes()):
        (folder / "cut" / "quantized.ckpt").write_bytes(content)
        with pytest.raises(UsageError) as caught:
            tune(start, replace(request, resume=True), Talk())
        found: list[Diagnostic] = list(caught.value.diagnostics)
        assert [d.code for d in found] == ["MX0040"]
