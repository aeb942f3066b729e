"""Accuracy of real, trained networks in integers, with real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mxdeploy.ir.network import Network
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import quantize
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s8_run.integer import IntegerMachine

pytestmark = pytest.mark.shared

Floats = NDArray[np.float32]
CALIBRATION = 64


def chip_scale(pixels: NDArray[np.uint8]) -> Floats:
    steps = np.round((pixels.astype(np.float32) / 255 - 0.5) * 256)
    return (np.clip(steps, -128, 127) / 128).astype(np.float32)


def data_of(shared: Path, name: str) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Calibration inputs from the training part, inputs and labels from the test part."""
    if name.startswith("cifar10"):
        with np.load(shared / "data" / "cifar10_small.npz") as file:
            train, test, labels = file["x_train"][:CALIBRATION], file["x_test"], file["y_test"]
        train, test = (chip_scale(part).transpose(0, 3, 1, 2) for part in (train, test))
        return np.ascontiguousarray(train), np.ascontiguousarray(test), labels
    if name.startswith("mnist"):
        with np.load(shared / "data" / "mnist.npz") as file:
            train, test, labels = file["x_train"][:CALIBRATION], file["x_test"], file["y_test"]
        train, test = (chip_scale(part).reshape(-1, 1, 28, 28) for part in (train, test[:600]))
        return train, test, labels[:600]
    with np.load(shared / "data" / "kws20_small.npz") as file:
        train = file[input_key(file)][:CALIBRATION]
    with np.load(shared / "data" / "kws20_test.npz") as file:
        key = input_key(file)
        test, labels = file[key], file["y" + key[1:]]
    train, test = ((part / 128).astype(np.float32) for part in (train, test[:500]))
    return train, test, labels[:500]


def input_key(file: np.lib.npyio.NpzFile) -> str:
    return next(key for key in file if key.startswith("x"))


def read(shared: Path, name: str) -> Network:
    return legalize(import_onnx(shared / "models" / f"{name}.onnx"))


@pytest.mark.parametrize(
    ("name", "least_float"),
    [
        ("mnist", 0.985),
        ("mnist-extrasmall", 0.9),
        ("mnist-extrasmall_noclip", 0.6),
        ("cifar10", 0.90),
        ("kws20_v3", 0.92),
    ],
)
def test_accuracy_within_a_point_of_float(shared: Path, name: str, least_float: float) -> None:
    network = read(shared, name)
    calibration, x, labels = data_of(shared, name)
    result = quantize(network, calibration)
    output = network.outputs[0]
    session = Session(build_float_model(network), 2)
    scores = np.concatenate(
        [session.run({network.inputs[0]: part}, [output])[output] for part in batches(x)]
    )
    source = result.value(result.input)
    steps = np.clip(np.rint(x / source.scale), -128, 127).astype(np.int8)
    machine = IntegerMachine(build_integer_model(result, all_layers=False), result)
    integers = machine.run(steps.reshape(-1, *source.shape))[output]
    accuracy = [
        float((array.reshape(len(x), -1).argmax(axis=1) == labels).mean())
        for array in (scores, integers)
    ]
    assert accuracy[0] > least_float
    assert accuracy[1] > accuracy[0] - 0.01


def batches(x: Floats) -> list[Floats]:
    return [x[start : start + 128] for start in range(0, len(x), 128)]


def test_clip_at_127_128ths_is_the_chips_own_saturation(shared: Path) -> None:
    network = read(shared, "cifar10")
    calibration, _, _ = data_of(shared, "cifar10")
    result = quantize(network, calibration)
    narrow = [value.scale for value in result.values if value.bits == 8]
    assert narrow == [1 / 128] * 11


def test_reconstruction(shared: Path) -> None:
    """An autoencoder has no classes: its output itself must come close."""
    network = read(shared, "autoencoder-motor")
    with np.load(shared / "models" / "autoencoder-motor_io.npz") as file:
        sample = file["input"].astype(np.float32)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (CALIBRATION, *sample.shape[1:]))
    result = quantize(network, np.clip(sample + noise, -1, 127 / 128).astype(np.float32))
    session = Session(build_float_model(network), 1)
    real = session.run({network.inputs[0]: sample})[network.outputs[0]]
    source, target = result.value(result.input), result.value(network.outputs[0])
    steps = np.clip(np.rint(sample / source.scale), -128, 127).astype(np.int8)
    machine = IntegerMachine(build_integer_model(result, all_layers=False), result)
    found = machine.run(steps.reshape(-1, *source.shape))[target.name] * target.scale
    assert float(np.square(found - real).mean()) < float(np.square(real).mean()) * 10**-2.5
