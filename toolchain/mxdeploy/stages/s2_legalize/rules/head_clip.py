"""A Clip of the input by bounds that 8 bits do not have is left to the host: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops import head
from mxdeploy.ops.graph import Clip, Relu
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Clip or Relu that alone reads the input."""
    op, name = node.op, node.inputs[0]
    if not isinstance(op, Clip | Relu) or name not in graph.network.inputs:
        return None
    value = graph.value(name)
    if graph.only_reader(name) is not node or value.clip is not None:
        return None
    if not graph.readers(node.output):
        return None
    low, high = (op.low, op.high) if isinstance(op, Clip) else (0.0, float("inf"))
    if not low <= high or low > 0 or high < 0:
        return None  # the zeros around the input would be moved as well
    return Edit(
        text="is computed on the CPU, in front of the network",
        remove=(node,),
        values=(replace(value, declared=graph.value(node.output).declared or value.declared),),
        rename=((node.output, name),),
        head=(head.Clip(origin=node.name, low=low, high=high),),
    )


RULE = Rule(name="host-clip", exact=True, match=match)
