"""Each rule of the verifier, by name, with a plan that breaks it and as little else as possible.

That every change which matters is noticed is tested in ``test_changed_plans``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, LayerPlan, Plan, Region, RegionPart
from mxdeploy.ops.layer import EltwiseFunction
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from tests import branches, zoo
from tests.branches import Branches
from tests.builders import build, conv, linear, passthrough
from tests.fuzz.mutations import rejoined, with_layer, with_regions
from tests.fuzz.plans import answer, differs


@cache
def sound(number: int) -> tuple[Plan, bytes]:
    """A plan and what its program answers."""
    plan = map_network((zoo.small, zoo.tiny)[number]())
    return plan, answer(plan)


def codes(plan: Plan) -> set[str]:
    return {finding.code for finding in verify_plan(plan)}


def _small() -> Plan:
    return sound(0)[0]


def _moved(plan: Plan, value: str, **changes: object) -> Plan:
    """The plan with a tensor's region changed everywhere."""

    def moved(region: Region) -> Region:
        return replace(region, **changes) if region.value == value else region

    return with_regions(plan, moved, moved)


def _with_layer(plan: Plan, index: int, layer: LayerPlan) -> Plan:
    return replace(plan, layers=(*plan.layers[:index], layer, *plan.layers[index + 1 :]))


def test_missing_layer():
    assert codes(replace(_small(), layers=_small().layers[:-1])) == {"MX4101"}


def test_layers_in_another_order():
    assert codes(replace(_small(), layers=_small().layers[::-1])) == {"MX4102"}


def test_output_that_is_not_the_networks():
    plan = replace(_small(), outputs=(_small().layers[0].output,))
    assert codes(plan) == {"MX4103"}


def test_too_few_processors():
    assert codes(_moved(_small(), "y0", processors=0x7F)) == {"MX4104"}


def test_chw_behind_the_first_layer():
    assert codes(_moved(_small(), "y2", order=DataOrder.CHW)) == {"MX4105"}


def test_odd_offset():
    assert codes(_moved(_small(), "x", offset_bytes=2)) == {"MX4106"}


def test_end_of_the_data_memory():
    assert codes(_moved(_small(), "x", offset_bytes=32768 - 4 * 63)) == {"MX4106"}
    assert codes(_moved(_small(), "x", offset_bytes=32768 - 4 * 64)) == set()


def test_quadrant_that_is_not_switched_on():
    assert codes(replace(_small(), quadrants=(0, 1))) == {"MX4107"}


def test_quadrant_zero_always_leads():
    plan = _moved(_moved(sound(1)[0], "x", processors=0x30000), "y0", processors=0xF0000)
    plan = _moved(plan, "y1", processors=0x70000)
    plan = _with_layer(
        plan, 0, replace(plan.layers[0], bias=replace(plan.layers[0].bias, quadrant=1))
    )
    assert codes(replace(plan, quadrants=(0, 1))) == set()
    assert codes(replace(plan, quadrants=(1,))) == {"MX4107"}


def test_pass_through_to_other_processors():
    plan, wanted = sound(0)
    elsewhere_in_the_quadrant = _moved(plan, "y1", processors=0xF0F000)
    assert codes(elsewhere_in_the_quadrant) == set()
    assert not differs(elsewhere_in_the_quadrant, wanted)
    assert "MX4108" in codes(_moved(plan, "y1", processors=0xFF0000))
    assert "MX4108" in codes(_moved(plan, "y1", processors=0xFF << 2))


def test_output_that_does_not_start_at_a_multiple_of_four():
    assert "MX4109" in codes(_moved(_small(), "y3", processors=0xFFFFF << 1))


def test_output_with_a_hole():
    assert "MX4109" in codes(_moved(_small(), "y3", processors=0x1FFFFF ^ 0x10))


def test_reading_somewhere_else():
    plan = _small()
    moved = replace(
        plan.layers[2].inputs[0], offset_bytes=plan.layers[2].inputs[0].offset_bytes + 4
    )
    assert "MX4110" in codes(_with_layer(plan, 2, replace(plan.layers[2], inputs=(moved,))))


