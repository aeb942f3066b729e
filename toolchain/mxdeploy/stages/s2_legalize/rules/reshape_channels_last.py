"""Rows and columns that are counted anew with the channels last are with the channels first: exact.

A Reshape that keeps the last axis does not touch the channels of a map that were brought there; the
Transpose moves behind it.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node, Value
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules.transpose_behind import is_channels_last


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshape, for more than the CPU, that keeps the last axis of a map with its channels last."""
    view = graph.source(node)
    if not isinstance(node.op, Reshape) or view is None or not isinstance(view.op, Transpose):
        return None
    before, after = graph.shape(view.output), graph.value(node.output)
    if not is_channels_last(view.op.axes) or len(after.shape) < 2:  # noqa: PLR2004 - pixels too
        return None
    if not before or after.shape[-1] != before[-1] or graph.is_output(node.output):
        return None
    shape = (after.shape[-1], *after.shape[:-1])
    first = Value(
        name=graph.new_name(f"{after.name}.channels_first"),
        shape=shape,
        origin=after.origin,
        declared=after.declared,
    )
    back = Transpose(axes=(*range(1, len(shape)), 0))
    return Edit(
        text=f"{node.name} counts rows and columns with the channels first",
        remove=(node,),
        add=(
            replace(
                node, op=Reshape(shape=shape), inputs=view.inputs, output=first.name,
                origin=graph.origins(view, node),
            ),
            replace(
                view, name=graph.new_node_name(f"{node.name}.view"), op=back,
                inputs=(first.name,), output=after.name,
            ),
        ),
        values=(first,),
    )  # fmt: skip


RULE = Rule(name="reshape-channels-first", exact=True, match=match)
