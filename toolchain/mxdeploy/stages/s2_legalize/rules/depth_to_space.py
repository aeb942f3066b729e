"""Channels that become pixels are spread by a transposed convolution with one tap: exact.

DepthToSpace, the pixel shuffle behind an enlargement. The transposed convolution doubles the map,
and every pixel of a block of 2x2 is a copy of one channel; larger blocks take several layers.
"""

from __future__ import annotations

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import ConvTranspose
from mxdeploy.stages.s2_legalize.arrange.chains import Step, chain_edit
from mxdeploy.stages.s2_legalize.blocks import Positions, chain_of, factors, to_pixels
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.text import count

_STRIDE = limits.TRANSPOSED_STRIDE.value
_SIZE = limits.CONV2D_KERNEL.value


def match(graph: Graph, node: Node) -> Edit | None:
    """Reshapes and Transposes that make blocks of 2x2, 4x4 ... pixels of channels."""
    chain = chain_of(graph, node)
    blocks = to_pixels(graph, chain) if chain else None
    steps = None if blocks is None else factors(blocks.size, (_STRIDE,))
    if blocks is None or steps is None or blocks.channels.size > limits.MAX_CHANNELS.value:
        return None
    _, rows, columns = graph.shape(chain[0].inputs[0])
    channels = blocks.channels
    spreads: list[Step] = []
    for number in range(1, len(steps) + 1):
        quads, channels = _step(channels)
        size = (len(quads), rows * _STRIDE**number, columns * _STRIDE**number)
        spreads.append((str(number) if number < len(steps) else "", _spread(quads), size))
    text = (
        f"channels become blocks of {blocks.size}x{blocks.size} pixels in "
        f"{count(len(steps), 'transposed convolution')} with one tap"
    )
    return chain_edit(graph, node, spreads, text, replaced=chain, ranges=False)


def _step(channels: Positions) -> tuple[Positions, Positions]:
    """The source channels of the 2x2 pixels of every channel after one step; what is left to do.

    A channel of the step has the pixels that stand at the same place of blocks of half the size.
    """
    count, size, _ = channels.shape
    half = size // _STRIDE
    parts = channels.reshape(count, _STRIDE, half, _STRIDE, half).transpose(0, 2, 4, 1, 3)
    left = np.arange(count * half * half).reshape(count, half, half)
    return parts.reshape(-1, _STRIDE, _STRIDE), left


def _spread(channels: Positions) -> ConvTranspose:
    """Pixel (i, j) of every block of output ``o`` is a copy of channel ``channels[o, i, j]``."""
    outputs = len(channels)
    weight = np.zeros((channels.size, outputs, _SIZE, _SIZE), np.float32)
    for row in range(_STRIDE):
        for column in range(_STRIDE):
            weight[channels[:, row, column], np.arange(outputs), 1 + row, 1 + column] = 1
    return ConvTranspose(
        weight=Tensor(weight), bias=None, pads=(1, 1, 1, 1), strides=(_STRIDE, _STRIDE),
        dilations=(1, 1), output_padding=(1, 1), groups=1,
    )  # fmt: skip


RULE = Rule(name="depth-to-space", exact=True, match=match)
