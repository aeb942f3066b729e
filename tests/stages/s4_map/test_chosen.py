"""Placements that a person wrote: taken as they are when they are sound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from mxdeploy.errors import UsageError
from mxdeploy.ir.plan import DataOrder
from mxdeploy.stages.s4_map import MapOptions, map_network, placement_of
from tests import branches, zoo
from tests.builders import build, conv, linear, max_pool


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(network=branches.branching_networks())
def test_the_placement_of_a_plan_gives_the_same_plan(network):
    plan = map_network(network)
    again = map_network(network, MapOptions(chosen=placement_of(plan)))
    assert again == plan


def test_an_input_in_chw_order_keeps_its_order():
    plan = map_network(zoo.mnist(), MapOptions(input_order=DataOrder.CHW))
    assert map_network(zoo.mnist(), MapOptions(chosen=placement_of(plan))) == plan


@pytest.mark.parametrize("streams", [0, 2])
def test_an_input_through_fifos_and_layers_that_stream(streams):
    network = build((5, 20, 20), [conv(6, 3, 1, bias=True), conv(7, 1), conv(8, 3)])
    plan = map_network(network, MapOptions(fifo=True, streams=streams))
    assert (plan.fifo, plan.streams) == (True, streams)
    assert map_network(network, MapOptions(chosen=placement_of(plan))) == plan


@pytest.mark.parametrize(
    ("layers", "streams"),
    [
        ([conv(6, 3, 0, bias=True), conv(8, 3)], 2),
        ([conv(6, 3, 1, pool=max_pool(4)), linear(3, flatten=True)], 1),
    ],
)
def test_streams_with_a_copy(layers, streams):
    network = build((5, 20, 20), layers)
    plan = map_network(network, MapOptions(streams=1))
    assert plan.streams == streams
    assert len(plan.layers) == 3
    assert map_network(network, MapOptions(chosen=placement_of(plan))) == plan


def test_layers_that_cannot_stream():
    network = build((5, 20, 20), [conv(6, 3, 1), conv(7, 3), conv(8, 3)])
    chosen = placement_of(map_network(network, MapOptions(fifo=True)))
    with pytest.raises(UsageError, match="has no padding"):
        map_network(network, MapOptions(chosen=replace(chosen, streams=2)))


def edited(network, **tensors):
    """The plan with other places of some tensors."""
    chosen = placement_of(map_network(network))
    places = {name: replace(chosen.tensors[name], **new) for name, new in tensors.items()}
    return MapOptions(chosen=replace(chosen, tensors={**chosen.tensors, **places}))


def test_a_tensor_moved_to_a_free_place_stays_there():
    plan = map_network(zoo.mnist(), edited(zoo.mnist(), y4={"offset_bytes": 0x7000}))
    assert plan.layers[-1].output.offset_bytes == 0x7000
    assert plan.outputs[0].offset_bytes == 0x7000


def codes(options: MapOptions) -> dict[str, str]:
    with pytest.raises(UsageError) as caught:
        map_network(zoo.mnist(), options)
    assert caught.value.exit_code == 2
    assert all(d.fix for d in caught.value.diagnostics)
    return {d.code: f"{d.where}: {d.what}" for d in caught.value.diagnostics}


def test_a_tensor_over_another_one_is_refused():
    """The last rows of the second layer's input would be overwritten before they are read."""
    places = {"first_processor": 0, "offset_bytes": 0}
    below = {"first_processor": 0, "offset_bytes": 4 * 700}
    found = codes(edited(zoo.mnist(), y0=places, y1=below))
    assert found["MX4130"].startswith("layer1: y1 overwrites word 700 of the layer's input")


def test_places_outside_the_chip():
    found = codes(
        edited(
            zoo.mnist(), y0={"first_processor": 8}, y1={"offset_bytes": 6}, y2={"offset_bytes": -4}
        )
    )
    assert found["MX4024"] == "tensor y0: lies on processors 8 to 67"
    assert "MX4025" in found


def test_missing_and_unknown_names():
    chosen = placement_of(map_network(zoo.mnist()))
    tensors = {("z" if name == "y0" else name): t for name, t in chosen.tensors.items()}
    found = codes(MapOptions(chosen=replace(chosen, tensors=tensors)))
    assert found["MX4022"] == "y0: the placement has no tensor y0"
    assert found["MX4023"] == "z: the network has no tensor z"
