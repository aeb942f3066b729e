"""Relu behind a Clip is the Clip from 0: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Clip, Relu
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Relu that alone reads a Clip with a positive upper bound."""
    clip = graph.private_source(node)
    if not isinstance(node.op, Relu) or clip is None or not isinstance(clip.op, Clip):
        return None
    if clip.op.high <= 0:
        return None
    merged = Clip(low=max(clip.op.low, 0.0), high=clip.op.high)
    origin = graph.origins(clip, node)
    return Edit(
        text=f"{clip.name} and {node.name} are one Clip",
        remove=(clip, node),
        add=(replace(node, op=merged, inputs=clip.inputs, origin=origin),),
    )


RULE = Rule(name="merge-clip-relu", exact=True, match=match)
