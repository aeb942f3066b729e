"""``mxdeploy train`` with the chip's arithmetic: what it reports is what the chip computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch")

from mxdeploy.data import Scale
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s0_train.samples import in_units
from mxdeploy.stages.s3_quantize.qdq_read import read_qdq_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests.cli.test_train import NETWORK
from tests.command import Mxdeploy, Ran
from tests.networks import ModelBuilder
from tests.stages.s0_train.small import bars


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe that goes on with 2-bit weights, its network and its data."""
    learn, judge = bars(96, seed=1, classes=3), bars(24, seed=2, classes=3)
    assert learn.targets is not None
    assert judge.targets is not None
    parts = {
        "x_train": learn.inputs, "y_train": learn.targets,
        "x_test": judge.inputs, "y_test": judge.targets,
    }  # fmt: skip
    np.savez(tmp_path / "bars.npz", **{name: part.numpy() for name, part in parts.items()})
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "train.toml").write_text(
        '[network]\nfile = "net.py:Small"\n'
        '[data]\npath = "bars.npz"\nvalidation = 0.4\n'
        "[training]\nepochs = 12\nbatch = 16\n[optimizer]\nrate = 0.02\n"
        "[quantize]\naware = true\nepochs = 4\nrate = 0.02\nweight_bits = 2\n"
    )
    return tmp_path


def train(mxdeploy: Mxdeploy, folder: Path, *options: object) -> Ran:
    return mxdeploy("train", folder, "--out", folder / "run", *options, "--json")


def integers_in(file: Path) -> QuantNetwork:
    network = read_qdq_model(file).network
    assert network is not None
    return network


def right_answers(folder: Path, network: QuantNetwork, part: str) -> np.ndarray:
    """On the accelerator model, input by input."""
    with np.load(folder / "bars.npz") as file:
        x, y = in_units(torch.from_numpy(file[f"x_{part}"]), Scale.CHIP), file[f"y_{part}"]
    return answers_of_the_emulator(network, x.numpy()) == y


def answers_of_the_emulator(network: QuantNetwork, x: np.ndarray) -> np.ndarray:
    machine = AcceleratorMachine(lower(map_network(network)))
    outputs = [dict(machine.run(one).outputs) for one in chip_inputs(network, x)]
    name = network.outputs[0]
    return np.array([run[name].array.reshape(-1).argmax() for run in outputs])


def test_float_training_then_integers(mxdeploy: Mxdeploy, folder: Path) -> None:
    ran = train(mxdeploy, folder)
    assert ran.exit_code == 0, ran.err
    out, aware = folder / "run", ran.document["result"]["aware"]
    assert aware == json.loads((out / "history.json").read_text())["aware"]
    assert len(aware["epochs"]) == 4
    assert set(aware["weight_bits"].values()) == {2}
    assert aware["answers"]["accuracy"]["trained"] > 0.6  # a third is chance

    network = integers_in(out / "quantized.onnx")
    assert network.name == "run"  # as its folder
    right = right_answers(folder, network, "test")
    assert aware["answers"]["examples"] == len(right)
    assert aware["answers"]["accuracy"]["trained"] == right.mean()

    ran = mxdeploy("build", out / "quantized.onnx", "-o", folder / "b", "--compiler=none", "--json")
    assert ran.exit_code == 0, ran.err
    ran = mxdeploy("evaluate", folder / "b", "--data", folder / "bars.npz", "--json")
    assert ran.document["result"]["accuracy"]["emulator"] == right.mean()


def test_every_epoch_reports_what_the_integers_compute(mxdeploy: Mxdeploy, folder: Path) -> None:
    """The validation accuracy of the best epoch, counted on the accelerator model."""
    (folder / "train.toml").write_text(
        (folder / "train.toml").read_text().replace("validation = 0.4", "validation = 0")
    )
    ran = train(mxdeploy, folder, "--set", "quantize.epochs=2")
    aware = ran.document["result"]["aware"]
    network = integers_in(folder / "run" / "quantized.onnx")
    best = max(aware["epochs"], key=lambda e: (e["train_accuracy"], -e["train_loss"]))
    right = right_answers(folder, network, "train")
    assert best["train_accuracy"] == right.mean()


def test_any_trained_onnx(mxdeploy: Mxdeploy, folder: Path) -> None:
    """Neither source nor float training: a model and examples."""
    assert train(mxdeploy, folder, "--set", "quantize.aware=false").exit_code == 0
    start = folder / "run" / "model.onnx"
    data = ("--data", folder / "bars.npz", "--set", "data.validation=0.4")
    out = folder / "tuned"
    widths = ("--set", "quantize.weight_bits=4", "--set", "quantize.epochs=2")
    ran = mxdeploy("train", "--start", start, *data, *widths, "--out", out, "--json")
    assert ran.exit_code == 0, ran.err
    assert set(ran.document["result"]["aware"]["weight_bits"].values()) == {4}
    first = integers_in(out / "quantized.onnx")

    # And on from there: the widths are those of the file.
    again = ("--start", out / "quantized.onnx", "--out", folder / "further")
    ran = mxdeploy("train", *again, *data, "--epochs", 1, "--json")
    assert ran.exit_code == 0, ran.err
    assert len(ran.document["result"]["aware"]["epochs"]) == 1
    second = integers_in(folder / "further" / "quantized.onnx")
    assert [layer.weight_bits for layer in second.layers] == [
        layer.weight_bits for layer in first.layers
    ]


