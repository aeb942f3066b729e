"""Register words of programs that pass on silicon, decoded by hand.

Geometry and placement are given; the words are those that the published programs write.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, LayerPlan, Plan, Region
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s5_lower import control, geometry, pointers, sequences
from mxdeploy.stages.s5_lower.placed import PlacedLayer
from tests import zoo
from tests.builders import build, conv, conv1d, linear, max_pool, passthrough


def ones(first: int, last: int) -> int:
    return (1 << last + 1) - (1 << first)


def with_shifts(network, shifts):
    pairs = zip(network.layers, shifts, strict=True)
    return replace(network, layers=tuple(replace(lr, shift=shift) for lr, shift in pairs))


def hand_made(network, regions, kernel_starts, bias=None) -> Plan:
    """A plan from regions (one more than layers) and first kernel words; passes as they come."""
    layers = []
    for index, (layer, start) in enumerate(zip(network.layers, kernel_starts, strict=True)):
        source, target = regions[index], regions[index + 1]
        pixels = layer.spec.in_size[0] * layer.spec.in_size[1] if layer.spec.flatten else 1
        layers.append(
            LayerPlan(
                index=index,
                name=layer.name,
                inputs=(source,),
                output=target,
                in_passes=source.passes * pixels,
                out_passes=target.passes,
                kernels=KernelSlot(start_word=start, words=0),
                bias=bias if index == len(network.layers) - 1 else None,
                cycles=0,
            )
        )
    return Plan(
        network=network,
        layers=tuple(layers),
        input=regions[0],
        outputs=(regions[-1],),
        quadrants=(0, 1, 2, 3),
        cycles=0,
    )


def region(value, processors, offset_bytes, **rest) -> Region:
    passes = rest.pop("passes", 1)
    return Region(
        value=value, processors=processors, offset_bytes=offset_bytes, passes=passes, **rest
    )


@pytest.fixture(scope="module")
def mnist() -> Plan:
    network = with_shifts(zoo.mnist(), (-1, -2, -2, -1, 0))
    regions = [
        region("x", 1, 0, order=DataOrder.CHW),
        region("y0", ones(4, 63), 0x2000),
        region("y1", ones(4, 63), 0),
        region("y2", ones(4, 59), 0x2000),
        region("y3", ones(0, 11), 0),
        region("y4", ones(0, 9), 0x1000, bits=32),
    ]
    bias = BiasSlot(quadrant=0, start_byte=0, length_bytes=10)
    return hand_made(network, regions, (0, 0, 60, 116, 128), bias)


def words(plan: Plan, function, *arguments) -> list[int]:
    return [
        function(PlacedLayer(layer=layer, plan=placed), *arguments).encode()
        for layer, placed in zip(plan.network.layers, plan.layers, strict=True)
    ]


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (geometry.row_count, (0x1001D, 0x2001F, 0x10011, 0x10009, 0)),
        (geometry.column_count, (0x1001D, 0x2001F, 0x10011, 0x10009, 0)),
        (geometry.one_dimensional, (0, 0, 0, 0, 0x100)),
        (geometry.pool_row_count, (0, 1, 1, 1, 0)),
        (geometry.pool_column_count, (0, 1, 1, 1, 0)),
        (geometry.stride, (0, 1, 1, 1, 0)),
        (pointers.write_pointer_time_slot_offset, (0, 0, 0, 0, 1)),
        (pointers.write_pointer_mask_offset, (0x2000,) * 5),
        (pointers.write_pointer_channel_offset, (0,) * 5),
        (pointers.read_pointer_base, (0, 0x800, 0, 0x800, 0)),
        (control.mask_count, (0x1D8, 0x1D8, 0x1E00398, 0x3A003F8, 0x240028F8)),
        (geometry.tram_pointer, (0x1B, 0xF, 7, 3, 0)),
        (control.layer_control_1, (0x1D800, 0x1D800, 0x1B800, 0x5800, 0x480F)),
    ],
)
def test_mnist(mnist, function, wanted):
    assert words(mnist, function) == list(wanted)


@pytest.mark.parametrize(
    ("function", "quadrant", "wanted"),
    [
        (pointers.write_pointer_base, 0, (0x2800, 0x2000, 0x2800, 0, 0x400)),
        (pointers.write_pointer_base, 3, (0x2800, 0x2000, 0x2800, 0, 0x400)),
        (control.layer_control_0, 0, (0xB60, 0xEBA0, 0xEBA0, 0xEAA0, 0x10920)),
        (control.layer_control_0, 2, (0xB60, 0xBA0, 0xBA0, 0xAA0, 0x10920)),
        (control.enable, 0, (0x10001, 0xFFF0FFF0, 0xFFF0FFF0, 0xFFF0FFF0, 0x0FFF0FFF)),
        (control.enable, 1, (0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)),
        (control.enable, 3, (0, 0xFFFFFFFF, 0xFFFFFFFF, 0x0FFF0FFF, 0)),
        (control.post_processing, 0, (0x22000, 0x24000, 0x24000, 0x22000, 0x1000)),
        (control.post_processing, 1, (0x22000, 0x24000, 0x24000, 0x22000, 0)),
    ],
)
def test_mnist_by_quadrant(mnist, function, quadrant, wanted):
    assert words(mnist, function, quadrant) == list(wanted)


def test_sequences(mnist):
    init = [write.value for write in sequences.init(mnist)]
    assert init == [0, *[0x00100008, 0x40E, 4] * 4]
    start = [write.value for write in sequences.start(mnist)]
    assert start == [0x00100808, *[0x00100809] * 3, 0x00100009]
    assert [write.address for write in sequences.start(mnist)] == [
        0x50100000, 0x50500000, 0x50900000, 0x50D00000, 0x50100000,
    ]  # fmt: skip
    assert not any(write.value & 0x1001 for write in sequences.acknowledge(mnist))


def test_keyword_spotting():
    """One-dimensional, two passes in and out, kernels of 1, 3 and 6 elements, flatten."""
    shifts = (-2, -1, 0, -1, -1, -1, 0, -1, 0)
    plan = map_network(with_shifts(zoo.keywords(), shifts))
    starts = [layer.kernels.start_word for layer in plan.layers]
    assert starts == [0, 24, 88, 132, 148, 172, 204, 276, 364]
    assert words(plan, geometry.row_count) == [
        0x7F, 0x7F, 0x1007F, 0x3E, 0x1003E, 0x1D, 0x1001D, 0x1000F, 0,
    ]  # fmt: skip
    assert words(plan, geometry.one_dimensional) == [
        0x1100, 0x1300, 0x1300, 0x1300, 0x1300, 0x1300, 0x1300, 0x1600, 0x100,
    ]  # fmt: skip
    assert words(plan, geometry.pool_row_count) == [0, 0, 1, 0, 1, 0, 1, 1, 0]
    assert words(plan, geometry.stride) == [0, 0, 1, 0, 1, 0, 1, 1, 0]
    assert words(plan, control.layer_control_0, 0) == [
        0xEB20, 0xEB20, 0x6BA0, 0xEB20, 0x6BA0, 0xEB20, 0x6AA0, 0xEBA0, 0x1E920,
    ]  # fmt: skip
    assert words(plan, control.mask_count) == [
        0x678, 0x2400838, 0x8400C38, 0xC600DD8, 0xDE00FD8, 0x10201318, 0x13201998, 0xCF010E8,
        0x666068F8,
    ]  # fmt: skip
    assert words(plan, control.layer_control_1) == [
        0x19811, 0x17811, 0x1F801, 0x17800, 0x1F800, 0x17810, 0x19811, 0x1F801, 0xA003,
    ]  # fmt: skip
    assert words(plan, control.post_processing, 0) == [
        0x24000, 0x22000, 0, 0x22000, 0x22000, 0x22000, 0, 0x22000, 0,
    ]  # fmt: skip
    for function in (geometry.column_count, geometry.pool_column_count, geometry.tram_pointer):
        assert words(plan, function) == [0] * 9


@pytest.mark.parametrize(
    ("weight_bits", "mask_count", "layer_control", "post"),
    [
        (8, 0x20, 0x2000, 0),
        (4, 0x10, 0x1000, 0xC08000),
        (2, 8, 0x800, 0x80C000),
        (1, 4, 0x400, 0x40E000),
    ],
)
def test_narrow_weights(weight_bits, mask_count, layer_control, post):
    """Five outputs; the shift contains what narrow weights lack of eight bits."""
    shift = 8 - weight_bits
    plan = map_network(build((1, 4, 4), [conv(5, 3, weight_bits=weight_bits, shift=shift)]))
    assert words(plan, control.mask_count) == [mask_count]
    assert words(plan, control.layer_control_1) == [layer_control]
    assert words(plan, control.post_processing, 0) == [post]


def test_output_without_own_processors_in_the_leading_quadrant_is_summed_from_the_others():
    network = build((48, 4, 4), [conv(16, 3, activation=zoo.RELU, pool=max_pool(2))])
    regions = [region("x", ones(32, 63), 0), region("y0", ones(0, 15), 0)]
    plan = hand_made(network, regions, (0,))
    assert words(plan, control.layer_control_0, 0) == [0xCBA0]


def test_kernels_that_do_not_start_at_a_kernel_boundary():
    """K = 5, first word 4: 36 bytes are 7 kernels and one byte."""
    network = build((2, 8, 1), [conv1d(3, 5)])
    plan = hand_made(network, [region("x", 3, 0), region("y0", 7, 0)], (4,))
    assert words(plan, geometry.one_dimensional) == [0x1510]
    assert words(plan, control.mask_count) == [56 << 16 | 72]


def test_long_flatten():
    """12 channels of 8 x 8: 64 passes."""
    plan = map_network(build((12, 8, 8), [linear(2, flatten=True)]))
    assert words(plan, control.layer_control_1) == [8 << 8 | 0xF]
    assert words(plan, control.post_processing, 0)[0] & 0x83C0000 == 0x8000000 | 3 << 18
    assert words(plan, geometry.tram_pointer) == [63 << 16 | 127]


def test_pass_through_writes_from_each_quadrant():
    plan = map_network(build((40, 4, 4), [passthrough(max_pool(2))]))
    target = plan.layers[0].output
    assert target.processors == 0xFFFFFFFFFF
    word = target.offset_bytes // 4
    assert words(plan, pointers.write_pointer_base, 0) == [word]
    assert words(plan, pointers.write_pointer_base, 1) == [4 << 13 | word]
    assert words(plan, control.enable, 2) == [0xFF]
    assert words(plan, geometry.one_dimensional) == [0x103]
    assert words(plan, control.post_processing, 0) == [3 << 24]
    assert words(plan, pointers.write_pointer_time_slot_offset) == [0x2000]
    assert words(plan, pointers.write_pointer_mask_offset) == [0]
    assert words(plan, control.mask_count) == [0]


def test_field_out_of_range_is_an_error():
    network = build((1, 4, 4), [conv(1, 1, shift=0)])
    network = replace(network, layers=(replace(network.layers[0], shift=-16),))
    plan = hand_made(network, [region("x", 1, 0), region("y0", 1, 64)], (0,))
    with pytest.raises(ValueError, match="scale_reg = 16"):
        words(plan, control.post_processing, 0)
    assert reg.PostProcessing.bit_fields()["scale_reg"].maximum == 15
