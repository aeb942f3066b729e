"""Networks with branches: placed soundly, and the placement computes what integer.onnx computes."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings

from mxdeploy.chip.max78000 import layouts
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.proof import first_difference, prove
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s4_map.ties import Ties
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests import branches
from tests.builders import conv, inputs_for


def proved(network: QuantNetwork) -> int:
    """Elements of all layers that were equal on integer.onnx and on the accelerator model."""
    plan = map_network(network)
    assert verify_plan(plan) == ()
    model = build_integer_model(plan.network, all_layers=True)
    inputs = inputs_for(network)
    wanted = IntegerMachine(build_integer_model(network, all_layers=False), network).run_one(inputs)
    proof = prove(lower(plan), model, [inputs])
    assert first_difference(wanted, proof.accelerator) is None
    return proof.elements


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(network=branches.branching_networks())
def test_random_networks_compute_what_integer_onnx_computes(network):
    assert proved(network) > 0


@pytest.mark.parametrize("make", [branches.residual, branches.u_net, branches.wide_join])
def test_structures(make):
    assert proved(make()) > 0


@pytest.mark.parametrize("make", [branches.camvid, branches.detector, branches.resnet8])
def test_well_known_networks_are_placed_quickly_and_always_in_the_same_way(make):
    network = make()
    start = time.process_time()
    plan = map_network(network)
    assert time.process_time() - start < 1
    assert map_network(network).to_text() == plan.to_text()


def test_operands_interleave_and_parts_lie_side_by_side():
    plan = map_network(branches.residual())
    first, second = plan.layers[4].inputs
    assert second.offset_bytes - first.offset_bytes == 4
    assert (first.gap, second.gap) == (1, 1)
    (join,) = map_network(branches.u_net()).layers[3].inputs
    skip, inner = (part.region for part in join.parts)
    assert skip.offset_bytes == inner.offset_bytes
    assert (
        layouts.processor_list(inner.processors)[0]
        == layouts.processor_list(skip.processors)[-1] + 1
    )
    assert join.processors == skip.processors | inner.processors


def test_a_join_of_several_passes_interleaves_its_parts():
    join = map_network(branches.wide_join()).layers[-1].inputs[0]
    offsets = [part.region.offset_bytes - join.offset_bytes for part in join.parts]
    assert offsets == [0, 8, 12, 16]
    assert join.passes == 5
    assert {part.region.step_words for part in join.parts} == {5}


def test_layers_without_kernels_go_where_they_write_most_at_once():
    """Sixteen channels in the middle of two quadrants: eight each, two words per pixel."""
    graph = branches.Branches((3, 8, 8))
    inner = graph.layer("x", conv(16, 1))
    total = graph.combine((graph.copy(inner), graph.layer(inner, conv(16, 1))))
    plan = map_network(graph.network(total))
    assert {plan.layers[i].inputs[0].time_slots for i in (1, 3)} == {2}


def test_a_value_beside_two_others_that_want_the_same_place_is_copied():
    graph = branches.Branches((3, 6, 6))
    shared = graph.layer("x", conv(4, 1))
    first, second = graph.layer(shared, conv(4, 1)), graph.layer(shared, conv(4, 3, 1))
    ends = [graph.layer(graph.join(one, shared), conv(2, 1)) for one in (first, second)]
    network = graph.network(*ends)
    assert len(map_network(network).layers) == len(network.layers) + 1
    assert proved(network) > 0


def test_joins_that_are_too_wide_together_are_cut_at_a_value_they_share():
    """Two joins of 60 channels with one value in common, and a copy that ties it to a third."""
    graph = branches.Branches((3, 6, 6))
    parts = [graph.layer("x", conv(30, 1)) for _ in range(4)]
    ends = [
        graph.layer(graph.join(parts[0], parts[1]), conv(2, 1)),
        graph.layer(graph.join(parts[1], parts[2]), conv(2, 1)),
        graph.layer(graph.join(graph.copy(parts[2]), parts[3]), conv(2, 1)),
    ]
    network = graph.network(*ends)
    assert len(map_network(network).layers) == len(network.layers) + 1
    assert proved(network) > 0


def test_ties_add_up():
    ties = Ties(5)
    assert ties.tie(0, 1, 4)
    assert ties.tie(3, 2, 8)
    assert ties.tie(1, 2, 4)
    assert ties.tie(0, 3, 0)
    assert not ties.tie(3, 1, 8)
    assert ties.groups() == (((0, 0), (1, 4), (2, 8), (3, 0)), ((4, 0),))
