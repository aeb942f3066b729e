"""Rows and columns cut off behind a convolution are not computed: exact.

The convolution has less padding, or none and starts later; functions of single elements in between
have fewer elements. Causal convolutions are often written so: padded on both sides, and the end cut
off.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, LayerFunction, Pad
from mxdeploy.stages.s2_legalize.arrange.possible import is_possible
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Pad that only cuts off, and alone reads a convolution."""
    chain = [node]
    while (source := graph.private_source(chain[0])) is not None:
        chain.insert(0, source)
        if not isinstance(source.op, LayerFunction):
            break
    conv, *between = chain[:-1] or [node]
    if not isinstance(node.op, Pad) or not isinstance(conv.op, Conv):
        return None
    shape = graph.shape(node.output)
    cut = _cut(conv.op, node.op, graph.shape(conv.inputs[0]), shape)
    if cut is None:
        return None
    last = between[-1] if between else conv
    origin = graph.origins(conv, node)
    # What is read behind the Pad is now the last of the chain; the others only have fewer elements.
    kept = (replace(conv, op=cut, output=node.output, origin=origin), *between)
    if not is_possible(graph, kept[0]):
        return None
    kept = (replace(kept[0], output=conv.output), *between)
    return Edit(
        text=f"what {node.name} cuts off is not computed: padding {list(cut.pads)}",
        remove=(*chain,),
        add=(*kept[:-1], replace(kept[-1], output=node.output)),
        values=tuple(
            replace(graph.value(n.output), shape=shape) for n in (conv, *between) if n is not last
        ),
    )


def _cut(op: Conv, pad: Pad, before: tuple[int, ...], after: tuple[int, ...]) -> Conv | None:
    """``op`` without the rows and columns that ``pad`` cuts off; None if it puts in some."""
    axes = len(op.strides)
    begins, ends = pad.pads[: axes + 1], pad.pads[axes + 1 :]
    if len(after) != axes + 1 or len(before) != axes + 1:
        return None
    if max(pad.pads) > 0 or begins[0] or ends[0]:
        return None
    reach = [d * (k - 1) + 1 for k, d in zip(op.weight.shape[2:], op.dilations, strict=True)]
    front = tuple(b + s * n for b, s, n in zip(op.pads, op.strides, begins[1:], strict=False))
    behind = tuple(
        s * (m - 1) + r - n - b
        for s, m, r, n, b in zip(op.strides, after[1:], reach, before[1:], front, strict=True)
    )
    return replace(op, pads=(*front, *behind))


RULE = Rule(name="crop-behind", exact=True, match=match)
