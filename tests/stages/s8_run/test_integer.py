"""The integer machine: batches, layers, types, mismatching models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.builders import build, conv, inputs_for


def network() -> QuantNetwork:
    """y = 2 x per pixel, z = the sum of all y, in 32 bits."""
    double = LayerSpec(kind=Kind.CONV2D, in_channels=2, in_size=(2, 3), out_channels=2)
    total = LayerSpec(
        kind=Kind.LINEAR, in_channels=2, in_size=(2, 3), out_channels=1, flatten=True,
        output_bits=32,
    )  # fmt: skip
    identity = (64 * np.eye(2)).astype(np.int8).reshape(2, 2, 1, 1)
    ones = np.ones((1, 2, 2, 3), np.int8)
    layers = (
        layer("double", double, "x", "y", identity, shift=2),
        layer("total", total, "y", "z", ones),
    )
    values = (value("x", (2, 2, 3)), value("y", (2, 2, 3)), value("z", (1, 1, 1), 32))
    return QuantNetwork(name="n", values=values, input="x", outputs=("z",), layers=layers)


def layer(
    name: str, spec: LayerSpec, source: str, output: str, weight: NDArray[np.int8], shift: int = 0
) -> QuantLayer:
    return QuantLayer(
        name=name, spec=spec, inputs=(source,), output=output, weight=Tensor(weight),
        weight_bits=8, bias=None, shift=shift, origin=(),
    )  # fmt: skip


def value(name: str, shape: tuple[int, int, int], bits: int = 8) -> QuantValue:
    return QuantValue(name=name, shape=shape, scale=1.0, bits=bits, origin=name, model_shape=shape)


def machine(net: QuantNetwork, *, all_layers: bool = True) -> IntegerMachine:
    return IntegerMachine(build_integer_model(net, all_layers=all_layers), net, threads=1)


def inputs(count: int) -> NDArray[np.int8]:
    return np.random.default_rng(0).integers(-60, 60, (count, 2, 2, 3), dtype=np.int8)


@pytest.mark.parametrize("count", [1, 2, 700])
def test_batches(count: int) -> None:
    """More inputs than one batch takes come back in order."""
    x = inputs(count)
    result = machine(network()).run(x, layers=True)
    assert [name for name, _ in result.layers] == ["y", "z"]
    assert [name for name, _ in result.outputs] == ["z"]
    np.testing.assert_array_equal(result["y"], 2 * x)
    sums = 2 * x.astype(np.int32).sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(result["z"].ravel(), sums)
    assert result["y"].dtype == np.int8
    assert result["z"].dtype == np.int32


def test_outputs_alone() -> None:
    x = inputs(3)
    result = machine(network(), all_layers=False).run(x)
    assert result.layers == ()
    np.testing.assert_array_equal(result["z"], machine(network()).run(x)["z"])
    with pytest.raises(KeyError):
        result["y"]


def test_one_inference() -> None:
    x = inputs(1)[0]
    result = machine(network()).run_one(x)
    assert result.machine == "integer"
    assert [name for name, _ in result.layers] == ["y", "z"]
    assert dict(result.layers)["y"] == Tensor((2 * x).astype(np.int8))
    assert dict(result.outputs)["z"] == Tensor(2 * x.sum(dtype=np.int32).reshape(1, 1, 1))
    assert machine(network(), all_layers=False).run_one(x).layers == ()


@pytest.mark.parametrize("wrong", [inputs(2).astype(np.int16), inputs(2)[:, :1], inputs(2)[0]])
def test_wrong_input(wrong: NDArray[np.int8]) -> None:
    with pytest.raises(ValueError, match=r"the network takes int8 \(2, 2, 3\)"):
        machine(network()).run(wrong)


def test_layers_that_the_model_does_not_show() -> None:
    with pytest.raises(ValueError, match="without its layers"):
        machine(network(), all_layers=False).run(inputs(1), layers=True)


def test_model_of_another_network() -> None:
    model = build_integer_model(network(), all_layers=False)
    with pytest.raises(ValueError, match="not one of network n"):
        IntegerMachine(model, replace(network(), outputs=("y",)))


@pytest.mark.parametrize("all_layers", [False, True])
def test_the_input_itself_can_be_an_output(all_layers):
    network = build((4, 3, 3), [conv(4, 1)] * 2, outputs=("x", "y1"))
    machine = IntegerMachine(build_integer_model(network, all_layers=all_layers), network)
    x = inputs_for(network)
    outputs = dict(machine.run_one(x).outputs)
    assert list(outputs) == ["x", "y1"]
    assert np.array_equal(outputs["x"].array, x)
