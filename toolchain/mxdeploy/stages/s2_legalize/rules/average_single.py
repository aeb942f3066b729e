"""A single average that counts its padding is the average of the map times a factor: exact.

The factor is the share of the window that lies on the map. It is folded into the weights around.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import reshaped, windows


def match(graph: Graph, node: Node) -> Edit | None:
    """Padded average pooling to one pixel that counts its padding."""
    op, axes = node.op, windows(graph, node)
    if axes is None or not isinstance(op, Pooling) or not op.average or not any(op.pads):
        return None
    single = all(a.outputs == 1 and a.dilation == 1 for a in axes)
    if not op.count_include_pad or op.ceil_mode or not single:
        return None
    cut = tuple(replace(a, size=a.counted(0, 0, 0), begin=0, end=0) for a in axes)
    share = prod(a.size for a in cut) / prod(a.size for a in axes)
    value = graph.value(node.output)
    average = Value(name=graph.new_name(f"{value.name}.map"), shape=value.shape, origin=node.name)
    factor = Affine(
        scale=Tensor(np.array(share, np.float32)), offset=Tensor(np.zeros((), np.float32))
    )
    return Edit(
        text=f"averages the map, and the result is multiplied by {share:g}",
        remove=(node,),
        add=(
            replace(
                node,
                name=graph.new_node_name(f"{node.name}.map"),
                op=reshaped(op, cut),
                output=average.name,
            ),
            replace(node, op=factor, inputs=(average.name,)),
        ),
        values=(average,),
    )


RULE = Rule(name="single-average", exact=True, match=match)
