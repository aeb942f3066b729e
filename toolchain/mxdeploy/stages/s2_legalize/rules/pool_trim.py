"""A pooling's padding is cut to what its windows reach, and ceil_mode becomes padding: exact.

Behind the last window padding has no effect. Windows that stand out of the map with ceil_mode are
windows over padding. A single window is cut to the map itself, which it then covers without
padding; an average that counts its padding keeps it.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, reshaped, windows


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling with padding or ceil_mode, some of which has no effect or is padding."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None:
        return None
    counts_padding = op.average and op.count_include_pad
    beyond = [a.reach - a.begin - a.length for a in axes]
    stands_out = counts_padding and any(
        b > a.end for a, b in zip(axes, beyond, strict=True)
    )  # its overhang is not counted: not the same as padding
    if stands_out:
        return None
    trimmed = tuple(replace(a, end=max(b, 0)) for a, b in zip(axes, beyond, strict=True))
    if not counts_padding:
        trimmed = tuple(_single(a) for a in trimmed)
    new = reshaped(op, trimmed)
    if new == replace(op, dilations=new.dilations):
        return None
    return Edit(
        text=f"window {list(op.size)} with padding {list(op.pads)}"
        f"{' and ceil_mode' * op.ceil_mode} is {list(new.size)} with {list(new.pads)}",
        remove=(node,),
        add=(replace(node, op=new),),
    )


def _single(axis: Window) -> Window:
    """A window that is the only one, without its part in the padding."""
    if axis.outputs != 1 or axis.dilation != 1 or not axis.begin + axis.end:
        return axis
    return replace(axis, size=axis.counted(0, 0, 0), begin=0, end=0)


RULE = Rule(name="trim-pooling", exact=True, match=match)
