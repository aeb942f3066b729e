"""Functions of single elements move in front of reshapes and transposes: exact.

Relu, Abs, Clip, and an affine function with the same parameters for all elements, do not care
where an element stands. In front, they belong to the layer that computes the elements.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import Abs, Affine, Clip, Relu, Reshape, Sigmoid, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """An element's function that alone reads a Reshape or Transpose of a private value."""
    view = graph.private_source(node)
    if view is None or not isinstance(view.op, Reshape | Transpose):
        return None
    if not _same_everywhere(node) or graph.source(view) is None:
        return None
    if graph.only_reader(view.inputs[0]) is not view:
        return None
    value = graph.value(node.output)
    middle = Value(
        name=graph.new_name(f"{node.output}.before_view"),
        shape=graph.shape(view.inputs[0]),
        origin=value.origin,
        declared=value.declared,
    )
    return Edit(
        text=f"{node.name} is applied before {view.name}",
        remove=(view, node),
        add=(
            replace(node, inputs=view.inputs, output=middle.name),
            replace(view, inputs=(middle.name,), output=node.output),
        ),
        values=(middle,),
    )


def _same_everywhere(node: Node) -> bool:
    op = node.op
    if isinstance(op, Affine):
        return op.scale.shape in ((), (1,)) and op.offset.shape in ((), (1,))
    return isinstance(op, Relu | Abs | Clip | Sigmoid)


RULE = Rule(name="move-before-view", exact=True, match=match)
