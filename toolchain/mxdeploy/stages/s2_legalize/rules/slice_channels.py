"""A range of channels is picked by a convolution with ones and zeros: exact.

Split and Slice along the channels become selections, which mostly vanish in the weights of their
neighbours. Where only the host works behind them, they are left to it.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Slice
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import only_host_follows
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import select


def match(graph: Graph, node: Node) -> Edit | None:
    """Slice along the channels that layers read."""
    op = node.op
    if not isinstance(op, Slice) or op.axis != 0 or only_host_follows(graph, node.output):
        return None
    channels = range(op.start, op.stop, op.step)
    new = select(graph.shape(node.inputs[0]), channels)
    if new is None:
        return None
    every = f", every {op.step}th" if op.step > 1 else ""
    return Edit(
        text=f"channels {op.start} to {op.stop - 1}{every} are selected",
        remove=(node,),
        add=(replace(node, op=new),),
    )


RULE = Rule(name="slice-channels", exact=True, match=match)
