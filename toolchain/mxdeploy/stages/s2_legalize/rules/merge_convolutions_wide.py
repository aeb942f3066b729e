"""Two convolutions become one with more weights than both: exact.

As ``merge-convolutions``, where that saves cycles and a layer; not where memory counts most.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.merge_convolutions import merged_edit


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution that alone reads a convolution; together they need more weights."""
    return merged_edit(graph, node, more_weights=True)


RULE = Rule(name="merge-convolutions-wide", exact=True, match=match, spends_weights=True)
