"""A positive factor behind an activation moves in front of it: exact.

``s * relu(x)`` is ``relu(s * x)``, likewise for the absolute value, and a Clip has its bounds
multiplied. In front, the factor belongs to the weights of the layer that is activated: the branch
of a residual block that is scaled before it is added, for example.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Abs, Affine, Clip, Relu
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.selection import has_no_own_range


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine without offset that alone reads Relu, Abs or Clip of a value of its own."""
    op, source = node.op, graph.private_source(node)
    if not isinstance(op, Affine) or source is None or graph.source(source) is None:
        return None
    if graph.only_reader(source.inputs[0]) is not source or not has_no_own_range(graph, source):
        return None
    if np.any(op.offset.array != 0) or not np.all(op.scale.array.astype(np.float64) > 0):
        return None
    function = _scaled(source.op, op)
    if function is None:
        return None
    value = graph.value(node.output)
    middle = replace(
        value, name=graph.new_name(f"{value.name}.before_activation"), declared=None, clip=None
    )
    return Edit(
        text=f"{node.name} is applied before {source.name}",
        remove=(source, node),
        add=(
            replace(node, inputs=source.inputs, output=middle.name),
            replace(source, op=function, inputs=(middle.name,), output=value.name),
        ),
        values=(middle,),
    )


def _scaled(op: object, affine: Affine) -> Relu | Abs | Clip | None:
    """The activation behind the factor; None when it is none, or cannot be that."""
    if isinstance(op, Relu | Abs):
        return op
    if not isinstance(op, Clip) or affine.scale.array.size != 1:
        return None
    factor = float(affine.scale.array.reshape(()))
    return Clip(low=op.low * factor, high=op.high * factor)


RULE = Rule(name="scale-before-activation", exact=True, match=match)
