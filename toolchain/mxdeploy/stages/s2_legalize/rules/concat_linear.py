"""A matrix product with a concatenation is the sum of products with its parts: exact.

For parts that cannot lie side by side, flattened maps of different sizes, say. The products are
added element by element.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Concat, Elementwise, Linear, Reshape
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Linear that alone reads a Concat of vectors, flattened from maps of different sizes."""
    op, join = node.op, graph.private_source(node)
    if not isinstance(op, Linear) or join is None or not isinstance(join.op, Concat):
        return None
    shapes = [graph.shape(name) for name in join.inputs]
    if any(len(s) != 1 for s in shapes) or len({_pixels(graph, n) for n in join.inputs}) == 1:
        return None
    value = graph.value(node.output)
    edges = np.cumsum([s[0] for s in shapes])[:-1]
    nodes: list[Node] = []
    values: list[Value] = []
    for name, weight in zip(join.inputs, np.split(op.weight.array, edges, axis=1), strict=True):
        number = len(nodes)
        part = Value(
            name=graph.new_name(f"{value.name}.part{number}"),
            shape=value.shape,
            origin=value.origin,
        )
        values.append(part)
        nodes.append(
            Node(
                name=graph.new_node_name(f"{node.name}.part{number}"),
                op=Linear(weight=Tensor(weight), bias=op.bias if number == 0 else None),
                inputs=(name,),
                output=part.name,
                origin=graph.origins(node),
            )
        )
    total = replace(
        node,
        op=Elementwise(function="add"),
        inputs=tuple(v.name for v in values),
        origin=graph.origins(join, node),
    )
    return Edit(
        text=f"{node.name} is the sum of products with the parts of {join.name}",
        remove=(join, node),
        add=(*nodes, total),
        values=tuple(values),
    )


def _pixels(graph: Graph, name: str) -> tuple[int, ...]:
    """Rows and columns of the map that vector ``name`` was flattened from."""
    view = graph.producer(name)
    if view is None or not isinstance(view.op, Reshape):
        return ()
    return tuple(n for n in graph.shape(view.inputs[0])[1:] if n != 1)


RULE = Rule(name="split-linear", exact=True, match=match)
