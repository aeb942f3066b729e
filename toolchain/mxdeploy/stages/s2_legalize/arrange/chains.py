"""Several nodes in place of one, each reading the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import GraphOp
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape

Step = tuple[str, GraphOp, Shape]
"""Word for its name (empty: the node's own), operator, shape of its value."""


def chain_edit(graph: Graph, node: Node, steps: Sequence[Step], text: str) -> Edit:
    """``steps`` in place of ``node``; the last writes its value.

    Values in front of the node's own step have the range of what it reads, the others that of what
    it writes.
    """
    result = graph.value(node.output)
    known = graph.value(node.inputs[0])
    source = known.name
    nodes: list[Node] = []
    values: list[Value] = []
    for number, (word, op, shape) in enumerate(steps):
        known = known if word and known is not result else result
        last = number == len(steps) - 1
        name = node.output if last else graph.new_name(f"{node.output}.{word or 'full'}")
        label = graph.new_node_name(f"{node.name}.{word}") if word else node.name
        nodes.append(replace(node, name=label, op=op, inputs=(source,), output=name))
        values.append(replace(known, name=name, shape=shape, origin=node.name))
        source = name
    return Edit(text=text, remove=(node,), add=tuple(nodes), values=tuple(values))
