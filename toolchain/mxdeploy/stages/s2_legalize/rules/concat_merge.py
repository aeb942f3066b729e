"""A concatenation of concatenations is one, and so are two of the same parts: exact.

One of a single value is nothing.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Concat
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat of one value, or with a part that is a Concat along the same axis, or done before."""
    if not isinstance(node.op, Concat):
        return None
    if len(node.inputs) == 1:
        return Edit(
            text="a single part is the whole",
            remove=(node,),
            rename=((node.output, node.inputs[0]),),
        )
    same = next(r for r in graph.readers(node.inputs[0]) if (r.op, r.inputs) == _kind(node))
    if same is not node and not graph.is_output(node.output):
        return Edit(
            text=f"{same.name} joins the same parts",
            remove=(node,),
            rename=((node.output, same.output),),
        )
    for position, name in enumerate(node.inputs):
        inner = graph.producer(name)
        if inner is None or inner.op != node.op or graph.is_output(name):
            continue
        parts = (*node.inputs[:position], *inner.inputs, *node.inputs[position + 1 :])
        return Edit(
            text=f"the parts of {inner.name} are parts of {node.name}",
            remove=(node,),
            add=(replace(node, inputs=parts, origin=graph.origins(inner, node)),),
        )
    return None


def _kind(node: Node) -> tuple[object, tuple[str, ...]]:
    return node.op, node.inputs


RULE = Rule(name="merge-concatenations", exact=True, match=match)
