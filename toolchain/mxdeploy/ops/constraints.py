"""What a layer must satisfy to run on the chip; one function per constraint."""

from __future__ import annotations

from typing import Any

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp
from mxdeploy.ops.constraint import Constraint, Op, Shape, by, constraint
from mxdeploy.ops.constraints_convolution import (
    CONV,
    CONV_ALONE,
    CONV_TRANSPOSE,
    CONV_TRANSPOSE_ALONE,
    UPSAMPLE,
)
from mxdeploy.ops.graph import Clip, Pad, Pooling
from mxdeploy.ops.layer import Kind, LayerSpec

_PAIR = 2


# --- pooling ------------------------------------------------------------------------------------


@constraint(
    "MX2020", fix="use windows of at most {MAX_POOL_SIZE}, or with a side that is a product of "
    "two numbers up to {MAX_POOL_SIZE}"
)  # fmt: skip
def pool_size(op: Pooling, _shape: Shape) -> str | None:
    """A pooling window has at most {MAX_POOL_SIZE} rows and {MAX_POOL_SIZE} columns.

    A larger one is done in two steps, if windows that the chip has cover it (maximum) or tile it
    (average) with one stride for rows and columns.
    """
    return None if max(op.size) <= limits.MAX_POOL_SIZE.value else f"a window of {by(op.size)}"


@constraint(
    "MX2021", fix="use the same stride of at most {MAX_POOL_STRIDE} for both directions; or pool "
    "to a smaller map first, and let the larger stride go one way in the whole network"
)  # fmt: skip
def pool_stride(op: Pooling, shape: Shape) -> str | None:
    """A pooling has the same stride in both directions, at most {MAX_POOL_STRIDE}.

    Where only one window fits, its stride does not matter. A larger stride is done in two steps, if
    it is a product of two that the chip has. A larger one along columns alone is taken from all
    pixels in a row, or from short rows, of which there are at most {MAX_DIMENSION}. Where all
    larger ones go along rows, rows and columns are exchanged in the whole network.
    """
    if not shape or common_stride(op, shape[1:]) is not None:
        return None
    return f"stride {by(op.strides)}"


@constraint("MX2022", fix="use a smaller padding, or none")
def pool_padding(op: Pooling, shape: Shape) -> str | None:
    """A pooling has no padding, and only full windows count.

    Padding is written around the map by layers in front, two rows and columns with each.
    """
    if any(op.pads):
        return f"padding {list(op.pads)}"
    if op.ceil_mode and shape and not _fits_exactly(op, shape[1:]):
        return f"ceil_mode with windows that stand out of {by(shape[1:])}"
    return None


@constraint("MX2023", fix="use dilation 1, or strides that are multiples of the dilation")
def pool_dilation(op: Pooling, _shape: Shape) -> str | None:
    """A pooling has dilation 1.

    With one dilation for rows and columns that divides the strides, every n-th pixel is taken
    first.
    """
    return f"dilation {by(op.dilations)}" if set(op.dilations) - {1} else None


def _fits_exactly(op: Pooling, size: Shape) -> bool:
    return all((n - k) % s == 0 for n, k, s in zip(size, op.size, op.strides, strict=True))


def common_stride(op: Pooling, size: Shape) -> int | None:
    """The one stride that serves all directions of a map of ``size``, or None.

    Where only one window fits, any stride that keeps it so will do.
    """
    candidates: tuple[int, ...] = (*op.strides, *range(1, limits.MAX_POOL_STRIDE.value + 1))
    for stride in candidates:
        if stride <= limits.MAX_POOL_STRIDE.value and all(
            stride == s or (n - k < s and n - k < stride)
            for n, k, s in zip(size, op.size, op.strides, strict=True)
        ):
            return stride
    return None


# --- what may be left over ----------------------------------------------------------------------


@constraint("MX2030", fix="clip from 0, or from -a to a")
def clip_bounds(op: Clip, _shape: Shape) -> str | None:
    """Clipping is done by the saturation to 8 bits: from 0 (with ReLU), or alike on both sides."""
    return None if is_saturation(op.low, op.high) else f"bounds {op.low:g} and {op.high:g}"


