"""An operand that is a concatenation is written as one value first: exact.

The operands of an element-wise layer lie interleaved; a join lies side by side. A 1x1 convolution
with the unit matrix brings its parts together.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import copy_of, is_join
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Element-wise layer that reads a Concat."""
    if not isinstance(node.op, LayerOp) or node.op.spec.eltwise is None:
        return None
    for position, name in enumerate(node.inputs):
        source = graph.producer(name)
        if source is None or not is_join(source.op):
            continue
        if graph.shape(name)[0] > limits.MAX_CHANNELS.value:
            continue
        copy, value = copy_of(graph, name, node, convolved=True)
        inputs = (*node.inputs[:position], value.name, *node.inputs[position + 1 :])
        return Edit(
            text=f"the parts of {source.name} are brought together by a 1x1 convolution with the "
            "unit matrix",
            remove=(node,),
            add=(copy, replace(node, inputs=inputs)),
            values=(value,),
        )
    return None


RULE = Rule(name="write-join", exact=True, match=match)
