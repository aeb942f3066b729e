"""A Pad with zeros in front of a convolution becomes part of its own padding: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, Pad
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Conv that reads a Pad of its spatial axes with zeros."""
    pad = graph.source(node)
    if not isinstance(node.op, Conv) or pad is None or not isinstance(pad.op, Pad):
        return None
    axes = len(node.op.strides)
    begins, ends = pad.op.pads[: axes + 1], pad.op.pads[axes + 1 :]
    if pad.op.value != 0 or begins[0] or ends[0] or min(pad.op.pads) < 0:
        return None
    extra = (*begins[1:], *ends[1:])
    pads = tuple(a + b for a, b in zip(node.op.pads, extra, strict=True))
    merged = replace(node.op, pads=pads)
    return Edit(
        text=f"the padding {list(extra)} belongs to {node.name}",
        remove=(node,),
        add=(replace(node, op=merged, inputs=pad.inputs, origin=graph.origins(pad, node)),),
    )


RULE = Rule(name="merge-pad", exact=True, match=match)
