"""Enlargement by 2, 4 ... (nearest neighbour) is done by transposed convolutions: exact.

Every pixel is copied to the four of a block by a kernel of ones, channel by channel; nothing is
rounded.
"""

from __future__ import annotations

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ConvTranspose, Upsample
from mxdeploy.stages.s2_legalize.arrange.chains import chain_edit
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.one_tap import diagonal
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.text import count

_STRIDE = limits.TRANSPOSED_STRIDE.value


def match(graph: Graph, node: Node) -> Edit | None:
    """Upsample by the same power of two in all directions."""
    op, shape = node.op, graph.shape(node.inputs[0])
    if not isinstance(op, Upsample) or len(set(op.factors)) != 1 or len(shape) < _STRIDE:
        return None
    factor, axes = op.factors[0], len(op.factors)
    steps = factor.bit_length() - 1
    if factor != _STRIDE**steps or not steps or shape[0] > limits.MAX_CHANNELS.value:
        return None
    kernel = diagonal(shape[0], np.ones((_STRIDE,) * axes, np.float32))
    twice = ConvTranspose(
        weight=Tensor(kernel.astype(np.float32)),
        bias=None,
        pads=(0,) * 2 * axes,
        strides=(_STRIDE,) * axes,
        dilations=(1,) * axes,
        output_padding=(0,) * axes,
        groups=1,
    )
    sizes = [(shape[0], *(n * _STRIDE**done for n in shape[1:])) for done in range(1, steps + 1)]
    words = (*(str(number) for number in range(1, steps)), "")
    layers = count(steps, "transposed convolution")
    text = f"enlargement by {factor}: {layers} with a constant kernel"
    chain = [(word, twice, size) for word, size in zip(words, sizes, strict=True)]
    return chain_edit(graph, node, chain, text)


RULE = Rule(name="enlarge", exact=True, match=match)
