"""The verifier: plans are damaged in every way that comes to mind, and it must notice.

Whether damage matters is not for the verifier to say: the damaged plan is lowered and run, and if
it cannot run, or answers differently, the verifier must have refused it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.ir.plan import BiasSlot, DataOrder, KernelSlot, LayerPlan, Plan, Region
from mxdeploy.stages.s4_map import map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests import zoo
from tests.builders import average_pool, build, conv, conv1d, inputs_for, linear, max_pool


def _passes():
    layers = [
        conv1d(70, 3, bias=True),
        conv1d(12, 2, pool=max_pool(2, 1)),
        linear(66, flatten=True),
    ]
    return build((66, 9, 1), layers, seed=3, name="passes")


def _memories():
    """Tensors that nearly fill the data memories, kernels in all four quadrants."""
    layers = [conv(60, 1, bias=True), conv(64, 3, pool=average_pool(4), bias=True), conv(8, 1)]
    return build((16, 60, 60), layers, seed=4, name="memories")


NETWORKS = (zoo.small, zoo.tiny, _passes, _memories)


@cache
def sound(number: int) -> tuple[Plan, bytes]:
    """A plan and what its program answers."""
    plan = map_network(NETWORKS[number]())
    return plan, answer(plan)


def answer(plan: Plan) -> bytes:
    """The outputs of two inferences (the first leaves its tensors behind), as bytes."""
    machine = AcceleratorMachine(lower(plan))
    results = [machine.run(inputs_for(plan.network, seed)) for seed in (1, 2)]
    return b"".join(np.ascontiguousarray(r.outputs[0][1].array).tobytes() for r in results)


def differs(plan: Plan, wanted: bytes) -> bool:
    """Whether a damaged plan cannot run or gives another answer."""
    try:
        return answer(plan) != wanted
    except Exception:  # noqa: BLE001 - whatever a damaged plan runs into
        return True


# --- damage -------------------------------------------------------------------------------------


def _changed_region(region: Region, draw) -> Region:
    words = draw(st.integers(-9000, 9000))
    bit, up = 1 << draw(st.integers(0, 63)), draw(st.integers(0, 63))
    step = draw(st.sampled_from((-1, 1)))
    changes = (
        {"offset_bytes": max(0, region.offset_bytes + 4 * words)},
        {"processors": region.processors ^ bit},
        {"processors": (region.processors << up) % 2**64},
        {"passes": region.passes + step},
        {"order": DataOrder.CHW},
        {"bits": 40 - region.bits},
        {"gap": 1},
    )
    return replace(region, **draw(st.sampled_from(changes)))


def _in_region(plan: Plan, draw) -> Plan:
    """A tensor's region, where it is written, where it is read, or everywhere."""
    values = [plan.input.value, *(layer.output.value for layer in plan.layers)]
    value = draw(st.sampled_from(values))
    where = draw(st.sampled_from(("everywhere", "reader", "writer")))
    written = [plan.input, *(layer.output for layer in plan.layers)]
    region = written[values.index(value)]
    changed = _changed_region(region, draw)

    def swap(old: Region, role: str) -> Region:
        return changed if old == region and where in ("everywhere", role) else old

    layers = tuple(
        replace(
            layer,
            inputs=tuple(swap(r, "reader") for r in layer.inputs),
            output=swap(layer.output, "writer"),
        )
        for layer in plan.layers
    )
    outputs = tuple(swap(r, "reader") for r in plan.outputs)
    return replace(plan, layers=layers, input=swap(plan.input, "writer"), outputs=outputs)


def _with_layer(plan: Plan, index: int, layer: LayerPlan) -> Plan:
    return replace(plan, layers=(*plan.layers[:index], layer, *plan.layers[index + 1 :]))


def _in_kernels(plan: Plan, draw) -> Plan:
    with_kernels = [i for i, layer in enumerate(plan.layers) if layer.kernels]
    if not with_kernels:
        return plan
    index = draw(st.sampled_from(with_kernels))
    slot = plan.layers[index].kernels
    start = slot.start_word + draw(st.sampled_from((-8, -4, -1, 1, 4, 8, 500, 767)))
    words = slot.words + draw(st.sampled_from((-1, 0, 0, 0, 1)))
    layer = replace(plan.layers[index], kernels=KernelSlot(start_word=start, words=words))
    return _with_layer(plan, index, layer)


