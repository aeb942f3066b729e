"""Values are read where they lie, whatever shape they are shown in: exact.

A vector and a map of one pixel, or 1-D data and a map of one column, are the same on the chip.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.graph import Concat, Elementwise
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.layers import view_source, with_range
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Layer, Elementwise, or Concat along the channels that reads a value through a Reshape."""
    op = node.op
    if not isinstance(op, Elementwise | LayerOp) and (not isinstance(op, Concat) or op.axis != 0):
        return None
    inputs = tuple(_place(graph, name) for name in node.inputs)
    if inputs == node.inputs:
        return None
    views = [
        view
        for name, source in zip(node.inputs, inputs, strict=True)
        if name != source and (view := graph.producer(name)) is not None
    ]
    return Edit(
        text="values are read where they lie",
        remove=(node,),
        add=(replace(node, inputs=inputs, origin=graph.origins(*views, node)),),
        values=tuple(v for view in views for v in with_range(graph, view)),
    )


def _place(graph: Graph, name: str) -> str:
    source = view_source(graph, name)
    return source if chip_map(graph.shape(source)) == chip_map(graph.shape(name)) else name


RULE = Rule(name="read-in-place", exact=True, match=match)
