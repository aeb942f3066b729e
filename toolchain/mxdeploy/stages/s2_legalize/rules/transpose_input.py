"""A Transpose of the input (channels last to channels first) is left to the host: exact.

The input of the network becomes the transposed one; it is brought to the chip channel by channel
or pixel by pixel as the chip needs it, whatever the order in the model.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops import head
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_CHANNELS_FIRST = ((1, 0), (2, 0, 1))


def match(graph: Graph, node: Node) -> Edit | None:
    """The first reader of the input moves the last axis to the front; others read it moved back."""
    name = node.inputs[0]
    if name not in graph.network.inputs or graph.is_output(name):
        return None
    if graph.readers(name)[0].name != node.name:
        return None
    step = _channels_first(graph, node)
    if step is None:
        return None
    value = graph.value(name)
    shape = graph.shape(node.output)
    moved = replace(
        value, shape=shape, declared=graph.value(node.output).declared or value.declared
    )
    back = Value(name=graph.new_name(f"{name}.channels_last"), shape=value.shape, origin=name)
    view = Node(
        name=graph.new_node_name(f"{name}.view"),
        op=Transpose(axes=(*range(1, len(shape)), 0)),
        inputs=(name,),
        output=back.name,
        origin=node.origin,
    )
    others = tuple(
        replace(reader, inputs=tuple(back.name if i == name else i for i in reader.inputs))
        for reader in graph.readers(name)
        if reader.name != node.name
    )
    return Edit(
        text=f"the input is taken as {list(shape)} (channels first) instead of {list(value.shape)}",
        remove=(node,),
        add=(view,) if others else (),
        change=others,
        values=(moved, back) if others else (moved,),
        rename=((node.output, name),),
        head=(step,),
    )


def _channels_first(graph: Graph, node: Node) -> head.HeadOp | None:
    if isinstance(node.op, Transpose) and node.op.axes in _CHANNELS_FIRST:
        return head.Transpose(origin=node.name, axes=node.op.axes)
    if not isinstance(node.op, Reshape):
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if before[-1:] != (1,) or after != (1, *before[:-1]):
        return None
    # With one channel the order is the same; said as a Transpose, it tells how the model counts.
    return head.Transpose(origin=node.name, axes=(len(before) - 1, *range(len(before) - 1)))


RULE = Rule(name="input-channels-first", exact=True, match=match)