def _swapped_kernels(plan: Plan, draw) -> Plan:
    with_kernels = [i for i, layer in enumerate(plan.layers) if layer.kernels]
    if len(with_kernels) < 2:
        return plan
    one, other = draw(st.permutations(with_kernels))[:2]
    first, second = plan.layers[one], plan.layers[other]
    plan = _with_layer(plan, one, replace(first, kernels=second.kernels))
    return _with_layer(plan, other, replace(second, kernels=first.kernels))


def _in_biases(plan: Plan, draw) -> Plan:
    with_bias = [i for i, layer in enumerate(plan.layers) if layer.bias]
    if not with_bias:
        return plan
    index = draw(st.sampled_from(with_bias))
    slot = plan.layers[index].bias
    changed = draw(
        st.sampled_from(
            (
                None,
                replace(slot, start_byte=max(0, slot.start_byte + draw(st.integers(-70, 512)))),
                replace(slot, quadrant=draw(st.integers(0, 3))),
                replace(slot, length_bytes=slot.length_bytes - 1),
                plan.layers[draw(st.sampled_from(with_bias))].bias,
            )
        )
    )
    return _with_layer(plan, index, replace(plan.layers[index], bias=changed))


def _in_passes(plan: Plan, draw) -> Plan:
    index = draw(st.integers(0, max(0, len(plan.layers) - 1)))
    if index >= len(plan.layers):
        return plan
    layer = plan.layers[index]
    step = draw(st.sampled_from((-1, 1)))
    if draw(st.booleans()):
        changed = replace(layer, in_passes=layer.in_passes + step)
    else:
        changed = replace(layer, out_passes=layer.out_passes + step)
    return _with_layer(plan, index, changed)


def _in_quadrants(plan: Plan, draw) -> Plan:
    return replace(plan, quadrants=tuple(draw(st.lists(st.integers(0, 3), max_size=4))))


def _in_layers(plan: Plan, draw) -> Plan:
    layers = list(plan.layers)
    if not layers:
        return plan
    if draw(st.booleans()):
        del layers[draw(st.integers(0, len(layers) - 1))]
    else:
        layers = draw(st.permutations(layers))
    return replace(plan, layers=tuple(layers))


DAMAGE = (
    _in_region,
    _in_kernels,
    _swapped_kernels,
    _in_biases,
    _in_passes,
    _in_quadrants,
    _in_layers,
)


@st.composite
def damaged(draw) -> tuple[int, Plan]:
    number = draw(st.integers(0, len(NETWORKS) - 1))
    plan, _ = sound(number)
    for _ in range(draw(st.integers(1, 2))):
        plan = draw(st.sampled_from(DAMAGE))(plan, draw)
    return number, plan


@settings(max_examples=250, deadline=None)
@given(case=damaged())
def test_damage_that_matters_is_noticed(case):
    number, plan = case
    original, wanted = sound(number)
    if plan == original or verify_plan(plan):
        return
    assert not differs(plan, wanted), plan.to_text()


@pytest.mark.parametrize("number", range(len(NETWORKS)))
def test_sound_plans_are_accepted(number):
    assert verify_plan(sound(number)[0]) == ()


# --- each rule, by name -------------------------------------------------------------------------


def codes(plan: Plan) -> set[str]:
    return {finding.code for finding in verify_plan(plan)}


def _small() -> Plan:
    return sound(0)[0]


def _moved(plan: Plan, value: str, **changes) -> Plan:
    """The plan with a tensor's region changed everywhere."""

    def moved(region: Region) -> Region:
        return replace(region, **changes) if region.value == value else region

    layers = tuple(
        replace(p, inputs=tuple(map(moved, p.inputs)), output=moved(p.output)) for p in plan.layers
    )
    outputs = tuple(map(moved, plan.outputs))
    return replace(plan, layers=layers, outputs=outputs, input=moved(plan.input))


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
