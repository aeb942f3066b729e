"""Two affine functions in a row (mean and standard deviation, say) become one: exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Affine
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.numbers import single
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Affine that alone reads an Affine."""
    first = graph.private_source(node)
    if not isinstance(node.op, Affine) or first is None or not isinstance(first.op, Affine):
        return None
    inner_scale, inner_offset, outer_scale, outer_offset = (
        t.array.astype(np.float64)
        for t in (first.op.scale, first.op.offset, node.op.scale, node.op.offset)
    )
    scale, offset = np.broadcast_arrays(
        outer_scale * inner_scale, outer_scale * inner_offset + outer_offset
    )
    merged = Affine(scale=single(scale), offset=single(offset))
    return Edit(
        text="two affine functions become one",
        remove=(first, node),
        add=(replace(node, op=merged, inputs=first.inputs, origin=graph.origins(first, node)),),
    )


RULE = Rule(name="merge-affine", exact=True, match=match)
