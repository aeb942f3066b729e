"""Two affine functions in a row (mean and standard deviation, say) become one: exact."""

from __future__ import annotations

from dataclasses import replace

from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine that alone reads an Affine."""
    first = graph.private_source(node)
    if not isinstance(node.op, Affine) or first is None or not isinstance(first.op, Affine):
        return None
    scale = node.op.scale.array * first.op.scale.array
    offset = node.op.scale.array * first.op.offset.array + node.op.offset.array
    if scale.shape != offset.shape:
        scale = scale + 0 * offset
    merged = Affine(scale=Tensor(scale), offset=Tensor(offset))
    return Edit(
        text="two affine functions become one",
        remove=(first, node),
        add=(replace(node, op=merged, inputs=first.inputs, origin=graph.origins(first, node)),),
    )


RULE = Rule(name="merge-affine", exact=True, match=match)
