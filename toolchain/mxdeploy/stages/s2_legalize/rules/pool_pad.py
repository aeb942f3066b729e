"""A pooling's padding becomes zeros around the map in front of it: exact.

An average that counts its padding adds zeros. A maximum ignores its padding, and so it does with
zeros when no element of the map is negative: behind ReLU, say. The zeros are written by the layer
that computes a padded copy of the map.
"""

from __future__ import annotations

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.signs import never_negative
from mxdeploy.stages.s2_legalize.windows import pad_edit


def match(graph: Graph, node: Node) -> Edit | None:
    """Padded average pooling that counts its padding, or max pooling of what is never negative."""
    op = node.op
    if not isinstance(op, Pooling) or not any(op.pads) or op.ceil_mode:
        return None
    if not (op.count_include_pad if op.average else never_negative(graph, node.inputs[0])):
        return None
    return pad_edit(graph, node, f"the padding {list(op.pads)} of {node.name} is zeros in front")


RULE = Rule(name="pad-before-pooling", exact=True, match=match)
