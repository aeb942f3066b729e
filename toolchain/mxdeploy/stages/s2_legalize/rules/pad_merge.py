"""A Pad with zeros in front of a convolution becomes part of its own padding: exact.

What it cuts off is negative padding: the kernel starts later, or ends earlier. Where the
convolution itself puts zeros in its place it stays.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, Pad
from mxdeploy.stages.s2_legalize.arrange.possible import is_possible
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Conv that reads a Pad of its spatial axes with zeros."""
    pad = graph.source(node)
    if not isinstance(node.op, Conv) or pad is None or not isinstance(pad.op, Pad):
        return None
    axes = len(node.op.strides)
    begins, ends = pad.op.pads[: axes + 1], pad.op.pads[axes + 1 :]
    extra = (*begins[1:], *ends[1:])
    if pad.op.value != 0 or begins[0] or ends[0] or len(extra) != len(node.op.pads):
        return None
    if any(more < 0 < own for more, own in zip(extra, node.op.pads, strict=True)):
        return None
    pads = tuple(a + b for a, b in zip(node.op.pads, extra, strict=True))
    merged = replace(node.op, pads=pads)
    new = replace(node, op=merged, inputs=pad.inputs, origin=graph.origins(pad, node))
    if min(extra) < 0 and not is_possible(graph, new):
        return None
    return Edit(
        text=f"the padding {list(extra)} belongs to {node.name}", remove=(node,), add=(new,)
    )


RULE = Rule(name="merge-pad", exact=True, match=match)
