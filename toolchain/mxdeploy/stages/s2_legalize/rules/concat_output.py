"""A concatenation that is an output and is read by layers as well is done twice: exact.

Once for the layers, where its parts lie side by side, and once by the CPU from its parts.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Concat
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat whose value is an output with readers."""
    readers = graph.readers(node.output)
    if not isinstance(node.op, Concat) or not graph.is_output(node.output) or not readers:
        return None
    value = graph.value(node.output)
    inner = replace(value, name=graph.new_name(f"{value.name}.inside"))
    join = replace(node, name=graph.new_node_name(f"{node.name}.inside"), output=inner.name)
    changed = tuple(
        replace(r, inputs=tuple(inner.name if i == value.name else i for i in r.inputs))
        for r in readers
    )
    return Edit(
        text="the output is put together from the parts on the CPU",
        remove=(node,),
        add=(join, node),
        change=changed,
        values=(inner,),
    )


RULE = Rule(name="join-for-output", exact=True, match=match)
