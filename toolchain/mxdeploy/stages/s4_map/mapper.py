"""The mapping: check, search, place biases, count cycles, and have the result verified."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.errors import ModelError, MxdeployError, UsageError
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.arrangement import Arrangement
from mxdeploy.stages.s4_map.assembly import Assembly, places_of
from mxdeploy.stages.s4_map.check import check_network
from mxdeploy.stages.s4_map.chosen import ChosenPlacement, chosen_places
from mxdeploy.stages.s4_map.fit import explain_failure
from mxdeploy.stages.s4_map.options import MapOptions
from mxdeploy.stages.s4_map.problem import Problem, chw_possible, make_problem
from mxdeploy.stages.s4_map.search import search
from mxdeploy.stages.s4_map.verify import verify_plan

_DEFAULTS = MapOptions()
_UNSOUND = "change this in the placement file, or build without --map"


def map_network(network: QuantNetwork, options: MapOptions = _DEFAULTS) -> Plan:
    """Place a network on the chip.

    Args:
        network: what to place; keeps the contract of legalized networks (``ir/network.py``).
        options: wishes of the caller.

    Returns:
        A verified plan: processors, kernel, bias and data memory of every layer, and cycles. Its
        network has further layers where values must be copied (``untie``); it computes the same.

    Raises:
        ModelError: the network has layers that are not supported, or does not fit; carries all
            findings.
        UsageError: the chosen placement names other tensors or layers, or breaks a rule of the
            chip; carries all findings.
        MxdeployError: the verifier refused the plan (a defect of the mapping).
    """
    network, arrangement = check_network(network)
    if options.chosen is not None:
        return _as_chosen(network, arrangement, options.chosen)
    problems = _problems(network, arrangement, options)
    for problem in problems:
        placement = search(problem, options.search_steps)
        if placement is not None:
            places = places_of(arrangement, placement)
            plan = Assembly(network, arrangement, problem, places).plan()
            broken = verify_plan(plan)
            if broken:
                raise MxdeployError((findings.defective_plan(broken), *broken))
            return plan
    raise ModelError(explain_failure(problems, options.search_steps))


def _as_chosen(network: QuantNetwork, arrangement: Arrangement, chosen: ChosenPlacement) -> Plan:
    """The plan that a person wrote, if it is sound."""
    places = chosen_places(network, chosen)
    problem = make_problem(network, arrangement, chosen.input_order)
    plan = Assembly(network, arrangement, problem, places).plan()
    broken = verify_plan(plan)
    if broken:
        raise UsageError(replace(d, fix=d.fix or _UNSOUND) for d in broken)
    return plan


def _problems(
    network: QuantNetwork, arrangement: Arrangement, options: MapOptions
) -> tuple[Problem, ...]:
    """What to try, the most cautious first: no layer writes over its input unless it must."""
    problems = tuple(
        make_problem(network, arrangement, order)
        for order in _orders(network, arrangement, options)
    )
    cautious = tuple(replace(problem, overwriting={}) for problem in problems)
    return (*cautious, *(problem for problem in problems if problem.overwriting))


def _orders(
    network: QuantNetwork, arrangement: Arrangement, options: MapOptions
) -> tuple[DataOrder, ...]:
    """Orders of the input to try, the preferred one first."""
    chw = chw_possible(network, arrangement)
    possible = (DataOrder.HWC, DataOrder.CHW) if chw else (DataOrder.HWC,)
    if options.input_order is None:
        return possible
    if options.input_order not in possible:
        raise ModelError(findings.order_not_possible(network.layers[0]))
    return (options.input_order,)
