"""A pooling over every n-th pixel is a pooling of every n-th pixel: exact.

The dilation must be the same in both directions and divide the strides; then all windows lie on
every n-th pixel, which are taken first.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import reshaped, windows


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling without padding, with one dilation for all axes that divides the strides."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None or any(op.pads) or op.ceil_mode:
        return None
    step = axes[0].dilation
    if {a.dilation for a in axes} != {step} or step == 1:
        return None
    if any(a.stride % step and a.outputs > 1 for a in axes):
        return None
    ones = tuple(replace(a, size=1, stride=step, dilation=1) for a in axes)
    dense = tuple(replace(a, stride=-(-a.stride // step), dilation=1) for a in axes)
    shape = (graph.shape(node.output)[0], *((a.length - 1) // step + 1 for a in axes))
    keep = replace(reshaped(op, ones), average=False)
    first, kept = graph.beside(node, "keep", keep, node.inputs, shape)
    return Edit(
        text=f"takes every {step}th pixel, then pools without dilation",
        remove=(node,),
        add=(first, replace(node, op=reshaped(op, dense), inputs=(kept.name,))),
        values=(kept,),
    )


RULE = Rule(name="pool-every-nth", exact=True, match=match)
