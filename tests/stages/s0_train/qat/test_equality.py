"""The trainable module computes what the integer model computes, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize, quantize_with_source
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.branches import branching_networks
from tests.builders import build, conv, quant_networks
from tests.fuzz.models import imported, recipes
from tests.fuzz.recipe import Cook, Recipe

torch = pytest.importorskip("torch")
from mxdeploy.stages.s0_train import qat
from mxdeploy.stages.s0_train.qat.layer import EXACT_IN_SINGLE


def require_equal(
    network: QuantNetwork, source: Network | None, *, seed: int = 0, device: str = "cpu"
) -> None:
    """Every layer's output, for random inputs and extremes; and the way back to the integers."""
    module = qat.trainable_network(network, source).to(device)
    shape = network.value(network.input).shape
    numbers = np.random.default_rng(seed)
    x = numbers.integers(-128, 128, (3, *shape)).astype(np.int8)
    x[1] = numbers.choice(np.array([-128, 127], np.int8), shape)
    machine = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
    wanted = machine.run(x, layers=True)
    with torch.no_grad():
        found = module.values(torch.from_numpy(x).float().to(device))
    for layer in network.layers:
        name = layer.output
        np.testing.assert_array_equal(found[name].cpu().numpy(), wanted[name], err_msg=layer.name)
    assert module.quantized() == network


@settings(max_examples=30, deadline=None)
@given(network=quant_networks(), seed=st.integers(0, 99))
def test_random_chains(network: QuantNetwork, seed: int) -> None:
    require_equal(network, None, seed=seed)


@settings(max_examples=20, deadline=None)
@given(network=branching_networks(), seed=st.integers(0, 99))
def test_random_networks_with_branches(network: QuantNetwork, seed: int) -> None:
    require_equal(network, None, seed=seed)


@settings(max_examples=20, deadline=None)
@given(recipe=recipes(), bits=st.sampled_from((8, 4, 2, 1)))
def test_random_models_with_real_weights_behind(recipe: Recipe, bits: int) -> None:
    try:
        source = legalize(imported(Cook(recipe).model()))
        options = QuantizeOptions(guess_ranges=True, weight_bits=bits)
        network = quantize(source, None, options)
    except ModelError:
        return
    require_equal(network, source, seed=recipe.seed)


REAL = (
    "mnist-extrasmall",
    "kws20_v3",
    "cifar10",
    "lenet5",
    "autoencoder-motor",
    "mlperf-resnet8",
    "mlperf-dscnn",
    "catsdogs",
)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "bits"), [*((name, 8) for name in REAL), ("cifar10", 2), ("kws20_v3", 4)]
)
def test_real_models(shared: Path, name: str, bits: int) -> None:
    source = legalize(import_onnx(shared / "models" / f"{name}.onnx"))
    numbers = np.random.default_rng(0)
    x = numbers.uniform(-1, 1, (8, *source.value(source.inputs[0]).shape)).astype(np.float32)
    source, network = quantize_with_source(
        source, x, QuantizeOptions(weight_bits=bits, rounding="nearest")
    )
    require_equal(network, source)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@settings(max_examples=30, deadline=None)
@given(network=branching_networks(), seed=st.integers(0, 99))
def test_random_networks_on_a_gpu(network: QuantNetwork, seed: int) -> None:
    require_equal(network, None, seed=seed, device="cuda")


def test_where_single_precision_does_not_suffice_the_sums_are_double() -> None:
    """As on a GPU, on the CPU: the path through float64 and its rounding."""
    network = build((130, 6, 6), [conv(40, 3, 1, bias=True, shift=-9), conv(8, 3)], seed=2)
    assert EXACT_IN_SINGLE < 130 * 9 * 128 * 128
    largest = replace(network.layers[0], weight=Tensor(np.full((40, 130, 3, 3), -128, np.int8)))
    require_equal(replace(network, layers=(largest, *network.layers[1:])), None)
