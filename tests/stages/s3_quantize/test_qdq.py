"""Quantized networks as ONNX with QuantizeLinear and DequantizeLinear: run, and read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.errors import ModelError
from mxdeploy.inputs import chip_inputs
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.outputs import model_outputs
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.qdq_metadata import NETWORK_KEY
from mxdeploy.stages.s3_quantize.qdq_read import Reading, read_qdq_model
from mxdeploy.stages.s3_quantize.qdq_write import build_qdq_model
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.branches import branching_networks
from tests.builders import build, conv, linear, quant_networks
from tests.fuzz.models import imported, recipes
from tests.fuzz.recipe import Cook, Recipe

Floats = NDArray[np.float32]


def run(model: bytes, x: Floats) -> list[NDArray[np.generic]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def require_equal_outputs(network: QuantNetwork, seed: int = 0) -> None:
    """onnxruntime's outputs are those of the integer model, behind the CPU's steps."""
    source = network.value(network.input)
    numbers = np.random.default_rng(seed)
    x = numbers.uniform(-130, 130, (4, *network.input_shape)) * source.scale
    x = x.astype(np.float32)
    machine = IntegerMachine(build_integer_model(network, all_layers=False), network, threads=1)
    wanted = model_outputs(network, dict(machine.run(chip_inputs(network, x)).outputs))
    found = run(build_qdq_model(network), x)
    for result, other in zip(network.model_results, found, strict=True):
        one = wanted[result.name]
        step = network.value(result.value).scale if result.value in network.outputs else 1e-4
        # Real numbers behind float32 arithmetic: far less than a step apart.
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=step / 100)


def read_back(network: QuantNetwork, folder: Path) -> QuantNetwork:
    file = folder / "quantized.onnx"
    file.write_bytes(build_qdq_model(network))
    reading = read_qdq_model(file)
    assert reading.network is not None, reading.notes
    return replace(reading.network, source_digest=network.source_digest)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("qdq")


@settings(max_examples=20, deadline=None)
@given(network=quant_networks())
def test_random_chains(folder: Path, network: QuantNetwork) -> None:
    require_equal_outputs(network)
    assert read_back(network, folder) == network


@settings(max_examples=20, deadline=None)
@given(network=branching_networks())
def test_random_networks_with_branches(folder: Path, network: QuantNetwork) -> None:
    require_equal_outputs(network)
    assert read_back(network, folder) == network


@settings(max_examples=12, deadline=None)
@given(recipe=recipes(), bits=st.sampled_from((8, 4, 2, 1)))
def test_random_models(folder: Path, recipe: Recipe, bits: int) -> None:
    """With scales that are no powers of two, and what the CPU does before and after."""
    try:
        source = legalize(imported(Cook(recipe).model()))
        if not source.nodes:
            return
        numbers = np.random.default_rng(recipe.seed)
        shape = source.value(source.inputs[0]).shape
        x = numbers.normal(0, 0.7, (8, *shape)).astype(np.float32)
        network = quantize(source, x, QuantizeOptions(weight_bits=bits, rounding="nearest"))
    except ModelError:
        return
    require_equal_outputs(network)
    assert read_back(network, folder) == network


REAL = (
    "mnist-extrasmall",
    "kws20_v3",
    "cifar10",
    "lenet5",
    "autoencoder-motor",
    "mlperf-resnet8",
    "mlperf-dscnn",
)


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_real_models(shared: Path, tmp_path: Path, name: str) -> None:
    source = legalize(import_onnx(shared / "models" / f"{name}.onnx"))
    numbers = np.random.default_rng(0)
    x = numbers.uniform(-1, 1, (8, *source.value(source.inputs[0]).shape)).astype(np.float32)
    network = quantize(source, x, QuantizeOptions(threads=1))
    require_equal_outputs(network)
    assert read_back(network, tmp_path) == network


def edited(network: QuantNetwork, change: Callable[[onnx.ModelProto], None]) -> bytes:
    model = onnx.ModelProto.FromString(build_qdq_model(network))
    change(model)
    return model.SerializeToString()


def small() -> QuantNetwork:
    return build((2, 6, 6), [conv(4, 3, 1, bias=True), linear(3, flatten=True)], seed=3)


def another_weight(model: onnx.ModelProto) -> None:
    integers = (t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8)
    stored = next(t for t in integers if len(t.dims) > 1)
    array = onnx.numpy_helper.to_array(stored).copy()
    array.flat[0] ^= 1
    stored.CopyFrom(onnx.numpy_helper.from_array(array, stored.name))


def another_scale(model: onnx.ModelProto) -> None:
    scale = next(t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)
    scale.CopyFrom(
        onnx.numpy_helper.from_array(
            np.float32(0.3) * np.ones(tuple(scale.dims), np.float32), scale.name
        )
    )


def another_shift(model: onnx.ModelProto) -> None:
    entry = next(p for p in model.metadata_props if p.key == NETWORK_KEY)
    entry.value = entry.value.replace('"shift":', '"shift":1')


def no_text(model: onnx.ModelProto) -> None:
    next(p for p in model.metadata_props if p.key == NETWORK_KEY).value = "[" * 100_000


def lost_key(model: onnx.ModelProto) -> None:
    kept = [p for p in model.metadata_props if p.key == NETWORK_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)


@pytest.mark.parametrize("change", [another_scale, another_shift, no_text, lost_key])
def test_metadata_that_do_not_fit_the_graph_do_not_count(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None]
) -> None:
    file = tmp_path / "edited.onnx"
    file.write_bytes(edited(small(), change))
    reading = read_qdq_model(file)
    assert reading.network is None
    assert [note.code for note in reading.notes] == ["MX3050"]


def test_another_weight_is_another_network(tmp_path: Path) -> None:
    """Weights are in the graph alone."""
    file = tmp_path / "edited.onnx"
    file.write_bytes(edited(small(), another_weight))
    network = read_qdq_model(file).network
    assert network is not None
    old, new = (
        np.concatenate([layer.weight.array.ravel() for layer in net.layers])
        for net in (small(), network)
    )
    assert (old != new).sum() == 1


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08"])
def test_other_files_hold_no_integers(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.onnx"
    assert read_qdq_model(file) == Reading()
    file.write_bytes(content)
    assert read_qdq_model(file) == Reading()


def test_without_metadata_it_is_an_ordinary_model(tmp_path: Path) -> None:
    """Declared ranges make calibration needless; the function stays the same."""
    network = small()

    def strip(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]

    file = tmp_path / "plain.onnx"
    file.write_bytes(edited(network, strip))
    again = quantize(legalize(import_onnx(file)), None)
    x = np.random.default_rng(0).integers(-128, 128, (8, 2, 6, 6)).astype(np.int8)
    one, two = (
        IntegerMachine(build_integer_model(net, all_layers=False), net, threads=1)
        .run(x)
        .outputs[0][1]
        for net in (network, again)
    )
    np.testing.assert_array_equal(one, two)
