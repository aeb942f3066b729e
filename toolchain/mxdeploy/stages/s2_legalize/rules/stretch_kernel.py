"""A dilated 1-D kernel is written out with zeros between its taps: exact.

The chip has no dilation, but 1-D kernels of up to nine taps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(_graph: Graph, node: Node) -> Edit | None:
    """Dilated 1-D convolution whose stretched kernel has at most nine taps."""
    op = node.op
    if not isinstance(op, Conv) or len(op.dilations) != 1 or op.dilations[0] == 1:
        return None
    taps, dilation = op.weight.shape[2], op.dilations[0]
    length = (taps - 1) * dilation + 1
    if length > limits.MAX_CONV1D_KERNEL.value:
        return None
    weight = np.zeros((*op.weight.shape[:2], length), np.float32)
    weight[:, :, ::dilation] = op.weight.array
    stretched = replace(op, weight=Tensor(weight), dilations=(1,))
    return Edit(
        text=f"{taps} taps with dilation {dilation} are {length} taps with zeros between",
        remove=(node,),
        add=(replace(node, op=stretched),),
    )


RULE = Rule(name="stretch-kernel", exact=True, match=match)
