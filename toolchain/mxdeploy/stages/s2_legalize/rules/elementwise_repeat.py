"""A value that is added to itself is multiplied instead: exact.

``x + x + y`` is ``2 x + y``, ``x - y - y`` is ``x - 2 y``. An operand of an element-wise layer lies
interleaved with the others and is read once; a factor belongs to the weights of a neighbour.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Affine, Elementwise
from mxdeploy.ops.layer import EltwiseFunction
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Add or sub that reads a value more than once."""
    op = node.op
    if not isinstance(op, Elementwise) or len(set(node.inputs)) == len(node.inputs):
        return None
    if op.function not in (EltwiseFunction.ADD, EltwiseFunction.SUB):
        return None
    repeated = next(n for n in node.inputs if node.inputs.count(n) > 1)
    sign = 1 if op.function == EltwiseFunction.ADD else -1
    factor = sum(sign if i else 1 for i, n in enumerate(node.inputs) if n == repeated)
    others = [n for n in node.inputs if n != repeated]
    if others:
        return _beside_others(graph, node, repeated, others, factor)
    if graph.value(node.output).clip is not None:
        return None
    product = replace(node, op=_times(factor), inputs=(repeated,))
    return Edit(text=_text(repeated, factor), remove=(node,), add=(product,))


def _beside_others(graph: Graph, node: Node, repeated: str, others: list[str], factor: int) -> Edit:
    """The product is one operand of several; behind the first one its sign is the operator's."""
    first = node.inputs[0] == repeated
    factor = factor if first else abs(factor)
    shape = graph.shape(repeated)
    scaled, product = graph.beside(node, "times", _times(factor), (repeated,), shape)
    operands = (product.name, *others) if first else (*others, product.name)
    return Edit(
        text=_text(repeated, factor),
        remove=(node,),
        add=(scaled, replace(node, inputs=operands)),
        values=(product,),
    )


def _text(repeated: str, factor: int) -> str:
    return f"{repeated} is read once and multiplied by {factor}"


def _times(factor: int) -> Affine:
    return Affine(scale=single(np.array(float(factor))), offset=single(np.array(0.0)))


RULE = Rule(name="merge-repeated-operand", exact=True, match=match)
