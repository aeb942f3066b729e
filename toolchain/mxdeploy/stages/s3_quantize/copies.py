"""Layers with weights that only copy: enlargement, selection of channels, a value put elsewhere.

Such a layer is lossless when its input and output share a scale: with weights of a power of two and
the shift that takes it back, every output integer is an input integer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s3_quantize.averages import averaging_pool
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s3_quantize.wiring import layer_of

_NARROWEST: WeightBits = 2
"""The narrowest width that has a power of two among its weights (one bit has 0 and -1)."""


def is_copy(op: LayerOp) -> bool:
    """Whether every output of a layer with 8-bit output is one element of its operand, or zero.

    The operand is what the layer convolves: its inputs pooled and combined.
    """
    if op.weight is None or op.spec.output_bits != DATA_BITS:
        return False
    if op.bias is not None and op.bias.array.any():
        return False
    weight = op.weight.array
    ones = weight == 1
    if not (ones | (weight == 0)).all():
        return False
    return all(
        int(group.reshape(len(group), -1).sum(axis=1).max(initial=0)) <= 1
        for group in _terms(op.spec, ones)
    )


def _terms(spec: LayerSpec, ones: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """The weights that meet in one sum; a transposed convolution has four kinds of sums."""
    if spec.kind is not Kind.CONV_TRANSPOSE2D:
        return [ones]
    # Every second row and column of what it convolves is zero.
    return [ones[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]


def is_averaged_copy(network: Network, node: Node) -> bool:
    """Whether a layer is a copy of which only averages are read: those may want a finer scale."""
    return is_copy(layer_of(node)) and averaging_pool(network, node.output) is not None


def keeps_scale(network: Network, node: Node) -> bool:
    """Whether a layer is a copy whose output may have the scale of its input.

    It may when nothing but the limits of 8 bits bounds the output: no clip, or one that the input
    already obeys.
    """
    op = layer_of(node)
    if not is_copy(op):
        return False
    output, source = network.value(node.output), network.value(node.inputs[0])
    if output.clip is None:
        return True
    if source.clip is None or op.spec.eltwise is not None:
        return False
    low, high = _activated(source.clip, op.spec.activation)
    return output.clip[0] <= low and high <= output.clip[1]


def _activated(bounds: tuple[float, float], activation: Activation) -> tuple[float, float]:
    low, high = bounds
    match activation:
        case Activation.NONE:
            return low, high
        case Activation.RELU:
            return max(low, 0.0), max(high, 0.0)
        case Activation.ABS:
            return 0.0, max(-low, high)


def copy_bits(bits: WeightBits) -> WeightBits:
    """The width of a copy's weights where others have ``bits``."""
    return max(bits, _NARROWEST)