@constraint("MX2031", fix="pad with zeros, in the convolution itself (padding=1)")
def pad_zeros(op: Pad, _shape: Shape) -> str | None:
    """Padding is done with zeros, along rows and columns, by the convolution that follows.

    Without one, layers copy the map with two rows and columns more each.
    """
    if op.value:
        return f"padding with {op.value:g}"
    return f"padding {list(op.pads)} that no convolution takes over"


def is_saturation(low: float, high: float) -> bool:
    """Whether the limits of 8 bits can do the clipping: 127 steps are ``high``, or -128 ``low``."""
    lowest = -(1 << limits.DATA_BITS.value - 1)
    if not 0 < high < float("inf"):
        return False
    if low == 0:
        return True
    if not low < 0:
        return False
    tolerance = 0.01  # of a step: bounds are decimal fractions of real numbers
    steps = -low / high * -(lowest + 1)
    return any(abs(steps - whole) < tolerance for whole in (-lowest, -lowest - 1)) or low == -high


# --- complete layers ----------------------------------------------------------------------------


@constraint("MX2040", fix="use at most {MAX_CHANNELS} channels")
def layer_channels(op: LayerSpec, _shape: Shape) -> str | None:
    """A layer has at most {MAX_CHANNELS} input and {MAX_CHANNELS} output channels."""
    most = limits.MAX_CHANNELS.value
    if op.in_channels <= most and op.out_channels <= most:
        return None
    return f"{op.in_channels} input and {op.out_channels} output channels"


@constraint("MX2041", fix="use smaller maps: a smaller input, or a pooling earlier")
def layer_size(op: LayerSpec, _shape: Shape) -> str | None:
    """Maps have 1 to {MAX_DIMENSION} rows and columns, {MAX_PADDED_DIMENSION} with the padding.

    The padding counts with the map as it is stored, before pooling; a transposed convolution
    doubles the map first.
    """
    spread = 2 if op.kind is Kind.CONV_TRANSPOSE2D else 1
    padded = tuple(spread * n + 2 * p for n, p in zip(op.in_size, op.pad, strict=True))
    sizes = (*op.in_size, *op.pooled_size, *op.out_size)
    small = all(1 <= n <= limits.MAX_DIMENSION.value for n in sizes)
    if small and max(padded) <= limits.MAX_PADDED_DIMENSION.value:
        return None
    return f"{by(op.in_size)} in, {by(op.out_size)} out, padding {op.pad[0]}"


@constraint(
    "MX2042", fix="pool the map first, or use fewer channels in front of the flattening"
)  # fmt: skip
def layer_flatten(op: LayerSpec, _shape: Shape) -> str | None:
    """A fully connected layer reads at most {MAX_FLATTEN_INPUTS} inputs.

    Pixels times channel passes (one for every {MAX_PROCESSORS} channels) are at most
    {MAX_FLATTEN_PASSES}.
    """
    pixels = op.in_size[0] * op.in_size[1]
    if not op.flatten or layer_channels(op, ()) is not None:
        return None
    passes = limits.passes(op.in_channels)
    inputs = pixels * op.in_channels
    if passes * pixels <= limits.MAX_FLATTEN_PASSES and inputs <= limits.MAX_FLATTEN_INPUTS:
        return None
    return f"{by(op.in_size)} pixels of {op.in_channels} channels: {passes * pixels} passes"


@constraint("MX2043", fix="use at most {BIAS_MEMORY_BYTES} outputs, or bias=False")
def layer_bias(op: LayerOp, _shape: Shape) -> str | None:
    """A layer with bias has at most {BIAS_MEMORY_BYTES} outputs."""
    if op.bias is None or op.spec.out_channels <= limits.BIAS_MEMORY_BYTES:
        return None
    return f"{op.spec.out_channels} outputs with bias"


