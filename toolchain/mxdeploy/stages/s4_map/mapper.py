"""The mapping: check, search, place biases, count cycles, and have the result verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from mxdeploy.errors import ModelError, MxdeployError, UsageError
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s4_map import findings, solver
from mxdeploy.stages.s4_map.arrangement import Arrangement
from mxdeploy.stages.s4_map.assembly import Assembly, Places, places_of
from mxdeploy.stages.s4_map.check import TooLarge, check_network
from mxdeploy.stages.s4_map.chosen import ChosenPlacement, chosen_flow, chosen_places
from mxdeploy.stages.s4_map.fit import KernelTest, explain_failure
from mxdeploy.stages.s4_map.flows import in_memory, least_streams, streamed, why_not_streamed
from mxdeploy.stages.s4_map.options import MapOptions
from mxdeploy.stages.s4_map.problem import Problem, make_problem
from mxdeploy.stages.s4_map.search import Placement, search
from mxdeploy.stages.s4_map.solver import Verdict
from mxdeploy.stages.s4_map.streaming import Flow
from mxdeploy.stages.s4_map.untie import untied
from mxdeploy.stages.s4_map.verify import verify_plan

_DEFAULTS = MapOptions()
_STREAMS_TRIED = 4
"""How many numbers of layers that stream are tried."""
_SECOND_EFFORT = 1.0
"""The solver's effort for a second opinion on all of them, about as many seconds."""
_UNSOUND = "change this in the placement file, or build without --map"


def map_network(network: QuantNetwork, options: MapOptions = _DEFAULTS) -> Plan:
    """Place a network on the chip.

    Args:
        network: what to place; keeps the contract of legalized networks (``ir/network.py``).
        options: wishes of the caller.

    Returns:
        A verified plan: processors, kernel, bias and data memory of every layer, and cycles. Its
        network has further layers where values must be copied (``untie``, ``streaming``); it
        computes the same.

    Raises:
        ModelError: the network has layers that are not supported, or does not fit; carries all
            findings.
        UsageError: the chosen placement names other tensors or layers, or breaks a rule of the
            chip; carries all findings.
        MxdeployError: the verifier refused the plan (a defect of the mapping).
    """
    network, arrangement, too_large = check_network(network)
    if options.chosen is not None:
        return _as_chosen(network, options.chosen)
    tried: list[_Attempt] = []
    kernels = KernelTest(options.search_steps)
    for attempt in _attempts(network, arrangement, too_large, (options, kernels)):
        placement = search(attempt.problem, options.search_steps)
        if placement is not None:
            return _verified(attempt, placement)
        tried.append(attempt)
    proven = installed = solver.available()
    for attempt, verdict in zip(tried, _second_opinion(tried), strict=False):
        if verdict.placement is not None:
            return _verified(attempt, verdict.placement)
        proven &= verdict.proven
    reasons = [large.finding for large in too_large]
    if options.streams or (too_large and options.streams is None):
        reasons += why_not_streamed(network, options, least_streams(options, too_large))
    if tried:
        problems = tuple(attempt.problem for attempt in tried)
        certainty = findings.certainty(installed=installed, proven=proven)
        reasons += explain_failure(problems, kernels, certainty)
    raise ModelError(reasons)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A placement problem and what it came from."""

    flow: Flow
    arrangement: Arrangement
    problem: Problem


def _attempt(flow: Flow) -> _Attempt:
    """The problem of placing a network that was checked: its tensors do have places."""
    _, arrangement = untied(flow.network)
    return _Attempt(flow, arrangement, make_problem(flow, arrangement))


def _second_opinion(attempts: Sequence[_Attempt]) -> Iterator[Verdict]:
    """What the solver says of each attempt, where it is installed; its effort is shared out."""
    if solver.available():
        for attempt in attempts:
            yield solver.solve(attempt.problem, _SECOND_EFFORT / len(attempts))


def _verified(attempt: _Attempt, placement: Placement) -> Plan:
    """The plan with this placement.

    Raises:
        MxdeployError: it breaks a rule of the chip.
    """
    plan = _plan(attempt, places_of(attempt.arrangement, placement))
    broken = verify_plan(plan)
    if broken:
        raise MxdeployError((findings.defective_plan(broken), *broken))
    return plan


def _plan(attempt: _Attempt, places: Places) -> Plan:
    return Assembly(attempt.flow, attempt.arrangement, attempt.problem, places).plan()


def _as_chosen(network: QuantNetwork, chosen: ChosenPlacement) -> Plan:
    """The plan that a person wrote, if it is sound."""
    flow = chosen_flow(network, chosen)
    plan = _plan(_attempt(flow), chosen_places(flow, chosen))
    broken = verify_plan(plan)
    if broken:
        raise UsageError(replace(d, fix=d.fix or _UNSOUND) for d in broken)
    return plan


def _attempts(
    network: QuantNetwork,
    arrangement: Arrangement,
    too_large: tuple[TooLarge, ...],
    rules: tuple[MapOptions, KernelTest],
) -> Iterator[_Attempt]:
    """What to try, heeding what the caller wishes."""
    hurry = rules[0].objective is Objective.LATENCY
    for attempt in _possibilities(network, arrangement, too_large, rules):
        yield replace(attempt, problem=replace(attempt.problem, heed_cycles=hurry))


def _possibilities(
    network: QuantNetwork,
    arrangement: Arrangement,
    too_large: tuple[TooLarge, ...],
    rules: tuple[MapOptions, KernelTest],
) -> Iterator[_Attempt]:
    """What to try, the most cautious first: no layer writes over its input unless it must.

    Layers stream only when nothing else is possible, and data are what is in the way.
    """
    options, kernels = rules
    if not too_large and not options.streams:
        attempts = [_attempt(flow) for flow in in_memory(network, arrangement, options)]
        for attempt in attempts:
            yield replace(attempt, problem=replace(attempt.problem, overwriting={}))
        attempts = [attempt for attempt in attempts if kernels.passes(attempt.problem)]
        yield from (attempt for attempt in attempts if attempt.problem.overwriting)
        if not attempts:
            return
    for flow in islice(streamed(network, options, too_large), _STREAMS_TRIED):
        attempt = _attempt(flow)
        yield attempt
        if not kernels.passes(attempt.problem):
            return
