"""A part of a wide concatenation that others read, too, is copied for it: exact.

The parts of a join that takes several passes lie interleaved, where nobody else can read them. A
copy passes through a layer of its own. Values of more than 64 channels cannot pass into a join: a
1x1 convolution with the unit matrix writes them.
"""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.joins import (
    can_be_joined,
    copy_of,
    is_join,
    is_private,
    passes_of,
    weighted_readers,
)
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Concat of several passes with a part that it cannot have for itself."""
    if not is_join(node.op) or not can_be_joined(graph, node.inputs):
        return None
    if weighted_readers(graph, node) is None or passes_of(graph, node.inputs) == 1:
        return None
    for position, name in enumerate(node.inputs):
        wide = limits.passes(graph.shape(name)[0]) > 1
        passed = wide and _passes_through(graph.producer(name))
        if is_private(graph, name) and not passed:
            continue
        copy, value = copy_of(graph, name, node, convolved=wide)
        inputs = (*node.inputs[:position], value.name, *node.inputs[position + 1 :])
        how = "by a 1x1 convolution with the unit matrix" if wide else f"for {node.name}"
        return Edit(
            text=f"{name} is copied {how}",
            remove=(node,),
            add=(copy, replace(node, inputs=inputs)),
            values=(value,),
        )
    return None


def _passes_through(producer: Node | None) -> bool:
    return (
        producer is not None
        and isinstance(producer.op, LayerOp)
        and producer.op.spec.kind is Kind.PASSTHROUGH
    )


RULE = Rule(name="copy-part", exact=True, match=match)
