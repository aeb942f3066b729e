"""Legalization: every node becomes one hardware layer, by exact rewrites; the tail is split off."""

from __future__ import annotations

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network
from mxdeploy.stages.s2_legalize.graph import Graph
from mxdeploy.stages.s2_legalize.refuse import reasons
from mxdeploy.stages.s2_legalize.rule import rewrite
from mxdeploy.stages.s2_legalize.rules import CLEAN, COMPLETE, FINISH, FORM, HOST, POOLS
from mxdeploy.stages.s2_legalize.tail import split_tail


def legalize(network: Network) -> Network:
    """Rewrite an imported network until every node is one hardware layer.

    Args:
        network: as imported.

    Returns:
        The network in which every node is a ``LayerOp``, with what the CPU does in ``tail`` and
        all rewrites recorded.

    Raises:
        ModelError: operators or sizes that the chip does not have; all of them.
    """
    graph = rewrite(Graph(network), CLEAN)
    graph = rewrite(graph, (*HOST, *CLEAN))
    graph = split_tail(graph)
    for rules in (FORM, COMPLETE, POOLS, FINISH):
        graph = rewrite(graph, rules)
    found = reasons(graph)
    if found:
        raise ModelError(found)
    graph.network.verify()
    return graph.network


__all__ = ["legalize"]
