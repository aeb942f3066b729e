"""Padding and cutting of a map with its channels last is done with the channels first: exact.

The Transpose moves behind; further on it meets the one that brings the channels to the front again.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import LayerOp, Node, Value
from mxdeploy.ops.graph import GraphOp, Pad, Slice, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Pad or Slice, for more than the CPU, of a map whose channels were brought to the end."""
    view = graph.source(node)
    if view is None or not isinstance(view.op, Transpose) or not is_channels_last(view.op.axes):
        return None
    shape, value = graph.shape(node.output), graph.value(node.output)
    op = _moved(node.op, view.op.axes)
    if op is None or not shape or graph.is_output(node.output):
        return None
    first = Value(
        name=graph.new_name(f"{value.name}.channels_first"),
        shape=(shape[-1], *shape[:-1]),
        origin=value.origin,
        declared=value.declared,
    )
    return Edit(
        text=f"{node.name} is done with the channels first",
        remove=(node,),
        add=(
            replace(
                node, op=op, inputs=view.inputs, output=first.name,
                origin=graph.origins(view, node),
            ),
            replace(
                view, name=graph.new_node_name(f"{node.name}.view"), inputs=(first.name,),
                output=value.name,
            ),
        ),
        values=(first,),
    )  # fmt: skip


def is_channels_last(axes: tuple[int, ...]) -> bool:
    """Whether a Transpose by ``axes`` brings the channels to the end."""
    return len(axes) > 1 and axes == (*range(1, len(axes)), 0)


def _moved(op: GraphOp | LayerOp, axes: tuple[int, ...]) -> Pad | Slice | None:
    """``op`` on what is transposed by ``axes`` to give its operand."""
    if isinstance(op, Slice):
        return replace(op, axis=axes[op.axis])
    if not isinstance(op, Pad):
        return None
    rank = len(axes)
    pads = [0] * (2 * rank)
    for place, axis in enumerate(axes):
        pads[axis], pads[rank + axis] = op.pads[place], op.pads[rank + place]
    return replace(op, pads=tuple(pads))


RULE = Rule(name="move-transpose-behind", exact=True, match=match)
