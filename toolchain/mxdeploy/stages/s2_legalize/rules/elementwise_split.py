"""An addition of more operands than the chip takes becomes several: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Elementwise
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Elementwise with more than 16 operands: the first 16 are combined first."""
    most = limits.MAX_OPERANDS.value
    if not isinstance(node.op, Elementwise) or len(node.inputs) <= most:
        return None
    value = graph.value(node.output)
    part = replace(value, name=graph.new_name(f"{value.name}.part"), declared=None, clip=None)
    first = replace(
        node,
        name=graph.new_node_name(f"{node.name}.{len(node.inputs)}"),
        inputs=node.inputs[:most],
        output=part.name,
    )
    rest = replace(node, inputs=(part.name, *node.inputs[most:]))
    return Edit(
        text=f"{most} of the {len(node.inputs)} operands are combined first",
        remove=(node,),
        add=(first, rest),
        values=(part,),
    )


RULE = Rule(name="split-addition", exact=True, match=match)
