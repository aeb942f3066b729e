"""Values that come together in the same strange order are put in it together: exact.

Operands of an addition, or parts of a concatenation, that are all transposed or all re-shaped alike
are combined first and transposed or re-shaped once. Models that keep their channels last become
networks with the channels first, step by step.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node, Value
from mxdeploy.ops.graph import Concat, Elementwise, GraphOp, Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.joins import only_host_follows
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Elementwise or Concat, for more than the CPU, that reads nothing but equal views."""
    if not isinstance(node.op, Elementwise | Concat) or only_host_follows(graph, node.output):
        return None
    views = [v for v in map(graph.producer, node.inputs) if v is not None]
    if len(views) < len(node.inputs):
        return None
    shapes = [graph.shape(v.inputs[0]) for v in views]
    found = _before(node.op, [v.op for v in views], shapes)
    if found is None:
        return None
    op, shape = found
    value = graph.value(node.output)
    combined = Value(
        name=graph.new_name(f"{value.name}.before_view"),
        shape=shape,
        origin=value.origin,
        declared=value.declared,
        clip=value.clip,
    )
    view = Node(
        name=graph.new_node_name(f"{node.name}.view"),
        op=Reshape(shape=value.shape) if isinstance(views[0].op, Reshape) else views[0].op,
        inputs=(combined.name,),
        output=value.name,
        origin=node.origin,
    )
    return Edit(
        text=f"{node.name} is done before its operands are put in another order",
        remove=(node,),
        add=(
            replace(node, op=op, inputs=tuple(v.inputs[0] for v in views), output=combined.name),
            view,
        ),
        values=(combined,),
    )


def _before(
    op: Elementwise | Concat, views: list[GraphOp | LayerOp], shapes: list[Shape]
) -> tuple[Elementwise | Concat, Shape] | None:
    """The operation in front of the views, and the shape of its result."""
    if not all(shapes):
        return None
    if all(isinstance(v, Reshape) for v in views):
        return _before_reshapes(op, shapes)
    first = views[0]
    if not isinstance(first, Transpose) or any(v != first for v in views):
        return None
    if isinstance(op, Elementwise):
        return (op, shapes[0]) if len(set(shapes)) == 1 else None
    axis = first.axes[op.axis]
    joined = list(shapes[0])
    joined[axis] = sum(s[axis] for s in shapes)
    return Concat(axis=axis), tuple(joined)


def _before_reshapes(
    op: Elementwise | Concat, shapes: list[Shape]
) -> tuple[Elementwise | Concat, Shape] | None:
    """Elements keep their order: parts follow each other along the first axis as before."""
    if isinstance(op, Elementwise):
        return (op, shapes[0]) if len(set(shapes)) == 1 else None
    if op.axis != 0 or len({s[1:] for s in shapes}) > 1:
        return None
    return op, (sum(s[0] for s in shapes), *shapes[0][1:])


RULE = Rule(name="move-view-behind", exact=True, match=match)
