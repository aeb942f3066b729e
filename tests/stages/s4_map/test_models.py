"""Real trained networks: placed without help, as fast as by hand, and exact on the chip's model."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import quantize
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.integer import IntegerMachine


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "layers", "cycles_by_hand"),
    [
        ("mnist", 5, 70_157),
        ("mnist-extrasmall", 4, 12_193),
        ("cifar10", 11, 228_217),
        ("kws20_v3", 9, 71_782),
        ("autoencoder-motor", 7, 3_415),
    ],
)
def test_model(shared, name, layers, cycles_by_hand):
    with np.load(shared / "models" / f"{name}_io.npz") as data:
        x = data["input"].astype(np.float32)
    network = quantize(legalize(import_onnx(shared / "models" / f"{name}.onnx")), x)
    plan = map_network(network)
    assert len(plan.layers) == layers
    assert plan.cycles <= cycles_by_hand
    source = network.value(network.input)
    integers = np.clip(np.round(x[0] / source.scale), -128, 127).astype(np.int8)
    integers = integers.reshape(source.shape)
    model = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
    found, wanted = AcceleratorMachine(lower(plan)).run(integers), model.run_one(integers)
    assert found.layers == wanted.layers
    assert found.outputs == wanted.outputs
    assert any(tensor.array.any() for _, tensor in found.outputs)