def test_host_reading_somewhere_else():
    plan = _small()
    moved = replace(plan.outputs[0], offset_bytes=plan.outputs[0].offset_bytes + 16)
    assert codes(replace(plan, outputs=(moved,))) == {"MX4111"}


def test_wrong_passes():
    plan = _small()
    assert codes(_with_layer(plan, 2, replace(plan.layers[2], out_passes=1))) >= {"MX4112"}


def test_output_over_input():
    """The first layer, 3x3 with padding, may write where it reads, but not two words later."""
    plan, wanted = sound(0)
    start = plan.input.offset_bytes
    in_place = _moved(plan, "y0", offset_bytes=start)
    assert codes(in_place) == set()
    assert not differs(in_place, wanted)
    assert codes(_moved(plan, "y0", offset_bytes=start + 8)) == {"MX4130"}


def test_output_kept_for_the_host_is_not_overwritten():
    network = build((4, 20, 20), [conv(4, 1)] * 3, outputs=("y0", "y2"))
    plan = map_network(network)
    assert codes(plan) == set()
    kept = plan.outputs[0].offset_bytes
    assert codes(_moved(plan, "y2", offset_bytes=kept)) == {"MX4113"}


def test_missing_kernels():
    plan = _small()
    assert codes(_with_layer(plan, 0, replace(plan.layers[0], kernels=None))) == {"MX4114"}


def test_kernels_that_start_between_multiples_of_four():
    plan = _small()
    slot = KernelSlot(start_word=401, words=plan.layers[0].kernels.words)
    assert codes(_with_layer(plan, 0, replace(plan.layers[0], kernels=slot))) == {"MX4115"}


def test_kernels_at_the_end_of_the_memory():
    plan = sound(1)[0]
    words = plan.layers[0].kernels.words
    assert words == 4
    last = replace(plan.layers[0], kernels=KernelSlot(start_word=764, words=words))
    beyond = replace(plan.layers[0], kernels=KernelSlot(start_word=768, words=words))
    assert codes(_with_layer(plan, 0, last)) == set()
    assert codes(_with_layer(plan, 0, beyond)) == {"MX4115"}


def test_kernels_over_kernels():
    plan = _small()
    slot = replace(plan.layers[5].kernels, start_word=plan.layers[4].kernels.start_word)
    assert codes(_with_layer(plan, 5, replace(plan.layers[5], kernels=slot))) == {"MX4116"}


def test_missing_bias():
    plan = _small()
    assert codes(_with_layer(plan, 0, replace(plan.layers[0], bias=None))) == {"MX4117"}


def test_bias_beyond_the_end():
    plan = _small()
    slot = replace(plan.layers[0].bias, start_byte=505)
    assert codes(_with_layer(plan, 0, replace(plan.layers[0], bias=slot))) == {"MX4118"}


def _two_biases() -> Plan:
    layers = [conv(12, 1, bias=True), linear(5, flatten=True, bias=True)]
    return map_network(build((4, 2, 2), layers))


def test_bias_over_bias():
    plan = _two_biases()
    slot = BiasSlot(quadrant=0, start_byte=4, length_bytes=12)
    assert codes(_with_layer(plan, 0, replace(plan.layers[0], bias=slot))) == {"MX4119"}


def test_flatten_layer_behind_another_bias():
    plan = _two_biases()
    slot = BiasSlot(quadrant=0, start_byte=100, length_bytes=5)
    assert codes(_with_layer(plan, 1, replace(plan.layers[1], bias=slot))) == {"MX4120"}


def test_cycles_that_do_not_add_up():
    assert codes(replace(_small(), cycles=1)) == {"MX4121"}


# --- what is read as one and was written as several ---------------------------------------------


