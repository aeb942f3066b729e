"""The mapping: what must fit fits, in the best known number of cycles, always in the same way."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from mxdeploy.chip.max78000 import layouts
from mxdeploy.errors import ModelError
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from tests import branches, zoo
from tests.builders import build, conv, conv1d, linear, max_pool, passthrough, quant_networks
from tests.fuzz.models import quantized
from tests.fuzz.recipe import Recipe, Step


@pytest.mark.parametrize(
    ("network", "best_known"),
    [
        # Cycles of hand-made placements, measured on silicon within 0.1 % where measured.
        (zoo.cifar10, 228_217),
        (zoo.mnist, 70_157),
        (zoo.keywords, 71_782),
        (zoo.autoencoder, 3_415),
        (lambda: branches.camvid(48), 1_408_913),
        (branches.detector, 702_877),
    ],
)
def test_well_known_networks_are_as_fast_as_placed_by_hand(network, best_known):
    plan = map_network(network())
    assert plan.cycles <= best_known
    assert plan.cycles == 1 + sum(layer.cycles for layer in plan.layers)


def test_cifar10_takes_little_time():
    network = zoo.cifar10()
    start = time.process_time()
    map_network(network)
    assert time.process_time() - start < 0.3


def crowded_kernels() -> QuantNetwork:
    """Six layers that fill two thirds of the kernel memories of 12 processors: five would fit."""
    return build((12, 4, 4), [layer for _ in range(6) for layer in (conv(512, 3, 1), conv(12, 1))])


def crowded_data() -> QuantNetwork:
    """A sum of maps of 117 x 103 beside others: pair by pair they fit, together they do not."""
    steps = [
        Step("split", 0, 0, (23, 23, 23, 5, 24)), Step("relu", 2), Step("add", 0, 0),
        Step("relu"), Step("add", 1, 1), Step("average", 0, 5, (9, 26, 18, 32, 13)),
        Step("transposed", 0, 4, (33, 32, 34, 27, 17)), Step("conv", 0, 4, (28, 29, 41, 37, 39)),
        Step("add", 0, 4), Step("norm"), Step("relu", 3), Step("concat", 2, 4),
        Step("enlarge", 0, 5, (1, 38, 30, 40, 31)),
    ]  # fmt: skip
    return quantized(Recipe(shape=(3, 64, 58), steps=tuple(steps)))


@pytest.mark.parametrize("network", [crowded_kernels, crowded_data])
def test_a_refusal_takes_little_time(network):
    crowded = network()
    start = time.process_time()
    with pytest.raises(ModelError, match=r"MX4010|MX4014"):
        map_network(crowded)
    assert time.process_time() - start < 2.0


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(network=quant_networks())
def test_random_networks_fit_soundly_and_always_in_the_same_way(network):
    plan = map_network(network)
    assert verify_plan(plan) == ()
    assert map_network(network).to_text() == plan.to_text()


def test_plan_text(golden):
    golden("plan_small.txt", map_network(zoo.small()).to_text())


def test_a_network_in_one_quadrant_uses_one_quadrant():
    assert map_network(zoo.tiny()).quadrants == (0,)


def wide_and_narrow(repeats: int):
    """16 -> 512 -> 16 -> …: each 16-channel layer fills two thirds of its 16 kernel memories."""
    return build((16, 4, 4), [conv(512, 3, 1), conv(16, 1)] * repeats)


def test_narrow_tensors_are_spread_over_the_processors():
    """All on the same 16 processors would take 2048 + 62 of 768 words."""
    plan = map_network(wide_and_narrow(4))
    narrow = [layer.inputs[0].processors for layer in plan.layers[::2]]
    assert sorted(narrow) == [0xFFFF << 16 * q for q in range(4)]
    assert verify_plan(plan) == ()


def test_fifth_narrow_layer_does_not_fit_and_the_message_says_what_is_in_the_way():
    with pytest.raises(ModelError) as caught:
        map_network(wide_and_narrow(5))
    (finding,) = caught.value.diagnostics
    assert finding.code == "MX4010"
    assert "of 442,368 bytes" in finding.what
    assert "layer0 (73,728)" in finding.what


def test_large_tensors_go_to_different_data_memories():
    """Two tensors of 6,400 words cannot share a memory of 8,192 words."""
    plan = map_network(build((4, 80, 80), [conv(12, 1), conv(8, 1), conv(20, 1)]))
    for layer in plan.layers:
        read, written = layer.inputs[0].processors, layer.output.processors
        memories = [{p // 4 for p in layouts.processor_list(mask)} for mask in (read, written)]
        assert not memories[0] & memories[1]


def test_input_is_in_hwc_order_where_it_fits_and_in_chw_order_where_it_does_not():
    small = build((3, 90, 90), [conv(4, 3, pool=max_pool(2))])
    large = build((3, 100, 100), [conv(4, 3, pool=max_pool(2))])
    assert map_network(small).input.order is DataOrder.HWC
    plan = map_network(large)
    assert plan.input.order is DataOrder.CHW
    assert all(p % 4 == 0 for p in layouts.processor_list(plan.input.processors))


def test_order_of_the_input_can_be_chosen():
    plan = map_network(zoo.mnist(), MapOptions(input_order=DataOrder.CHW))
    assert plan.input.order is DataOrder.CHW
    assert verify_plan(plan) == ()


def test_order_of_the_input_that_is_not_possible():
    network = build((17, 4, 4), [conv(3, 1)])
    with pytest.raises(ModelError) as caught:
        map_network(network, MapOptions(input_order=DataOrder.CHW))
    assert [d.code for d in caught.value.diagnostics] == ["MX4019"]


def test_one_dimensional_and_two_dimensional_views_of_the_same_pixels():
    """A tensor may be read with other rows and columns, not with other channels."""
    layers = [conv1d(4, 4), conv(6, 3, 1, view=(3, 2)), linear(3, flatten=True)]
    plan = map_network(build((8, 9, 1), layers))
    assert plan.layers[2].in_passes == 6
    network = plan.network
    wrong = replace(network.layers[1].spec, in_channels=2, in_size=(6, 2))
    with pytest.raises(ModelError) as caught:
        map_network(
            _with_layers(network, (network.layers[0], replace(network.layers[1], spec=wrong)))
        )
    assert "MX4004" in {d.code for d in caught.value.diagnostics}


def test_outputs_in_the_middle_survive_to_the_end():
    network = build((4, 40, 40), [conv(4, 1)] * 6, outputs=("y1", "y5"))
    plan = map_network(network)
    assert [region.value for region in plan.outputs] == ["y1", "y5"]
    kept = plan.outputs[0]
    later = [layer.output for layer in plan.layers[2:]]
    for region in later:
        apart = abs(region.offset_bytes - kept.offset_bytes) >= 4 * 1600
        elsewhere = not region.processors & kept.processors
        assert apart or elsewhere


def test_flatten_layers_have_the_first_bias_addresses():
    layers = [conv(12, 1, bias=True), linear(5, flatten=True, bias=True)]
    plan = map_network(build((4, 2, 2), layers))
    assert plan.layers[1].bias.start_byte == 0
    assert plan.layers[0].bias.start_byte == 5


def test_biases_of_zero_take_no_memory():
    network = build((4, 2, 2), [conv(40, 1)])
    assert map_network(network).layers[0].bias is None


# --- what does not fit --------------------------------------------------------------------------


def findings_of(network) -> dict[str, str]:
    with pytest.raises(ModelError) as caught:
        map_network(network)
    assert caught.value.exit_code == 3
    assert all(d.why and d.fix for d in caught.value.diagnostics)
    return {d.code: f"{d.where}: {d.what}" for d in caught.value.diagnostics}


def test_too_many_weights_says_needed_available_and_largest_layers():
    found = findings_of(build((64, 4, 4), [conv(256, 3, 1), conv(256, 3, 1), conv(64, 3, 1)]))
    # 64 processors * (256 + 1024 + 256 words) * 9 bytes
    assert "kernels take 884,736 bytes, 442,368 more than the 442,368 bytes" in found["MX4007"]
    assert "layer1 (589,824), layer0 (147,456), layer2 (147,456)" in found["MX4007"]
    assert "layer1: kernels take 1024 words on each of its 64 input processors" in found["MX4008"]


def test_too_many_weights_says_which_layers_to_narrow():
    def advice(*channels: int) -> str:
        with pytest.raises(ModelError) as caught:
            map_network(build((64, 4, 4), [conv(count, 3, 1) for count in channels]))
        return next(d.fix for d in caught.value.diagnostics if d.code == "MX4007")

    assert "4-bit weights in layer1 would be enough (about 442,368 bytes)" in advice(256, 128, 128)
    # Half of 64 * (256 + 1024 + 256) * 9 bytes fits exactly.
    assert "4-bit weights in layer1, layer0, layer2 would be enough" in advice(256, 256, 64)
    assert "4-bit weights in all layers would still take 1,474,560 bytes" in advice(512, 512, 64)


def test_layer_that_is_too_narrow_for_its_weights():
    found = findings_of(build((3, 4, 4), [conv(1000, 3, 1)]))
    # 16 passes of 64 output slots
    assert "kernels take 1024 words on each of its 3 input processors, 256 more" in found["MX4008"]


def test_layers_that_share_the_middle_processors():
    layers = [conv(40, 3, 1, activation=Activation.RELU)] * 25
    found = findings_of(build((40, 4, 4), layers))
    assert (
        "the 25 layers with more than 32 input channels per pass take 1000 words"
        in (found["MX4009"])
    )


def test_no_layers():
    network = build((1, 2, 2), [conv(1, 1)])
    assert set(findings_of(replace(network, layers=(), outputs=("x",)))) == {"MX4020"}


def test_too_many_layers():
    found = findings_of(build((1, 2, 2), [conv(1, 1)] * 40))
    assert "40 hardware layers, 8 more than there are" in found["MX4003"]


def test_input_that_needs_streaming_says_so_with_sizes():
    found = findings_of(build((3, 200, 200), [passthrough(max_pool(4)), conv(4, 3)]))
    large = "3 x 200 x 200 values takes 160,000 bytes of a data memory in HWC order; there are"
    assert large in found["MX4011"]
    assert "layer0: " in found["MX4031"]
    found = findings_of(build((4, 200, 200), [conv(4, 3, 1, weight_bits=1, bias=True)]))
    assert "40,000 bytes in CHW order; there are 32,768" in found["MX4011"]


def test_every_tensor_that_is_too_large_is_found_in_one_run():
    with pytest.raises(ModelError) as caught:
        map_network(build((3, 100, 100), [conv(32, 3, 1), conv(32, 3, 1)]))
    assert [(d.code, d.where) for d in caught.value.diagnostics] == [
        ("MX4012", "layer0"),
        ("MX4012", "layer1"),
        ("MX4031", "layer1"),
    ]
    assert "40,000 bytes of a data memory, 7,232 more than there are" in str(caught.value)


def test_wide_input_and_output_that_must_share_memories():
    """The host still reads the input of the second layer: it must not be written over."""
    network = build((60, 70, 70), [conv(60, 1), conv(60, 1), conv(30, 1)], outputs=("y0", "y2"))
    found = findings_of(network)
    assert "its input (19,600 bytes) and its output (19,600 bytes) must share" in found["MX4013"]


def test_layers_write_over_their_input_only_when_they_must():
    """Two tensors of 60 channels and 4,900 words do not fit side by side."""
    roomy = map_network(build((60, 60, 60), [conv(60, 1)] * 3))
    tight = map_network(build((60, 70, 70), [conv(60, 1)] * 3))
    offsets = [{layer.inputs[0].offset_bytes for layer in plan.layers} for plan in (roomy, tight)]
    assert len(offsets[0]) == 2
    assert len(offsets[1]) == 1


def test_tensors_kept_for_the_host_can_be_in_the_way():
    """Each takes most of six data memories; three are alive in the last layer."""
    drafts = [conv(24, 1)] * 3
    network = build((4, 80, 80), drafts, outputs=("y0", "y1", "y2"))
    found = findings_of(network)
    assert "layer1: 25,600 + 25,600 bytes" in found["MX4014"]
    assert map_network(replace(network, outputs=("y2",))).cycles


def test_more_biases_than_fit():
    layers = [linear(512, bias=True)] * 5
    found = findings_of(build((8, 1, 1), layers))
    assert "2560 biases do not fit in 4 bias memories (2048 bytes together)" in found["MX4017"]
    found = findings_of(build((8, 1, 1), [linear(600, bias=True)]))
    assert "600 biases, 88 more than fit" in found["MX4016"]


def test_wide_pooling_alone_must_end_in_one_pixel():
    found = findings_of(build((65, 4, 4), [passthrough(max_pool(2))]))
    assert "layer0: pools 65 channels to 2 x 2" in found["MX4006"]


def _with_layers(network, layers):
    return replace(network, layers=tuple(layers))
