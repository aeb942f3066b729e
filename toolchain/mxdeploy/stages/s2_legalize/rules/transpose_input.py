"""A Transpose of the input (channels last to channels first) is left to the loader: exact.

The input of the network becomes the transposed one; data are brought to the chip channel by
channel or pixel by pixel as the chip needs them, whatever the order in the file.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_CHANNELS_FIRST = ((1, 0), (2, 0, 1))


def match(graph: Graph, node: Node) -> Edit | None:
    """The only reader of the input moves the last axis to the front."""
    name = node.inputs[0]
    if name not in graph.network.inputs or graph.only_reader(name) is not node:
        return None
    if not _is_channels_last(graph, node):
        return None
    value = graph.value(name)
    shape = graph.shape(node.output)
    moved = replace(
        value, shape=shape, declared=graph.value(node.output).declared or value.declared
    )
    return Edit(
        text=f"the input is taken as {list(shape)} (channels first) instead of {list(value.shape)}",
        remove=(node,),
        values=(moved,),
        rename=((node.output, name),),
    )


def _is_channels_last(graph: Graph, node: Node) -> bool:
    if isinstance(node.op, Transpose):
        return node.op.axes in _CHANNELS_FIRST
    if not isinstance(node.op, Reshape):
        return False
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    return before[-1:] == (1,) and after == (1, *before[:-1])


RULE = Rule(name="input-channels-first", exact=True, match=match)
