"""What layers take of the kernel memories, as far as it is known before weights are quantized."""

from __future__ import annotations

from math import prod

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.network import LayerOp
from mxdeploy.ops.graph import Conv, ConvTranspose, Linear
from mxdeploy.stages.s2_legalize.graph import Graph

KERNEL_BYTES = mem.KERNEL_WORDS * mem.KERNEL_WORD_BYTES * mem.PROCESSORS
"""Bytes of all kernel memories."""

_PROCESSOR_BYTES = mem.KERNEL_WORDS * mem.KERNEL_WORD_BYTES


def weight_bytes(graph: Graph) -> int:
    """Bytes of all weights at 8 bits; grouped convolutions as the dense ones that they become."""
    total = 0
    for node in graph.network.nodes:
        op = node.op
        weight = op.weight if isinstance(op, LayerOp | Conv | ConvTranspose | Linear) else None
        groups = op.groups if isinstance(op, Conv | ConvTranspose) else 1
        total += 0 if weight is None else prod(weight.shape) * groups
    return total


def flatten_fits(channels: int, pixels: int, outputs: int) -> bool:
    """Whether a fully connected layer can read ``pixels`` of ``channels`` at once."""
    if channels > limits.MAX_CHANNELS.value or outputs > limits.MAX_CHANNELS.value:
        return False
    passes = limits.passes(channels) * pixels
    return (
        passes <= limits.MAX_FLATTEN_PASSES.value
        and channels * pixels <= limits.MAX_FLATTEN_INPUTS.value
        and passes * outputs <= _PROCESSOR_BYTES
    )