def test_channels_read_as_pixels():
    network = build((4, 2, 2), [conv(4, 1)])
    spec = replace(network.layers[0].spec, in_channels=8, in_size=(2, 1))
    layer = replace(network.layers[0], spec=spec)
    plan = map_network(network)
    other = replace(network, layers=(layer,))
    assert codes(replace(plan, network=other)) == {"MX4122"}


def _residual() -> Plan:
    return map_network(branches.residual())


def _u_net() -> Plan:
    return map_network(branches.u_net())


def _wide_join() -> Plan:
    return map_network(branches.wide_join())


def test_branching_plans_are_sound():
    assert codes(_residual()) == codes(_u_net()) == codes(_wide_join()) == set()


def test_words_with_gaps_for_a_layer_of_one_operand():
    assert codes(_moved(_small(), "y0", gap=1)) == {"MX4123"}
    assert codes(_moved(_small(), "y4", pixel_words=1)) == set()
    assert "MX4123" in codes(_moved(_small(), "x", pixel_words=2))


def test_a_join_without_parts():
    plan = _u_net()
    join = plan.layers[3].inputs[0]
    assert codes(with_layer(plan, 3, inputs=(replace(join, parts=()),))) == {"MX4124"}
    nested = rejoined(join, (replace(join.parts[0], region=join), *join.parts[1:]))
    assert codes(with_layer(plan, 3, inputs=(nested,))) == {"MX4124"}


def test_steps_that_the_write_pointer_cannot_make():
    plan = _residual()
    for changes in ({"gap": 16}, {"pixel_words": 17}, {"gap": -1}, {"pixel_words": -2}):
        assert codes(_moved(plan, "y2", **changes)) == {"MX4125"}
    two_passes = map_network(build((3, 4, 4), [conv(70, 1)]))
    assert codes(_moved(two_passes, "y0", pixel_words=1)) == {"MX4125"}
    raw = map_network(build((3, 4, 4), [conv(7, 1, output_bits=32)]))
    assert codes(_moved(raw, "y0", gap=1)) == {"MX4125"}


def _with_join(plan: Plan, **changes: object) -> Plan:
    last = len(plan.layers) - 1
    return with_layer(plan, last, inputs=(replace(plan.layers[last].inputs[0], **changes),))


def test_a_join_that_is_not_where_its_parts_are():
    for plan in (_u_net(), _wide_join()):
        join = plan.layers[-1].inputs[0]
        for changes in (
            {"parts": join.parts[::-1]},
            {"parts": join.parts[1:]},
            {"parts": (RegionPart(region=join.parts[0].region, channels=1), *join.parts[1:])},
            {"processors": join.processors ^ 1},
            {"offset_bytes": join.offset_bytes + 4},
            {"offset_bytes": join.offset_bytes - 4},
            {"passes": join.passes + 1},
            {"gap": 1},
            {"order": DataOrder.CHW},
        ):
            assert codes(_with_join(plan, **changes)) - {"MX4112"} == {"MX4126"}, changes


def test_parts_that_share_words():
    plan = _u_net()
    mask = plan.layers[3].inputs[0].parts[0].region.processors
    shared = _moved(plan, "y2", processors=mask | mask << 1)
    assert codes(shared) == {"MX4126"}


