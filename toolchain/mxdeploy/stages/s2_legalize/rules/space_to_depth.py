"""Pixels that become channels are copied side by side, and every n-th pixel is taken: exact.

SpaceToDepth, or its Reshapes and Transposes. A convolution with one tap for every place in a block
makes moved copies; a pooling takes one pixel per block of all of them. Blocks of 2x2 and 3x3, and
of their products in several layers.
"""

from __future__ import annotations

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, GraphOp, Pooling
from mxdeploy.stages.s2_legalize.arrange.chains import Step, chain_edit
from mxdeploy.stages.s2_legalize.blocks import Blocks, chain_of, factors, to_channels
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.one_tap import plain_conv
from mxdeploy.stages.s2_legalize.rule import Rule

_SIZE = limits.CONV2D_KERNEL.value
Pixel = tuple[int, int, int]
"""Channel, row and column in a block."""


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshapes and Transposes that make channels of blocks of pixels."""
    chain = chain_of(graph, node)
    blocks = to_channels(graph, chain) if chain else None
    steps = None if blocks is None else factors(blocks.size, (2, _SIZE))
    if blocks is None or steps is None or blocks.channels.size > limits.MAX_CHANNELS.value:
        return None
    shape = graph.shape(chain[0].inputs[0])
    operations: list[Step] = []
    for word, op in _operations(blocks, steps):
        shape = _after(op, shape)
        operations.append((word, op, shape))
    operations[-1] = ("", *operations[-1][1:])
    text = (
        f"blocks of {blocks.size}x{blocks.size} pixels become channels: every "
        f"{blocks.size}th pixel of moved copies"
    )
    return chain_edit(graph, node, operations, text, replaced=chain, ranges=False)


def _operations(blocks: Blocks, steps: tuple[int, ...]) -> list[tuple[str, GraphOp]]:
    """Copies and poolings, in turn; the last copies come in the order of the channels."""
    operations: list[tuple[str, GraphOp]] = []
    pixels: list[Pixel] = [(c, 0, 0) for c in range(len(blocks.channels))]
    size = 1
    for number, factor in enumerate(steps):
        moved = {
            (c, size * row + i, size * column + j): (channel, row, column)
            for channel, (c, i, j) in enumerate(pixels)
            for row in range(factor)
            for column in range(factor)
        }
        size *= factor
        inputs, pixels = len(pixels), list(moved)
        if size == blocks.size:
            pixels.sort(key=lambda p: int(blocks.channels[p]))
        copies = _copies([moved[p] for p in pixels], inputs, factor)
        every = Pooling(
            average=False, size=(1, 1), strides=(factor, factor), pads=(0,) * 4, dilations=(1, 1)
        )
        operations += [(f"copies{number}", copies), (f"blocks{number}", every)]
    return operations


def _copies(moves: list[Pixel], inputs: int, factor: int) -> Conv:
    """``out[k, y, x] = in[c, y + i, x + j]`` for every (c, i, j) in ``moves``."""
    pad = _SIZE - factor  # so that the pixels of the last blocks are all seen
    weight = np.zeros((len(moves), inputs, _SIZE, _SIZE), np.float32)
    for output, (channel, row, column) in enumerate(moves):
        weight[output, channel, row + pad, column + pad] = 1
    return plain_conv(weight, (pad, pad))


def _after(op: GraphOp, shape: Shape) -> Shape:
    if isinstance(op, Conv):
        return (op.weight.shape[0], *(n + 2 * op.pads[0] - _SIZE + 1 for n in shape[1:]))
    step = op.strides[0] if isinstance(op, Pooling) else 1
    return (shape[0], *((n - 1) // step + 1 for n in shape[1:]))


RULE = Rule(name="space-to-depth", exact=True, match=match)