@constraint(
    "MX2044", fix="train the layers around it again; a BatchNormalization may have exploded"
)
def layer_finite(op: LayerOp, _shape: Shape) -> str | None:
    """Weights and biases are finite after BatchNormalization and constants are folded in."""
    tensors = [t.array.astype(np.float64) for t in (op.weight, op.bias) if t is not None]
    if all(np.isfinite(t).all() for t in tensors):
        return None
    return "weights that are too large for single precision"


# --- element-wise layers ------------------------------------------------------------------------


@constraint("MX2070", fix="add in several steps")
def eltwise_operands(op: LayerSpec, _shape: Shape) -> str | None:
    """An element-wise operation has 2 to {MAX_OPERANDS} operands of equal shape.

    When their combination is pooled by the same layer, it has {MAX_OPERANDS_POOL_LAST}.
    """
    if op.eltwise is None:
        return None if op.operands == 1 else f"{op.operands} operands without a function"
    last = op.pool is not None and not op.eltwise.pool_first
    most = limits.MAX_OPERANDS_POOL_LAST if last else limits.MAX_OPERANDS
    if _PAIR <= op.operands <= most:
        return None
    return f"{op.operands} operands" + (" and a pooling behind them" if last else "")


@constraint("MX2071", fix="use at most {MAX_PROCESSORS} channels, or add without pooling")
def eltwise_channels(op: LayerSpec, _shape: Shape) -> str | None:
    """On more than {MAX_PROCESSORS} channels values are combined without pooling and convolution.

    In front of a convolution, or of a pooling to a single pixel, {MAX_OPERANDS_MULTIPASS} operands
    in {MAX_OPERANDS_MULTIPASS} passes are combined, too.
    """
    if op.eltwise is None or layer_channels(op, ()) is not None:
        return None
    passes, most = limits.passes(op.in_channels), limits.MAX_OPERANDS_MULTIPASS
    alone = op.kind is Kind.PASSTHROUGH and op.pool is None
    continues = op.kind is not Kind.PASSTHROUGH or op.pooled_size == (1, 1)
    pair = continues and passes <= most and op.operands <= most
    if passes == 1 or alone or pair:
        return None
    return f"{op.operands} operands of {op.in_channels} channels"


@constraint("MX2072", fix="use a 2-D convolution, or add in front of the layer")
def eltwise_kind(op: LayerSpec, _shape: Shape) -> str | None:
    """Values are combined while a 2-D convolution reads them, or in a layer of their own.

    A fully connected layer on a single pixel will do as well.
    """
    connected = op.kind is Kind.LINEAR and not op.flatten
    if op.eltwise is None or connected or op.kind in (Kind.CONV2D, Kind.PASSTHROUGH):
        return None
    return f"{op.operands} operands in front of {op.kind}"


POOLING: tuple[Constraint[Pooling], ...] = (pool_size, pool_stride, pool_padding, pool_dilation)
CLIP: tuple[Constraint[Clip], ...] = (clip_bounds,)
PAD: tuple[Constraint[Pad], ...] = (pad_zeros,)
ELTWISE: tuple[Constraint[LayerSpec], ...] = (eltwise_operands, eltwise_channels, eltwise_kind)
SPEC: tuple[Constraint[LayerSpec], ...] = (layer_channels, layer_size, layer_flatten, *ELTWISE)
LAYER: tuple[Constraint[LayerOp], ...] = (layer_bias, layer_finite)

ALL: tuple[Constraint[Any], ...] = (
    *CONV,
    *CONV_ALONE,
    *CONV_TRANSPOSE,
    *CONV_TRANSPOSE_ALONE,
    *UPSAMPLE,
    *POOLING,
    *CLIP,
    *PAD,
    *SPEC,
    *LAYER,
)
"""Every constraint, for documentation."""


def violated(constraints: tuple[Constraint[Op], ...], op: Op, shape: Shape) -> bool:
    """Whether any of ``constraints`` is not satisfied."""
    return any(c(op, shape) is not None for c in constraints)
