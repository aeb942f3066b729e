"""The verifier against plans that were changed in every way: every change that matters is noticed.

Whether a change matters is not for the verifier to say: a changed plan that it accepts is lowered
and run, and must answer as the network does, without doubt. ``python -m tests.fuzz --what plans``
does the same on random networks for as long as one likes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from mxdeploy.chip.max78000.limits import WIDE_OUTPUT_BITS
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ops.layer import EltwiseFunction, Kind
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from tests import branches, zoo
from tests.branches import Branches
from tests.builders import average_pool, build, conv, conv1d, linear, max_pool, passthrough
from tests.fuzz.mutations import GROUPS, mutants
from tests.fuzz.plans import answer, differs
from tests.fuzz.search import search
from tests.fuzz.subjects import SUBJECTS

SAMPLE = 24
"""Changes of a kind that are tried on each plan; all of them: ``len(mutants(plan))``."""


def passes():
    """Several passes in and out, in one dimension."""
    layers = [
        conv1d(70, 3, bias=True),
        conv1d(12, 2, pool=max_pool(2, 1)),
        linear(66, flatten=True),
    ]
    return build((66, 9, 1), layers, seed=3, name="passes")


def memories():
    """Tensors that nearly fill the data memories, kernels in all four quadrants."""
    layers = [conv(60, 1, bias=True), conv(64, 3, pool=average_pool(4), bias=True), conv(8, 1)]
    return build((16, 60, 60), layers, seed=4, name="memories")


def outputs():
    """Three outputs, one of them of 32 bits, one read by other layers as well."""
    graph = Branches((3, 6, 6), seed=5)
    trunk = graph.layer("x", conv(8, 3, 1))
    side = graph.layer(trunk, conv(5, 1, pool=max_pool(2)))
    more = graph.layer(trunk, conv(8, 3))
    raw = graph.layer(more, conv(4, 1, output_bits=int(WIDE_OUTPUT_BITS)))
    return graph.network(trunk, side, raw, name="outputs")


def sums():
    """Three operands in one pass; two operands in two passes, pooled, in front of a convolution."""
    graph = Branches((2, 4, 4), seed=6)
    three = [graph.layer("x", conv(7, 3, 1)) for _ in range(3)]
    total = graph.combine(three, function=EltwiseFunction.SUB)
    two = [graph.layer(total, conv(66, 1)) for _ in range(2)]
    last = graph.combine(two, conv(3, 1, pool=max_pool(2)), EltwiseFunction.XOR)
    return graph.network(last, name="sums")


def rows():
    """Three operands of several passes, which the chip reads as further rows."""
    graph = Branches((2, 3, 3), seed=7)
    three = [graph.layer("x", conv(70, 1)) for _ in range(3)]
    return graph.network(graph.layer(graph.combine(three), conv(2, 3, 1)), name="rows")


def joins():
    """A join in one pass that contains the input, and one of transposed convolutions in two."""
    graph = Branches((3, 4, 4), seed=8)
    side = graph.layer("x", conv(6, 3, 1))
    joined = graph.layer(graph.join("x", side), conv(36, 1))
    up = replace(conv(40, 3, 1), kind=Kind.CONV_TRANSPOSE2D)
    large = graph.join(graph.layer(joined, up), graph.layer(side, up))
    return graph.network(graph.layer(large, conv(4, 3, 1, bias=True)), name="joins")


def large():
    """Tensors that only fit because a layer writes over its input."""
    layers = [conv(64, 1), conv(64, 3, 1), passthrough(max_pool(3, stride=2)), conv(3, 1)]
    return build((4, 75, 75), layers, seed=9, name="large")


def streams():
    """Three layers that stream, with biases and a kernel of one pixel."""
    drafts = [conv(8, 3, 1, bias=True), conv(6, 1), conv(6, 3, 1, pool=max_pool(2), bias=True)]
    return build((3, 8, 8), [*drafts, conv(3, 3)], seed=10, name="streams")


NETWORKS = {
    "small": zoo.small,
    "tiny": zoo.tiny,
    "passes": passes,
    "memories": memories,
    "residual": branches.residual,
    "u-net": branches.u_net,
    "wide join": branches.wide_join,
    "outputs": outputs,
    "sums": sums,
    "rows": rows,
    "joins": joins,
    "large": large,
    "streams": streams,
}
OPTIONS = {"streams": MapOptions(streams=3)}


@cache
def sound(name: str) -> tuple[Plan, bytes]:
    """A plan and what its program answers."""
    plan = map_network(NETWORKS[name](), OPTIONS.get(name, MapOptions()))
    return plan, answer(plan)


def in_place(plan: Plan) -> int:
    """Layers whose output lies where their input lies."""
    return sum(
        placed.output.offset_bytes == placed.inputs[0].offset_bytes
        and bool(placed.output.processors & placed.inputs[0].processors)
        for placed in plan.layers
    )


def sample(plan: Plan, group: int):
    """Some changes of one kind, evenly spread over all of them."""
    found = mutants(plan, group)
    count = min(SAMPLE, len(found))
    return [found[number * len(found) // count] for number in range(count)]


@pytest.mark.parametrize("name", NETWORKS)
def test_changes_that_matter_are_noticed(name):
    plan, wanted = sound(name)
    assert verify_plan(plan) == ()
    refused = accepted = 0
    for group in range(len(GROUPS)):
        for mutant in sample(plan, group):
            changed = mutant.make()
            if changed == plan:
                continue
            if verify_plan(changed):
                refused += 1
            else:
                accepted += 1
                assert not differs(changed, wanted), f"{mutant.what}\n{changed.to_text()}"
    assert refused > 50
    assert accepted > 3


def test_layers_work_in_place_and_other_plans_are_sound_as_well():
    assert in_place(sound("large")[0])
    chw = map_network(memories(), MapOptions(input_order=DataOrder.CHW))
    assert verify_plan(chw) == ()


@pytest.mark.parametrize("number", range(2))
def test_random_networks(number):
    search(SUBJECTS["plans"], examples=8, number=number)
