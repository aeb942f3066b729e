"""A multiplication by 1 or an addition of 0 is dropped: exact."""

from __future__ import annotations

import numpy as np

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Affine
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(_graph: Graph, node: Node) -> Edit | None:
    """Affine with scale 1 and offset 0."""
    op = node.op
    if not isinstance(op, Affine) or np.any(op.scale.array != 1) or np.any(op.offset.array != 0):
        return None
    return Edit(text="x * 1 + 0 is x", remove=(node,), rename=((node.output, node.inputs[0]),))


RULE = Rule(name="drop-affine", exact=True, match=match)
