"""A grouped or depthwise convolution becomes a dense one: exact.

On the chip every output channel reads all input channels. The weights between channels of
different groups are zero: no more cycles than any convolution of as many channels, but as many
weights as a dense one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule


def match(graph: Graph, node: Node) -> Edit | None:
    """Convolution with several groups and as many channels as the chip has."""
    op = node.op
    if not isinstance(op, Conv | ConvTranspose) or op.groups == 1:
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    if not before or not after or max(before[0], after[0]) > limits.MAX_CHANNELS.value:
        return None
    weight = op.weight.array
    # The first axis counts all channels on one side, the second those of a group on the other.
    first, second, *taps = weight.shape
    dense = np.zeros((first, second * op.groups, *taps), weight.dtype)
    share = first // op.groups
    for group in range(op.groups):
        rows = slice(group * share, (group + 1) * share)
        dense[rows, group * second : (group + 1) * second] = weight[rows]
    return Edit(
        text=f"{op.groups} groups: dense weights with zeros between the groups, {dense.size} "
        f"instead of {weight.size}",
        remove=(node,),
        add=(replace(node, op=replace(op, weight=Tensor(dense), groups=1)),),
    )


RULE = Rule(name="dense-groups", exact=True, match=match)
