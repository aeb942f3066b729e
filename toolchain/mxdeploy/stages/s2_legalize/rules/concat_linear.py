"""A matrix product with a concatenation is the sum of products with its parts: exact.

For parts that cannot lie side by side, flattened maps of different sizes, say. The products are
added element by element.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
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
    edges = np.cumsum([s[0] for s in shapes])[:-1]
    weights = np.split(op.weight.array, edges, axis=1)
    products = [
        Linear(weight=Tensor(weight), bias=None if number else op.bias)
        for number, weight in enumerate(weights)
    ]
    parts = [
        graph.beside(node, f"part{number}", product, (name,), graph.shape(node.output))
        for number, (name, product) in enumerate(zip(join.inputs, products, strict=True))
    ]
    total = replace(
        node,
        op=Elementwise(function="add"),
        inputs=tuple(written.name for _, written in parts),
        origin=graph.origins(join, node),
    )
    return Edit(
        text=f"{node.name} is the sum of products with the parts of {join.name}",
        remove=(join, node),
        add=(*(part for part, _ in parts), total),
        values=tuple(written for _, written in parts),
    )


def _pixels(graph: Graph, name: str) -> tuple[int, ...]:
    """Rows and columns of the map that vector ``name`` was flattened from."""
    view = graph.producer(name)
    if view is None or not isinstance(view.op, Reshape):
        return ()
    return tuple(n for n in graph.shape(view.inputs[0])[1:] if n != 1)


RULE = Rule(name="split-linear", exact=True, match=match)
