"""Additions of additions become one with more operands: exact.

``(a + b) + c`` is one sum of three, ``(a - b) - c`` and ``a - (b + c)`` are one difference. The
chip combines up to 16 operands at once and saturates to 8 bits only at the end.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Elementwise
from mxdeploy.ops.layer import EltwiseFunction
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import has_no_own_range

_SUB = EltwiseFunction.SUB


def match(graph: Graph, node: Node) -> Edit | None:
    """Elementwise with an operand that is an Elementwise of its own and that nobody else reads."""
    if not isinstance(node.op, Elementwise):
        return None
    for position, name in enumerate(node.inputs):
        inner = graph.producer(name)
        if inner is None or graph.only_reader(name) is not node or node.inputs.count(name) > 1:
            continue
        if not has_no_own_range(graph, inner) or not _may_merge(node, inner, position):
            continue
        operands = (*node.inputs[:position], *inner.inputs, *node.inputs[position + 1 :])
        if len(operands) > limits.MAX_OPERANDS.value:
            continue
        origin = graph.origins(inner, node)
        return Edit(
            text=f"{inner.name} and {node.name} are one {node.op.function} of {len(operands)}",
            remove=(inner, node),
            add=(replace(node, inputs=operands, origin=origin),),
        )
    return None


def _may_merge(outer: Node, inner: Node, position: int) -> bool:
    """Whether ``inner``, at ``position`` of ``outer``, may be replaced by its operands."""
    if not isinstance(outer.op, Elementwise) or not isinstance(inner.op, Elementwise):
        return False
    if outer.op.function != _SUB:
        return inner.op.function == outer.op.function
    return inner.op.function == (_SUB if position == 0 else EltwiseFunction.ADD)


RULE = Rule(name="merge-additions", exact=True, match=match)
