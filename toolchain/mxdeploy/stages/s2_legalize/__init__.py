"""Legalization: every node becomes a hardware layer or a join; the tail is split off."""

from __future__ import annotations

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ir.objective import Objective
from mxdeploy.stages.s2_legalize.graph import Graph
from mxdeploy.stages.s2_legalize.refuse import reasons
from mxdeploy.stages.s2_legalize.rule import Rule, rewrite
from mxdeploy.stages.s2_legalize.rules import (
    CLEAN,
    COMPLETE,
    CONVOLUTIONS,
    FINISH,
    FORM,
    HOST,
    OUTPUTS,
    PLACES,
    POOLS,
    SHAPES,
    SHARE,
    SUMS,
    VIEWS,
)
from mxdeploy.stages.s2_legalize.tail import Takes, split_tail
from mxdeploy.stages.s2_legalize.turn import turned

STEPS: tuple[tuple[Rule, ...] | Takes, ...] = (
    VIEWS, CLEAN, (*HOST, *CLEAN), Takes.CPU, (*CLEAN, *HOST, *SHAPES), CONVOLUTIONS, SHARE, FORM,
    Takes.LEFT, COMPLETE, SUMS, POOLS, Takes.ALL, OUTPUTS, Takes.ALL, PLACES,
    FINISH,
)  # fmt: skip
"""Rules to apply until none matches, and what of the end is left to the CPU, in order."""


def legalize(network: Network, objective: Objective = Objective.LATENCY) -> Network:
    """Rewrite an imported network until every node is one hardware layer or a join.

    Args:
        network: as imported.
        objective: whether rules that spend weights to save cycles are used.

    Returns:
        The network in which every node is a ``LayerOp`` or a ``Concat`` along the channels that
        layers read, with what the CPU does in ``tail`` and all rewrites recorded.

    Raises:
        ModelError: operators or sizes that the chip does not have; all of them.
    """
    try:
        return _legalized(network, objective)
    except ModelError as error:
        other = turned(network)
        if other is None:
            raise
        try:
            return _legalized(other, objective)
        except ModelError:
            raise error from None


def _legalized(network: Network, objective: Objective) -> Network:
    graph = Graph(network)
    thrifty = objective is Objective.MEMORY
    for step in STEPS:
        if isinstance(step, Takes):
            graph = split_tail(graph, step)
        else:
            graph = rewrite(graph, [r for r in step if not (thrifty and r.spends_weights)])
    found = reasons(graph)
    if found:
        raise ModelError(found)
    graph.network.verify()
    return graph.network


__all__ = ["legalize"]