def test_a_part_that_lies_in_another_pass():
    """It may, as long as no other part is there: the parts say where their channels are."""
    plan = _wide_join()
    regions = [part.region for part in plan.layers[-1].inputs[0].parts]
    passes = [(r.offset_bytes - regions[0].offset_bytes) // 4 for r in regions]
    assert passes == [0, 2, 3, 4]
    assert "MX4126" in codes(_moved(plan, "y3", offset_bytes=regions[2].offset_bytes))
    last = {"offset_bytes": regions[2].offset_bytes}
    swapped = _moved(_moved(plan, "y2", offset_bytes=regions[3].offset_bytes), "y3", **last)
    assert codes(swapped) == set()
    assert not differs(swapped, answer(plan))


def test_a_join_that_is_copied():
    graph = Branches((3, 4, 4))
    parts = [graph.layer("x", conv(4, 1)) for _ in range(2)]
    plan = map_network(graph.network(graph.layer(graph.join(*parts), conv(8, 1))))
    copy = replace(
        plan.network.layers[2],
        spec=build((8, 4, 4), [passthrough()]).layers[0].spec,
        weight=None,
        shift=0,
    )
    network = replace(plan.network, layers=(*plan.network.layers[:2], copy))
    copied = with_layer(replace(plan, network=network), 2, kernels=None)
    assert codes(copied) == {"MX4126"}


def test_operands_that_do_not_interleave():
    plan = _residual()
    first, second = plan.layers[4].inputs
    for changes in (
        {"offset_bytes": first.offset_bytes + 8},
        {"offset_bytes": first.offset_bytes},
        {"gap": 2},
        {"gap": 0},
        {"processors": first.processors << 4},
    ):
        assert codes(_moved(plan, second.value, **changes)) == {"MX4127"}, changes
    exchanged = _moved(plan, first.value, offset_bytes=second.offset_bytes)
    exchanged = _moved(exchanged, second.value, offset_bytes=first.offset_bytes)
    assert codes(exchanged) == {"MX4127"}


def test_a_copy_with_uneven_gaps():
    """Two passes that are copied into a join of three: the chip leaves the same gap everywhere."""
    graph = Branches((3, 4, 4))
    start = graph.layer("x", conv(66, 1))
    other = graph.layer("x", conv(64, 1))
    middle = graph.layer(start, conv(66, 1))
    network = graph.network(graph.layer(graph.join(middle, other), conv(2, 1)))
    plan = map_network(network)
    assert codes(plan) == set()
    spec = build((66, 4, 4), [passthrough()]).layers[0].spec
    copy = replace(network.layers[2], spec=spec, weight=None, shift=0)
    layers = (*network.layers[:2], copy, *network.layers[3:])
    copied = with_layer(replace(plan, network=replace(network, layers=layers)), 2, kernels=None)
    assert "MX4128" in codes(copied)


def test_row_cache_and_pass_counter_of_a_join():
    """Its passes can be more than its channels would need."""
    graph = Branches((3, 1, 200))
    parts = [graph.layer("x", conv(33, 1)) for _ in range(16)]
    plan = map_network(graph.network(graph.layer(graph.join(*parts), conv(2, 1))))
    assert codes(plan) == set()
    layer = plan.network.layers[-1]
    wide = build((528, 1, 200), [conv(2, 3, 1)]).layers[0]
    network = replace(
        plan.network,
        layers=(*plan.network.layers[:-1], replace(layer, spec=wide.spec, weight=wide.weight)),
    )
    assert codes(replace(plan, network=network)) == {"MX4129"}


def test_tensors_are_compared_word_by_word():
    """Three operands lie within the same range of bytes; what lies between their words does not."""
    graph = Branches((2, 4, 4))
    three = [graph.layer("x", conv(7, 1)) for _ in range(3)]
    plan = map_network(graph.network(graph.combine(three, function=EltwiseFunction.SUB)))
    offsets = [region.offset_bytes for region in plan.layers[3].inputs]
    assert offsets == [offsets[0], offsets[0] + 4, offsets[0] + 8]
    assert codes(plan) == set()
    operand = plan.layers[0].output
    lowest = operand.processors & -operand.processors
    changes = {"processors": 3 * lowest, "offset_bytes": operand.offset_bytes}
    assert "MX4113" in codes(_moved(plan, "x", **changes))


def test_an_output_between_the_parts_of_a_join():
    """Words that no part takes are read as well: with zero weights, but they are read."""
    plan = _wide_join()
    join = plan.layers[-1].inputs[0]
    assert join.parts[3].region.processors < join.processors
    behind = join.processors.bit_length() // 4 * 4 - 12
    target = {"processors": 0x1FF << behind, "offset_bytes": join.offset_bytes + 128}
    assert codes(_moved(plan, "y4", **target)) == {"MX4130"}