def test_the_optimizer_of_a_model_is_that_of_its_integers(mxdeploy: Mxdeploy, folder: Path) -> None:
    ModelBuilder((1, 1, 8, 8), seed=3).conv(1, 4).relu().pool(4).node("Flatten").linear(16, 3).save(
        folder / "start.onnx"
    )
    data = ("--data", folder / "bars.npz", "--out", folder / "tuned", "--epochs", 1)
    options = ("--optimizer", "momentum:0.003", "--set", "quantize.distill=1")
    ran = mxdeploy("train", "--start", folder / "start.onnx", *data, *options, "--json")
    assert ran.exit_code == 0, ran.err
    aware = ran.document["result"]["aware"]
    assert aware["optimizer"] == "momentum"
    assert aware["epochs"][0]["rate"] == 0.003


def test_a_model_with_its_channels_last(mxdeploy: Mxdeploy, folder: Path) -> None:
    """Examples are read channels first; three channels tell the two apart."""
    model = ModelBuilder((1, 8, 8, 3), seed=3).node("Transpose", perm=[0, 3, 1, 2])
    model.conv(3, 6).relu().pool(4).node("Flatten").linear(24, 2).node("Softmax", axis=1)
    model.save(folder / "last.onnx")
    numbers = np.random.default_rng(0)
    x = numbers.integers(0, 256, (60, 3, 8, 8)).astype(np.uint8)
    y = (x[:, 0].mean(axis=(1, 2)) > x[:, 2].mean(axis=(1, 2))).astype(np.int64)
    parts = {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:]}
    np.savez(folder / "colours.npz", **parts)
    options = ("--set", "quantize.epochs=2", "--set", "training.batch=8", "--out", folder / "run")
    data = ("--data", folder / "colours.npz")
    ran = mxdeploy("train", "--start", folder / "last.onnx", *data, *options, "--json")
    assert ran.exit_code == 0, ran.err
    accuracy = ran.document["result"]["aware"]["answers"]["accuracy"]
    real = np.moveaxis(in_units(torch.from_numpy(x[40:]), Scale.CHIP).numpy(), 1, -1)
    session = ort.InferenceSession(folder / "last.onnx")
    answers = [session.run(None, {"x": one[None]})[0].argmax() for one in real]
    assert accuracy["float"] == (answers == y[40:]).mean()
    network = integers_in(folder / "run" / "quantized.onnx")
    assert accuracy["trained"] == (answers_of_the_emulator(network, real) == y[40:]).mean()


def test_pixels_have_classes_too(mxdeploy: Mxdeploy, folder: Path) -> None:
    """The loss of the integers, before and after, where no example has a class as a whole."""
    model = ModelBuilder((1, 1, 8, 8), seed=3).conv(1, 4).relu().conv(4, 2)
    model.save(folder / "pixels.onnx")
    x = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8)).astype(np.uint8)
    np.savez(folder / "pixels.npz", x=x, y=(x[:, 0] > 127).astype(np.int64))
    options = ("--set", "quantize.epochs=3", "--set", "quantize.rate=0.02", "--out", folder / "run")
    data = ("--data", folder / "pixels.npz", "--set", "training.batch=8")
    ran = mxdeploy("train", "--start", folder / "pixels.onnx", *data, *options, "--json")
    assert ran.exit_code == 0, ran.err
    aware = ran.document["result"]["aware"]
    before, after = aware["measured"]
    assert aware["answers"] is None
    assert after["loss"] < before["loss"]
    assert after["accuracy"] > before["accuracy"]


def test_a_model_for_other_examples(mxdeploy: Mxdeploy, folder: Path) -> None:
    assert train(mxdeploy, folder, "--set", "quantize.aware=false").exit_code == 0
    start = ("--start", folder / "run" / "model.onnx", "--out", folder / "tuned")
    np.savez(folder / "large.npz", x=np.zeros((8, 1, 9, 9), np.uint8), y=np.arange(8) % 2)
    ran = mxdeploy("train", *start, "--data", folder / "large.npz", "--json")
    assert (ran.exit_code, ran.codes[-1]) == (2, "MX0080")
    np.savez(
        folder / "five.npz",
        x=np.arange(640, dtype=np.uint8).reshape(10, 1, 8, 8),
        y=np.arange(10) % 5,
    )
    ran = mxdeploy("train", *start, "--data", folder / "five.npz", "--json", "--force")
    assert (ran.exit_code, ran.codes[-1]) == (2, "MX0081")
    for option in ("--compare=sgd,adam", "--check"):
        ran = mxdeploy("train", *start, "--data", folder / "bars.npz", option, "--json")
        assert (ran.exit_code, ran.codes) == (2, ["MX0072"])


def test_a_width_for_a_layer_that_is_not_there(mxdeploy: Mxdeploy, folder: Path) -> None:
    """The training in floating point is finished all the same."""
    ran = train(mxdeploy, folder, "--epochs", 1, "--set", "quantize.layers.nothing=4")
    assert (ran.exit_code, ran.codes) == (2, ["MX3015"])
    assert (folder / "run" / "model.onnx").exists()
    assert (folder / "run" / "report.html").exists()
