"""What follows a border that is cut off, or made of zeros, moves in front of it: exact.

Functions of single elements do not care what else is there; those that leave zero zero may also be
applied before zeros are put around a map. In front they belong to the layer that computes the map,
and the border to the convolution behind.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Abs, Clip, Pad, Relu
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Relu, Abs or Clip that alone reads a Pad of a computed value that nobody else reads."""
    pad = graph.private_source(node)
    if pad is None or not isinstance(pad.op, Pad) or graph.source(pad) is None:
        return None
    if graph.only_reader(pad.inputs[0]) is not pad or not _commutes(pad.op, node):
        return None
    value = graph.value(node.output)
    middle = replace(
        value, name=graph.new_name(f"{value.name}.before_pad"), shape=graph.shape(pad.inputs[0])
    )
    return Edit(
        text=f"{node.name} is applied before {pad.name}",
        remove=(pad, node),
        add=(
            replace(node, inputs=pad.inputs, output=middle.name),
            replace(pad, inputs=(middle.name,), output=node.output),
        ),
        values=(middle,),
    )


def _commutes(pad: Pad, node: Node) -> bool:
    if isinstance(node.op, Relu | Abs):
        keeps_zero = True
    elif isinstance(node.op, Clip):
        keeps_zero = node.op.low <= 0 <= node.op.high
    else:
        return False
    return max(pad.pads) <= 0 or (keeps_zero and pad.value == 0)


RULE = Rule(name="move-before-pad", exact=True, match=match)
