"""An operand that others read, too, is copied for the element-wise layer: exact.

The operands of an element-wise layer lie interleaved, where nobody else can read them. A copy
passes through a layer that costs less than computing the value again: it reads every pixel once
and writes it at once, where a convolution needs a cycle for each of its channels.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import copy_of, is_private
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Element-wise layer with an operand of several readers, or the input, or an output."""
    if not isinstance(node.op, LayerOp) or node.op.spec.eltwise is None:
        return None
    for position, name in enumerate(node.inputs):
        if is_private(graph, name):
            continue
        copy, value = copy_of(graph, name, node, convolved=False)
        inputs = (*node.inputs[:position], value.name, *node.inputs[position + 1 :])
        return Edit(
            text=f"{name} has other readers and is copied for {node.name}",
            remove=(node,),
            add=(copy, replace(node, inputs=inputs)),
            values=(value,),
        )
    return None


RULE = Rule(name="copy-operand", exact=True, match=match)
