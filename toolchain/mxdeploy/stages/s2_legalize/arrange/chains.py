"""Several nodes in place of one, each reading the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import GraphOp
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape

Step = tuple[str, GraphOp, Shape]
"""Word for its name (empty: the node's own), operator, shape of its value."""


def chain_edit(
    graph: Graph,
    node: Node,
    steps: Sequence[Step],
    text: str,
    *,
    replaced: tuple[Node, ...] = (),
    ranges: bool = True,
) -> Edit:
    """``steps`` in place of ``node``; the last writes its value.

    Args:
        graph: the graph.
        node: what is done in steps.
        steps: in order; one of them may be the node's own.
        text: what was done, for the report.
        replaced: a chain of nodes of which ``node`` is the last, when the steps take its place.
        ranges: what lies between has the range of what is read, in front of the node's own step,
            and of what is written, behind; otherwise no range is known of it.
    """
    nodes: list[Node] = []
    values: list[Value] = []
    source, result = graph.value((*replaced, node)[0].inputs[0]), graph.value(node.output)
    known, read = source, source.name
    origin = graph.origins(*replaced) if replaced else node.origin
    for number, (word, op, shape) in enumerate(steps):
        known = known if word and known is not result else result
        last = number == len(steps) - 1
        name = node.output if last else graph.new_name(f"{node.output}.{word or 'full'}")
        label = graph.new_node_name(f"{node.name}.{word}") if word else node.name
        nodes.append(replace(node, name=label, op=op, inputs=(read,), output=name, origin=origin))
        if ranges:
            values.append(replace(known, name=name, shape=shape, origin=node.name))
        elif not last:
            values.append(Value(name=name, shape=shape, origin=node.name))
        read = name
    return Edit(text=text, remove=replaced or (node,), add=tuple(nodes), values=tuple(values))
