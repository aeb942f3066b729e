"""What counts most once a network fits; and that fitting comes before all else."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.options import MapSection, ProjectOptions
from mxdeploy.pipeline import placement_of
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.trace import Trace
from tests import zoo


@pytest.fixture
def residual(tmp_path):
    """Saves a network of ``blocks`` residual blocks of two 3x3 convolutions."""

    def save(blocks: int, channels: int = 64):
        numbers = np.random.default_rng(0)
        nodes, constants = [], []

        def conv(source: str, inputs: int) -> str:
            name = f"conv{len(constants)}"
            weight = numbers.normal(0, (9 * inputs) ** -0.5, (channels, inputs, 3, 3))
            constants.append(numpy_helper.from_array(weight.astype(np.float32), f"{name}.w"))
            nodes.append(
                helper.make_node("Conv", [source, f"{name}.w"], [name], name, pads=[1] * 4)
            )
            return name

        def apply(op: str, *names: str) -> str:
            nodes.append(helper.make_node(op, names, [f"{op}{len(nodes)}"], f"{op}{len(nodes)}"))
            return nodes[-1].output[0]

        value = apply("Relu", conv("x", 4))
        for _ in range(blocks):
            inner = conv(apply("Relu", conv(value, channels)), channels)
            value = apply("Relu", apply("Add", inner, value))
        shape = [1, channels, 6, 6]
        graph = helper.make_graph(
            nodes, "residual",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 6])],
            [helper.make_tensor_value_info(value, TensorProto.FLOAT, shape)], constants,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        file = tmp_path / f"residual{blocks}.onnx"
        onnx.save(model, str(file))
        return file

    return save


def plan_of(file, objective: Objective) -> Plan:
    options = ProjectOptions(map=MapSection(optimize=objective.value))
    return placement_of(file, options, Trace())[1]


def kernel_bytes(plan: Plan) -> int:
    return sum(
        layer.kernels.words * layer.inputs[0].processors.bit_count() * mem.KERNEL_WORD_BYTES
        for layer in plan.layers
        if layer.kernels is not None
    )


def test_weights_are_spent_for_cycles_unless_memory_counts_most(residual):
    model = residual(2, channels=24)
    quick, small = (plan_of(model, objective) for objective in Objective)
    assert quick.cycles < small.cycles
    assert len(quick.layers) < len(small.layers)
    assert kernel_bytes(quick) > kernel_bytes(small)


def test_a_network_fits_even_where_its_quickest_form_does_not(residual):
    """Eleven matrices of 64 x 64 kernels fit; a unit matrix of kernels for each sum does not."""
    model = residual(5)
    plan = plan_of(model, Objective.LATENCY)
    assert kernel_bytes(plan) <= mem.TOTAL_KERNEL_BYTES
    assert plan == plan_of(model, Objective.MEMORY)


def test_fewer_bytes_of_input_come_first_where_memory_counts_most():
    """28x28 pixels: one byte each in CHW order, a word each in HWC order."""
    orders = [
        map_network(zoo.mnist(), MapOptions(objective=objective)).input.order
        for objective in Objective
    ]
    assert orders == [DataOrder.HWC, DataOrder.CHW]
