"""The host puts zeros around the input that no convolution takes over: exact.

It also leaves out rows and columns that are cut off.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops import head
from mxdeploy.ops.graph import Pad
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_MAP = 3


def match(graph: Graph, node: Node) -> Edit | None:
    """Pad with zeros of rows and columns, or without some, that alone reads the input."""
    op, name = node.op, node.inputs[0]
    if not isinstance(op, Pad) or name not in graph.network.inputs or op.value != 0:
        return None
    if graph.only_reader(name) is not node or not graph.readers(node.output):
        return None
    axes = len(op.pads) // 2
    begins, ends = op.pads[:axes], op.pads[axes:]
    if axes not in (_MAP, _MAP - 1) or begins[0] or ends[0]:
        return None
    (top, left), (bottom, right) = (*begins[1:], 0)[:2], (*ends[1:], 0)[:2]
    value = graph.value(name)
    moved = replace(
        value,
        shape=graph.shape(node.output),
        declared=graph.value(node.output).declared or value.declared,
    )
    return Edit(
        text=f"{list(moved.shape)} are written to the chip"
        + ", zeros included" * (max(op.pads) > 0),
        remove=(node,),
        values=(moved,),
        rename=((node.output, name),),
        head=(head.Pad(origin=node.name, pads=(top, left, bottom, right)),),
    )


RULE = Rule(name="host-pad", exact=True, match=match)
