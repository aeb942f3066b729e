"""Tables of the layers' tensors: places by hand, and when an input does not fit the SRAM."""

from __future__ import annotations

from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s6_emit import left_out
from mxdeploy.stages.s6_emit.options import EmitOptions
from mxdeploy.stages.s6_emit.storage import storage_of
from mxdeploy.stages.s6_emit.view_layers import LayersView, layers_view
from mxdeploy.stages.s6_emit.view_network import output_views
from mxdeploy.stages.s6_emit.view_tail import tail_view
from tests.builders import build, conv, max_pool
from tests.tiny_program import tiny_program

OPTIONS = EmitOptions()


def view(program) -> LayersView:
    outputs = output_views(program)
    storage = storage_of(program, outputs, OPTIONS)
    return layers_view(program, outputs, tail_view(program, outputs, storage), storage)


def test_the_layer_of_the_tiny_program() -> None:
    """Six 32-bit channels from byte 0x1000 on in memories 0 and 1, both quadrants counted."""
    found = view(tiny_program())
    (layer,) = found.layers
    assert (layer.first_lane, layer.lanes, layer.pixels, layer.elements) == (0, 2, 1, 6)
    assert (layer.bits, layer.step_bytes) == (32, 16)
    assert [lanes.address for lanes in found.lanes] == ["0x50401000u", "0x50409000u"]
    assert found.outputs == found.layers
    assert found.count_registers == ("0x50100008u", "0x50500008u")
    assert found.count_shift == 0
    assert found.input_room == 3 * 4 * 4


def test_tensors_follow_each_other_in_the_table_of_lanes() -> None:
    network = build((3, 8, 8), [conv(70, pad=1), conv(5, pad=1)], outputs=("y0", "y1"))
    found = view(lower(map_network(network)))
    assert [layer.first_lane for layer in found.layers] == [0, found.layers[0].lanes]
    assert sum(layer.lanes for layer in found.layers) == len(found.lanes)
    assert [layer.elements for layer in found.layers] == [70 * 64, 5 * 64]


def test_an_input_beyond_the_sram_has_no_room() -> None:
    """131,072 bytes of SRAM, 8,192 of them stack, 8,192 in reserve."""
    fits = build((4, 100, 100), [conv(1, pool=max_pool(16))])
    assert view(lower(map_network(fits))).input_room == 40_000
    too_large = build((16, 90, 90), [conv(1, pool=max_pool(16))])
    assert view(lower(map_network(too_large))).input_room == 0


def test_memory_is_shared_where_there_is_not_enough() -> None:
    """An output of 81,600 bytes, its 20,400 integers and an input of 14,400 bytes."""
    large = lower(map_network(build((12, 40, 30), [conv(17, pad=1)])))
    assert view(large).shares_memory
    assert view(large).input_room == 14_400
    small = lower(map_network(build((12, 40, 30), [conv(4, pad=1)])))
    assert not view(small).shares_memory


def test_an_output_that_does_not_fit_is_left_out_and_told() -> None:
    """64 maps of 40x30: 76,800 bytes of integers are given, 307,200 bytes of numbers are not."""
    program = lower(map_network(build((12, 40, 30), [conv(64, pad=1)])))
    (warning,) = left_out(program, OPTIONS)
    assert warning.code == "MX6020"
    assert warning.severity == "warning"
    assert "307,200 bytes" in warning.what
    outputs = output_views(program)
    found = tail_view(program, outputs, storage_of(program, outputs, OPTIONS))
    assert (found.largest, found.outputs[0].computed, found.outputs[0].statements) == (0, False, ())
    assert left_out(lower(map_network(build((12, 40, 30), [conv(16, pad=1)]))), OPTIONS) == ()
