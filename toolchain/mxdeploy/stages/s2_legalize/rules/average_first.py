"""An average pooling behind a 1x1 convolution moves in front of it: exact.

Both are linear, and a 1x1 convolution does not mix pixels. In front, the pooling is done while the
convolution reads, and the convolution's sums are not rounded to 8 bits before they are averaged.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Conv, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.average_convolution import is_pointwise


def match(graph: Graph, node: Node) -> Edit | None:
    """Legal average pooling that alone reads a 1x1 convolution of a value that is not pooled."""
    conv = graph.private_source(node)
    if not isinstance(node.op, Pooling) or not node.op.average or conv is None:
        return None
    if not isinstance(conv.op, Conv) or not is_pointwise(conv.op):
        return None
    before = graph.source(conv)
    if before is not None and isinstance(before.op, Pooling):
        return None
    shape = graph.shape(conv.inputs[0])
    if graph.value(conv.output).declared is not None or not shape:
        return None
    if constraints.violated(constraints.POOLING, node.op, shape):
        return None
    value = graph.value(node.output)
    middle = Value(
        name=graph.new_name(f"{value.name}.pooled"),
        shape=(shape[0], *value.shape[1:]),
        origin=value.origin,
    )
    return Edit(
        text=f"{node.name} is done before {conv.name}",
        remove=(conv, node),
        add=(
            replace(node, inputs=conv.inputs, output=middle.name),
            replace(conv, inputs=(middle.name,), output=node.output),
        ),
        values=(middle,),
    )


RULE = Rule(name="average-first", exact=True, match=match)
