"""Which layers stream, what they compute then, and when they cannot."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.ir.plan import BiasSlot, DataOrder, Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from tests.builders import build, conv, conv1d, linear, max_pool, passthrough

RELU = Activation.RELU
LARGE = (3, 120, 120)
"""14,400 pixels: more than the 8,192 words of a data memory."""


def large(*layers) -> QuantNetwork:
    return build(LARGE, [*layers, conv(2, 3, pool=max_pool(8))])


def findings(network: QuantNetwork, **options) -> dict[str, str]:
    with pytest.raises(ModelError) as caught:
        map_network(network, MapOptions(**options))
    found: dict[str, str] = {}
    for d in caught.value.diagnostics:
        found[d.code] = found.get(d.code, "") + f"{d.where}: {d.what} {d.why}\n"
    return found


# --- which layers stream ------------------------------------------------------------------------


def test_nothing_streams_that_fits():
    plan = map_network(build((3, 60, 60), [conv(4, 3, 1), conv(2, 3, pool=max_pool(8))]))
    assert (plan.fifo, plan.streams, plan.realization) == (False, 0, None)


def test_as_few_layers_stream_as_possible():
    """The outputs of the first two layers are too large, that of the third is pooled."""
    plan = map_network(
        large(conv(4, 3, 1), conv(5, 3, 1), conv(6, 3, 1, pool=max_pool(2)), conv(7, 3, 1))
    )
    assert (plan.fifo, plan.streams) == (True, 3)
    assert plan.cycles > sum(layer.cycles for layer in plan.layers)  # the host delivers more slowly


def test_more_layers_stream_when_the_last_one_would_have_no_padding():
    plan = map_network(
        large(conv(4, 3, 1), conv(5, 3, 0, pool=max_pool(2)), conv(6, 3, 1), conv(7, 3, 1))
    )
    assert plan.streams == 3


def test_layers_can_be_told_to_stream_and_not_to():
    network = build((3, 24, 24), [conv(4, 3, 1), conv(5, 3, 1), conv(2, 3, pool=max_pool(8))])
    assert map_network(network, MapOptions(streams=1)).streams == 1
    assert map_network(network, MapOptions(streams=2)).streams == 2
    assert set(findings(large(conv(4, 3, 1)), streams=0)) == {"MX4012"}


def test_a_plan_with_rings_in_words(golden):
    layers = [conv(8, 3, 1, bias=True, activation=RELU), conv(5, 1, pool=max_pool(2))]
    golden("plan_streaming.txt", map_network(large(*layers)).to_text())


# --- what they compute --------------------------------------------------------------------------


def test_kernels_of_one_pixel_in_a_stream_and_behind_it_become_the_centre_of_larger_ones():
    network = large(conv(4, 1), conv(5, 1, pool=max_pool(2)), conv(6, 1), conv(7, 1))
    plan = map_network(network)
    assert plan.streams == 2
    kernels = [layer.spec.kernel for layer in plan.hardware.layers]
    assert kernels == [(3, 3), (3, 3), (3, 3), (1, 1), (3, 3)]
    for one, other in zip(network.layers[:3], plan.hardware.layers, strict=False):
        assert other.spec.pad == (1, 1)
        assert other.spec.out_shape == one.spec.out_shape
        weight = other.weight.array
        assert np.array_equal(weight[:, :, 1:2, 1:2], one.weight.array)
        assert np.count_nonzero(weight) == np.count_nonzero(one.weight.array)


def with_biases(network: QuantNetwork, *biases: list[int]) -> QuantNetwork:
    layers = list(network.layers)
    for index, bias in enumerate(biases):
        layers[index] = replace(layers[index], bias=Tensor(np.array(bias, np.int8)), shift=0)
    return replace(network, layers=tuple(layers))


def test_a_bias_of_the_first_layer_becomes_a_constant_channel_of_the_input():
    """The host writes -128; times a weight of -5 that is a bias of 5, which counts 640."""
    network = with_biases(large(conv(2, 3, 1, pool=max_pool(2))), [5, -127])
    plan = map_network(network, MapOptions(streams=1))
    first = plan.hardware.layers[0]
    assert (plan.input_fill, plan.input.processors) == (-128, 0b1111)
    assert first.bias is None
    assert first.weight.array[:, 3, 1, 1].tolist() == [-5, 127]
    assert np.count_nonzero(first.weight.array[:, 3]) == 2
    assert np.array_equal(first.weight.array[:, :3], network.layers[0].weight.array)
    assert plan.network is network


def test_biases_behind_the_first_layer_take_a_constant_channel_of_its_output():
    """ReLU leaves 64 = 64 * 128 / 128 of -128 times -64; 64 times 2 b stands for a bias of b."""
    network = with_biases(
        large(conv(2, 3, 1, activation=RELU), conv(3, 3, 1, pool=max_pool(2))), [0, 9], [1, 0, -64]
    )
    plan = map_network(network)
    one, two = plan.hardware.layers[:2]
    assert plan.input_fill == -128
    assert one.weight.array[:, 3, 1, 1].tolist() == [0, -9, -64]
    assert two.weight.array[:, 2, 1, 1].tolist() == [2, 0, -128]
    assert plan.hardware.value("y0").shape == (3, 120, 120)


def test_the_largest_bias_takes_two_constant_channels():
    network = with_biases(large(conv(2, 3, 1, pool=max_pool(2))), [-128, 1])
    plan = map_network(network, MapOptions(streams=1))
    weights = plan.hardware.layers[0].weight.array[:, 3:, 1, 1].astype(int)
    assert (weights * plan.input_fill).sum(axis=1).tolist() == [-128 * 128, 128]


def test_constant_channels_leave_the_other_fifos_alone_if_they_can():
    """With a shift of -3, one constant channel of -128 makes 16 at most: eight would make 127."""
    network = with_biases(large(conv(2, 3, 1), conv(3, 3, 1, pool=max_pool(2))), [0, 0], [7, 0, 0])
    layers = (replace(network.layers[0], shift=-3), *network.layers[1:])
    plan = map_network(replace(network, layers=layers))
    assert plan.input.quadrants == (0,)
    weights = plan.hardware.layers[1].weight.array[:, 2:, 1, 1].astype(int)
    assert abs(weights[0].sum()) * 16 == 7 * 128


def test_a_copy_ends_a_stream_whose_last_layer_would_have_no_padding():
    network = build((3, 120, 120), [conv(4, 3, 0), conv(5, 3, 0, pool=max_pool(4))])
    plan = map_network(network)
    assert [layer.name for layer in plan.network.layers] == ["layer0", "layer1", "layer1 (copy)"]
    assert plan.streams == 3
    assert plan.hardware.layers[2].spec.pad == (1, 1)


def test_a_copy_lies_between_a_stream_and_a_linear_layer():
    network = build((3, 32, 32), [conv(4, 3, 1, pool=max_pool(4)), linear(3, flatten=True)])
    plan = map_network(network, MapOptions(streams=1))
    assert [layer.name for layer in plan.network.layers] == ["layer0", "layer0 (copy)", "layer1"]
    assert plan.streams == 1
    assert plan.hardware.layers[1].spec.kernel == (3, 3)


# --- when they cannot ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "code", "text"),
    [
        (large(conv(4, 3, 1), passthrough(max_pool(2))), "MX4031", "layer1"),
        (build((20, 120, 120), [conv(4, 3, 1), conv(2, 3, 1, pool=max_pool(4))]), "MX4033",
         "has 20 channels, 4 more"),
        (large(conv(4, 3, 2, bias=True), conv(5, 3, 1, pool=max_pool(2))), "MX4034",
         "layer0: to stream the layers whose data exceed the data memories"),
        (large(conv(4, 3, 1, weight_bits=1, bias=True), conv(5, 3, 1, pool=max_pool(2))), "MX4034",
         "1-bit weights"),
        (build((3, 16, 1000), [conv(4, 3, 1), conv(5, 3, 1, pool=max_pool(5, stride=6))]), "MX4032",
         "words from row to row"),
        (build((3, 12, 1000), [conv(64, 3, 1)] * 4 + [conv(2, 3, 1, pool=max_pool(2))]), "MX4032",
         "row cache"),
        (large(*[conv(2, 3, 1)] * 9), "MX4032", "layer8: to stream"),
        (build((3, 700, 700), [conv(4, 3, 1, pool=max_pool(16))]), "MX4032", "490,000 words"),
    ],
)  # fmt: skip
def test_refusals_say_what_is_in_the_way(network, code, text):
    found = findings(network)
    assert set(found) & {"MX4011", "MX4012"}
    assert text in found[code]


def test_what_another_layer_reads_as_a_whole_does_not_stream():
    network = build(LARGE, [conv(4, 3, 1), conv(5, 3, 1), conv(2, 3, pool=max_pool(8))],
                    outputs=("y0", "y2"))  # fmt: skip
    assert "y0 is needed as a whole" in findings(network)["MX4031"]


def test_one_dimensional_layers_do_not_stream():
    network = build((1000, 1000, 1), [conv1d(8, 3, 1)])
    assert "layer0" in findings(network)["MX4031"]


@pytest.mark.parametrize("streams", [3, 9])
def test_more_layers_than_there_are_do_not_stream(streams):
    network = build((3, 8, 8), [conv(4, 3, 1)] * 2)
    with pytest.raises(ModelError):
        map_network(network, MapOptions(streams=streams))


def test_an_input_that_no_fifo_carries():
    network = build((5, 10, 10), [conv(4, 3, 1)])
    found = findings(network, fifo=True, input_order=DataOrder.CHW)
    assert "5 channels, 1 more" in found["MX4033"]
    network = build((3, 128, 128), [conv(4, 3, 1, pool=max_pool(2))])
    found = findings(network, fifo=True, input_order=DataOrder.HWC)
    assert "its start after 32,768 words" in found["MX4032"]


# --- the verifier -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plan() -> Plan:
    plan = map_network(
        large(conv(4, 3, 1), conv(5, 3, 1, pool=max_pool(2)), conv(6, 3, 1), conv(7, 3, 1))
    )
    assert plan.streams == 2
    assert verify_plan(plan) == ()
    return plan


def changed(plan: Plan, index: int, **values) -> Plan:
    layers = list(plan.layers)
    layers[index] = replace(layers[index], **values)
    return replace(plan, layers=tuple(layers))


def moved(plan: Plan, value: str, offset_bytes: int) -> Plan:
    """The plan with a tensor that begins somewhere else."""

    def move(region):
        return replace(region, offset_bytes=offset_bytes) if region.value == value else region

    layers = tuple(
        replace(layer, inputs=tuple(map(move, layer.inputs)), output=move(layer.output))
        for layer in plan.layers
    )
    return replace(plan, layers=layers, input=move(plan.input), outputs=plan.outputs)


def codes(plan: Plan) -> set[str]:
    return {finding.code for finding in verify_plan(plan)}


def test_the_verifier_finds_rings_that_are_too_small_or_meet(plan):
    ring = plan.layers[1].ring_words
    assert "MX4151" in codes(changed(plan, 1, ring_words=ring - 1))
    assert "MX4151" in codes(moved(plan, "y0", 4 * (8192 - ring)))
    assert codes(moved(plan, "y0", 4 * (8191 - ring))) == set()
    source, target = plan.layers[1].inputs[0], plan.layers[1].output
    if source.processors & target.processors:
        assert "MX4113" in codes(moved(plan, "y0", target.offset_bytes))
    assert "MX4113" in codes(moved(plan, "y0", plan.input.offset_bytes))


def test_the_verifier_finds_streams_with_gaps_or_without_fifos(plan):
    assert "MX4141" in codes(replace(plan, fifo=False))
    assert "MX4141" in codes(changed(plan, 0, ring_words=0))
    assert "MX4141" in codes(changed(plan, 3, ring_words=40))


def test_the_verifier_finds_biases_in_streams_and_inputs_out_of_reach(plan):
    bias = BiasSlot(quadrant=0, start_byte=0, length_bytes=4)
    assert "MX4146" in codes(changed(plan, 0, bias=bias))
    shifted = replace(plan.input, processors=plan.input.processors << 4)
    layers = (replace(plan.layers[0], inputs=(shifted,)), *plan.layers[1:])
    assert "MX4142" in codes(replace(plan, input=shifted, layers=layers))


def test_the_verifier_finds_a_realization_of_another_network(plan):
    other = map_network(large(conv(4, 3, 1), conv(5, 3, 1, pool=max_pool(2)))).network
    assert "MX4152" in codes(replace(plan, realization=other))


def test_the_verifier_knows_where_a_stream_may_end(plan):
    first, second, *rest = plan.network.layers
    bare = replace(second, spec=replace(second.spec, pad=(0, 1)))
    network = replace(plan.network, layers=(first, bare, *rest))
    assert "MX4147" in codes(replace(plan, network=network))


def test_kernels_that_do_not_fit_are_the_only_finding_where_layers_could_stream():
    """Streaming would help the data; the message is about what it cannot help."""
    network = large(conv(8, 3, 1), *[conv(64, 3, 1, pool=max_pool(2))], *[conv(64, 3, 1)] * 12)
    assert set(findings(network)) == {"MX4007"}


def test_streaming_is_not_tried_for_kernels():
    """Each 16-channel layer fills two thirds of its 16 kernel memories; a fifth does not fit."""
    network = build((16, 4, 4), [conv(512, 3, 1), conv(16, 1)] * 5)
    start = time.process_time()
    assert set(findings(network)) == {"MX4010"}
    assert time.process_time() - start < 5
