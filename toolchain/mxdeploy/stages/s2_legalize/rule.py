"""What a rewrite rule is, and the loop that applies rules until none matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph

MAX_REWRITES = 100_000
"""More rewrites than any model needs: a rule that undoes another is a defect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rewrite rule.

    Attributes:
        name: as it appears in reports.
        exact: the float network computes the same function as before.
        match: looks at one node as the anchor of its pattern, checks the conditions, and returns
            the edit, or None.
        spends_weights: what it does saves cycles or layers and costs weights: not done where memory
            counts most.
    """

    name: str
    exact: bool
    match: Callable[[Graph, Node], Edit | None]
    spends_weights: bool = False


def rewrite(graph: Graph, rules: Sequence[Rule]) -> Graph:
    """Apply ``rules``, in order, until none of them matches any more."""
    count = 0
    changed = True
    while changed:
        changed = False
        for rule in rules:
            position = 0
            while position < len(graph.network.nodes):
                edit = rule.match(graph, graph.network.nodes[position])
                if edit is None:
                    position += 1
                    continue
                graph = graph.apply(edit, rule.name, exact=rule.exact)
                changed = True
                count += 1
                position = max(0, position - len(edit.remove))
                if count > MAX_REWRITES:
                    raise AssertionError(f"rewriting does not end: {rule.name}, {edit.text}")
    return graph
