"""The central test: the accelerator model on a lowered program equals integer.onnx, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxdeploy.emulator.accelerator import AcceleratorAccessError
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.program import Write
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests import zoo
from tests.builders import build, conv, inputs_for, max_pool, quant_networks


def machine_for(network, **options) -> AcceleratorMachine:
    return AcceleratorMachine(lower(map_network(network, MapOptions(**options))))


def assert_equal_to_integer_model(network, machine: AcceleratorMachine, x: np.ndarray) -> None:
    """Every layer, the outputs, and the names and shapes of all of them."""
    model = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
    wanted, found = model.run_one(x), machine.run(x)
    assert [name for name, _ in found.layers] == [layer.output for layer in network.layers]
    assert [name for name, _ in found.outputs] == list(network.outputs)
    assert len(wanted.layers) == len(found.layers)
    for (name, one), (_, other) in zip(wanted.layers, found.layers, strict=True):
        assert one == other, f"{name} differs"
    for (name, one), (_, other) in zip(wanted.outputs, found.outputs, strict=True):
        assert one == other, f"output {name} differs"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(network=quant_networks(), seed=st.integers(0, 1000))
def test_random_networks_give_the_same_tensors_on_both_machines(network, seed):
    assert_equal_to_integer_model(network, machine_for(network), inputs_for(network, seed))


@pytest.mark.parametrize("network", [zoo.small, zoo.tiny, zoo.keywords, zoo.autoencoder])
def test_well_known_geometries(network):
    network = network()
    assert_equal_to_integer_model(network, machine_for(network), inputs_for(network))


def test_input_in_chw_order():
    network = build((3, 20, 20), [conv(5, 3, 1, pool=max_pool(2)), conv(2, 1)])
    machine = machine_for(network, input_order=DataOrder.CHW)
    assert_equal_to_integer_model(network, machine, inputs_for(network))


def test_layers_on_processors_of_all_quadrants():
    """Narrow tensors spread over the chip, biases elsewhere than the processors."""
    layers = [conv(512, 3, 1, bias=True), conv(16, 1, bias=True, activation=zoo.RELU)] * 3
    network = build((16, 3, 3), layers)
    assert_equal_to_integer_model(network, machine_for(network), inputs_for(network))


def test_outputs_in_the_middle_are_read_back():
    network = build((4, 10, 10), [conv(4, 1)] * 4, outputs=("y1", "y3"))
    assert_equal_to_integer_model(network, machine_for(network), inputs_for(network))


@pytest.mark.parametrize("order", list(DataOrder))
def test_the_input_itself_can_be_an_output(order):
    network = build((4, 10, 10), [conv(4, 1)] * 3, outputs=("x", "y2"))
    x = inputs_for(network)
    result = machine_for(network, input_order=order).run(x)
    assert np.array_equal(result.outputs[0][1].array, x)


def test_one_machine_takes_many_inputs():
    """Nothing of an inference is left behind for the next one."""
    network = zoo.small()
    used = machine_for(network)
    for seed in range(4):
        x = inputs_for(network, seed)
        assert used.run(x) == machine_for(network).run(x)


def test_cycles_are_those_of_the_plan():
    plan = map_network(zoo.small())
    result = AcceleratorMachine(lower(plan)).run(inputs_for(plan.network))
    assert result.cycles == plan.cycles
    assert result.layer_cycles == tuple(layer.cycles for layer in plan.layers)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(network=quant_networks())
def test_estimated_cycles_of_random_networks_are_those_of_the_registers(network):
    """The plan counts from the geometry, the accelerator model from the registers."""
    plan = map_network(network)
    result = AcceleratorMachine(lower(plan)).run(inputs_for(network))
    assert result.layer_cycles == tuple(layer.cycles for layer in plan.layers)


def test_quadrants_that_are_not_used_have_no_power():
    program = lower(map_network(zoo.tiny()))
    stray = Write(address=0x50500010, value=1, text="", origin="test")
    with pytest.raises(AcceleratorAccessError):
        AcceleratorMachine(replace(program, configure=(*program.configure, stray)))


def test_program_that_is_never_started():
    program = lower(map_network(zoo.tiny()))
    machine = AcceleratorMachine(replace(program, start=()))
    with pytest.raises(RuntimeError, match="did not run"):
        machine.run(inputs_for(program.plan.network))


@pytest.mark.parametrize(
    "x",
    [np.zeros((2, 6, 6), np.int16), np.zeros((2, 6, 5), np.int8), np.zeros((1, 2, 6, 6), np.int8)],
)
def test_wrong_input(x):
    with pytest.raises(ValueError, match="the network takes int8"):
        machine_for(zoo.tiny()).run(x)
