"""A function that no neighbouring layer can take over gets a layer of its own: exact.

Relu, Abs, Clip and per-channel factors and offsets are computed by a convolution with one tap and a
diagonal matrix. It costs a layer and, on the chip, one more rounding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Affine, LayerFunction
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, chip_map
from mxdeploy.stages.s2_legalize.layers import pointwise_spec
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.rules import activation
from mxdeploy.stages.s2_legalize.rules.activation import FREE, compose


def match(graph: Graph, node: Node) -> Edit | None:
    """Relu, Abs, Clip or Affine that is still alone."""
    op = node.op
    shape = graph.shape(node.output)
    if not isinstance(op, LayerFunction) or chip_map(shape) is None:
        return None
    if shape[0] > limits.MAX_CHANNELS.value or activation.match(graph, node) is not None:
        return None
    value = graph.value(node.output)
    spec = pointwise_spec(shape)
    diagonal = np.eye(shape[0], dtype=np.float32)
    bias = None
    if isinstance(op, Affine):
        if op.scale.shape not in ((), (1,), (shape[0],)):
            return None
        diagonal = diagonal * op.scale.array.astype(np.float32).reshape(-1, 1)
        offset = np.broadcast_to(op.offset.array.reshape(-1), (shape[0],))
        bias = Tensor(offset) if np.any(offset) else None
    else:
        state = compose(FREE, op)
        if state is None:
            return None
        function, low, high = state
        spec = replace(spec, activation=function)
        value = replace(value, clip=None if np.isinf(high) else (low, high))
    weight = Tensor(diagonal.reshape(shape[0], shape[0], 1, 1).astype(np.float32))
    layer = LayerOp(spec=spec, weight=weight, bias=bias)
    return Edit(
        text=f"{type(op).__name__} has no layer to belong to and becomes a 1x1 convolution",
        remove=(node,),
        add=(replace(node, op=layer),),
        values=(value,),
    )


RULE = Rule(name="identity-layer", exact=True, match=match)
