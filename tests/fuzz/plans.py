"""Random networks, placed; then their plans with things changed: what matters must be noticed.

Whether a change matters is not for the verifier to say: the changed plan is lowered and run, and if
it cannot run, or answers differently, the verifier must have refused it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s4_map import MapOptions, map_network
from mxdeploy.stages.s4_map.verify import verify_plan
from mxdeploy.stages.s5_lower import lower
from mxdeploy.stages.s8_run.accelerator import AcceleratorMachine
from tests.branches import branching_networks
from tests.builders import build, conv, inputs_for, max_pool, quant_networks
from tests.fuzz.mutations import mutants


class UnnoticedError(AssertionError):
    """The verifier accepts a plan that does not do what its network does."""


@dataclass(frozen=True, slots=True)
class PlanCase:
    """A network and changes of its plan.

    Attributes:
        network: what is placed.
        options: how, if that is possible.
        picks: for each changed plan its changes, as pairs (group, number), one after the other.
    """

    network: QuantNetwork
    options: MapOptions
    picks: tuple[tuple[tuple[int, int], ...], ...]


@st.composite
def plan_cases(draw: st.DrawFn, changes: int = 20) -> PlanCase:
    """Chains and branching networks, each changed ``changes`` times, once or twice at a time."""
    network = draw(
        st.one_of(quant_networks(), branching_networks(), branching_networks(), padded_networks())
    )
    options = MapOptions(
        input_order=draw(st.sampled_from((None, None, *DataOrder))),
        fifo=draw(st.integers(0, 4)) == 0,
        streams=draw(st.sampled_from((None, None, 1, 2))),
    )
    change = st.tuples(st.integers(0, 2**8), st.integers(0, 2**16))
    pick = st.lists(change, min_size=1, max_size=2).map(tuple)
    picks = draw(st.lists(pick, min_size=changes, max_size=changes).map(tuple))
    return PlanCase(network, options, picks)


@st.composite
def padded_networks(draw: st.DrawFn) -> QuantNetwork:
    """3x3 convolutions one behind the other, which can stream."""
    channels = st.sampled_from((1, 3, 8, 17, 40))
    drafts = [
        conv(
            draw(channels),
            3,
            draw(st.integers(1, 2)),
            pool=draw(st.sampled_from((None, None, max_pool(2)))),
            bias=draw(st.booleans()),
        )
        for _ in range(draw(st.integers(2, 4)))
    ]
    size = draw(st.integers(12, 20))
    return build((draw(st.integers(1, 4)), size, size), drafts, seed=draw(st.integers(0, 99)))


def _placed(case: PlanCase) -> Plan | None:
    """As the case wishes, or else as it can be."""
    for options in (case.options, MapOptions()):
        try:
            return map_network(case.network, options)
        except ModelError:
            continue
    return None


def check(case: PlanCase) -> int:
    """Number of changed plans that were accepted, and answer as the network does.

    Raises:
        UnnoticedError: one answers differently.
    """
    plan = _placed(case)
    if plan is None:
        return 0
    wanted = answer(plan)
    accepted = 0
    for pick in case.picks:
        changed, texts = _changed(plan, pick)
        if not verify_plan(changed):
            if differs(changed, wanted):
                raise UnnoticedError(f"accepted: {'; '.join(texts)}\n{changed.to_text()}")
            accepted += 1
    return accepted


def _changed(plan: Plan, changes: tuple[tuple[int, int], ...]) -> tuple[Plan, list[str]]:
    texts = []
    for group, number in changes:
        found = mutants(plan, group) or mutants(plan, 0)
        texts.append(found[number % len(found)].what)
        plan = found[number % len(found)].make()
    return plan, texts


def answer(plan: Plan) -> bytes:
    """The outputs of two inferences (the first leaves its tensors behind), as bytes."""
    machine = AcceleratorMachine(lower(plan))
    results = [machine.run(inputs_for(plan.network, seed)) for seed in (1, 2)]
    arrays = [output.array for result in results for _, output in result.outputs]
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def differs(plan: Plan, wanted: bytes) -> bool:
    """Whether a changed plan cannot run, is doubtful, or gives another answer."""
    try:
        return answer(plan) != wanted
    except Exception:  # noqa: BLE001 - whatever a changed plan runs into
        return True


def text(case: PlanCase) -> str:
    """The network, how it is placed, and the numbers of the changes."""
    return f"{case.network.to_text()}\n{case.options}\nchanges {case.picks}"
