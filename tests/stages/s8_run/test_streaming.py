"""Layers that stream, and inputs through FIFOs: the accelerator model equals integer.onnx."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.builders import Draft, average_pool, build, conv, conv1d, inputs_for, linear, max_pool

RELU = Activation.RELU


def assert_equal_on_both_machines(plan: Plan, seed: int = 0) -> None:
    """Every layer and the outputs, for two inputs one after the other."""
    network = plan.network
    model = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
    machine = AcceleratorMachine(lower(plan))
    for x in (inputs_for(network, seed), inputs_for(network, seed + 1)):
        wanted, found = model.run_one(x), machine.run(x)
        for (name, one), (_, other) in zip(wanted.layers, found.layers, strict=True):
            assert one == other, f"{name} differs"
        assert wanted.outputs == found.outputs
        assert found.cycles == plan.cycles


@st.composite
def streaming_networks(draw) -> tuple[QuantNetwork, int]:
    """A chain whose first layers can stream, but perhaps for their biases; and how many shall."""
    rows, columns = draw(st.integers(8, 24)), draw(st.integers(8, 24))
    first = shape = (draw(st.integers(1, 14)), rows, columns)
    count = draw(st.integers(1, 4))
    drafts: list[Draft] = []
    for number in range(count + draw(st.integers(0, 2))):
        draft = draw(_convolutions(min(shape[1:]), last=number == count - 1))
        drafts.append(draft)
        shape = build(first, drafts).values[-1].shape
    network = build(first, drafts, seed=draw(st.integers(0, 1000)))
    scale = draw(st.sampled_from((1, 4, 100)))
    return replace(network, layers=tuple(_calmer(layer, scale) for layer in network.layers)), count


def _calmer(layer, scale: int):
    """Smaller biases: a trained network has some of 127, but not all."""
    if layer.bias is None:
        return layer
    return replace(layer, bias=Tensor((layer.bias.array // scale).astype(np.int8)))


@st.composite
def _convolutions(draw, size: int, *, last: bool) -> Draft:
    pool = None
    if size >= 8 and draw(st.booleans()):
        window = draw(st.integers(1, 3))
        make = draw(st.sampled_from((max_pool, average_pool)))
        pool = make(window, stride=draw(st.integers(1, 2)))
    kernel = draw(st.sampled_from((1, 3, 3)))
    pad = draw(st.sampled_from((1,) if last or size < 8 else (0, 1))) if kernel == 3 else 0
    return conv(
        draw(st.sampled_from((1, 3, 4, 8, 20, 63, 70))),
        kernel,
        pad,
        pool=pool,
        bias=draw(st.booleans()),
        activation=draw(st.sampled_from(Activation)),
        weight_bits=draw(st.sampled_from((8, 8, 8, 4))),
    )


CANNOT = {"MX4033", "MX4034"}
"""Narrow weights may not reach the biases, or it takes more constants than the FIFOs carry."""


@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(chain=streaming_networks(), seed=st.integers(0, 1000))
def test_random_networks_that_stream(chain, seed):
    network, count = chain
    try:
        plan = map_network(network, MapOptions(streams=count))
    except ModelError as error:
        codes = {d.code for d in error.diagnostics}
        assume(not (codes <= CANNOT and any(layer.bias for layer in network.layers[:count])))
        raise
    assert plan.streams == count
    assert verify_plan(plan) == ()
    assert_equal_on_both_machines(plan, seed)


@pytest.mark.parametrize("channels", [1, 3, 4, 5, 16])
def test_input_through_fifos_without_streaming(channels):
    network = build((channels, 9, 7), [conv(6, 3, 1, bias=True), linear(3, flatten=True)])
    plan = map_network(network, MapOptions(fifo=True))
    assert (plan.fifo, plan.streams, plan.realization) == (True, 0, None)
    assert len(plan.input.quadrants) == -(-channels // 4)
    assert_equal_on_both_machines(plan)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("streams", [0, 2])
def test_chw_input_through_fifos(channels, streams):
    network = build((channels, 9, 7), [conv(6, 3, 1), conv(5, 3, 1, pool=max_pool(2))])
    options = MapOptions(fifo=True, streams=streams, input_order=DataOrder.CHW)
    plan = map_network(network, options)
    assert plan.input.processors == sum(1 << 16 * q for q in range(channels))
    assert_equal_on_both_machines(plan)


def test_one_dimensional_input_through_a_fifo():
    network = build((3, 50, 1), [conv1d(6, 3, 1), linear(4, flatten=True)])
    assert_equal_on_both_machines(map_network(network, MapOptions(fifo=True)))


def test_a_network_whose_first_tensors_are_larger_than_the_data_memories():
    """The geometry of a published network: 3x128x128, 16 channels after the first layer."""
    layers = [conv(16, 3, 1, activation=RELU, bias=True)]
    layers += [
        conv(n, 3, 1, activation=RELU, bias=True, pool=max_pool(2)) for n in (32, 64, 32, 32)
    ]
    layers += [conv(16, 3, 1, activation=RELU), linear(2, flatten=True, output_bits=32)]
    plan = map_network(build((3, 128, 128), layers))
    assert plan.streams == 2
    assert plan.realization is not None
    assert_equal_on_both_machines(plan)


def test_copies_at_the_end_of_a_stream_change_nothing():
    layers = [conv(4, 3, 0, bias=True), conv(5, 3, 0, pool=max_pool(4), bias=True)]
    flat = [conv(4, 3, 1, pool=max_pool(4)), linear(3, flatten=True)]
    for network, streams in (
        (build((3, 120, 120), layers), None),
        (build((3, 32, 32), flat), 1),
    ):
        plan = map_network(network, MapOptions(streams=streams))
        assert len(plan.layers) == len(network.layers) + 1
        assert_equal_on_both_machines(plan)
        x = inputs_for(network)
        model = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
        assert (
            model.run_one(x).outputs[0][1] == AcceleratorMachine(lower(plan)).run(x).outputs[0][1]
        )


def test_an_input_larger_than_the_data_memories():
    """A frame of 120,000 words: three times what all data memories of a quadrant hold."""
    network = build((1, 300, 400), [conv(4, 3, 1, pool=max_pool(4)), conv(3, 3, pool=max_pool(4))])
    plan = map_network(network)
    assert (plan.fifo, plan.streams) == (True, 1)
    assert_equal_on_both_machines(plan)
