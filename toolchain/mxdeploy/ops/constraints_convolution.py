"""What convolutions and enlargements must satisfy; those marked alone, to be a single layer."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits
from mxdeploy.ops.constraint import Constraint, Shape, by, constraint
from mxdeploy.ops.graph import Conv, ConvTranspose, Upsample
from mxdeploy.text import count

_PLANE = 2


def _is_plane(op: Conv) -> bool:
    return len(op.strides) == _PLANE


@constraint("MX2010", fix="put the further directions into the channels")
def conv_directions(op: Conv, _shape: Shape) -> str | None:
    """A convolution has one or two spatial directions."""
    axes = len(op.strides)
    return None if 1 <= axes <= _PLANE else f"{axes} directions"


@constraint("MX2050", fix="use at most {MAX_CHANNELS} channels")
def conv_channels(op: Conv, _shape: Shape) -> str | None:
    """A convolution has at most {MAX_CHANNELS} input and {MAX_CHANNELS} output channels.

    Groups make no difference: on the chip every output reads all inputs, and the weights between
    groups are zeros that take memory.
    """
    inputs, outputs = op.weight.shape[1] * op.groups, op.weight.shape[0]
    if max(inputs, outputs) <= limits.MAX_CHANNELS.value:
        return None
    return f"{inputs} input and {outputs} output channels"


@constraint(
    "MX2011", fix="use the same stride in both directions, or stride 1 and a pooling behind"
)  # fmt: skip
def conv_stride(op: Conv, _shape: Shape) -> str | None:
    """A convolution has the same stride in both directions, at most {MAX_POOL_STRIDE}.

    The chip has no strides: with a 1x1 kernel every n-th pixel is read, otherwise all are computed
    and every n-th of them is read by the next layer. A convolution that alone reads the network's
    input may have any stride: the host makes channels of blocks of pixels. A larger stride along
    columns alone is taken from all pixels in a row, at most {MAX_DIMENSION}; where all larger ones
    go along rows, rows and columns are exchanged in the whole network.
    """
    if len(set(op.strides)) == 1 and max(op.strides) <= limits.MAX_POOL_STRIDE.value:
        return None
    return f"stride {by(op.strides)}"


@constraint(
    "MX2013", fix="use {CONV2D_KERNEL}x{CONV2D_KERNEL} kernels: two of them in a row see 5x5 "
    "pixels, three see 7x7"
)  # fmt: skip
def conv2d_kernel(op: Conv, _shape: Shape) -> str | None:
    """A 2-D kernel has {CONV2D_KERNEL}x{CONV2D_KERNEL} taps at most, with a dilation's gaps.

    A larger one reads shifted copies of its input as further channels (5x5: 4 copies, 7x7: 9
    copies): at most {MAX_CHANNELS} of them, whose weights fit the kernel memories of
    {KERNEL_MEMORY_WORDS} words together with those that make the copies.
    """
    size = _reach(op)
    if not _is_plane(op) or max(size) <= limits.CONV2D_KERNEL.value:
        return None
    return f"a kernel of {by(size)}{_gaps(op)} over {_channels(op)}"


@constraint("MX2014", fix="use at most {MAX_CONV1D_KERNEL} taps; pooling in front sees further")
def conv1d_kernel(op: Conv, _shape: Shape) -> str | None:
    """A 1-D kernel has {MAX_CONV1D_KERNEL} taps at most, with a dilation's gaps.

    A larger one reads shifted copies of its input as further channels: at most {MAX_CHANNELS} of
    them, whose weights fit the kernel memories of {KERNEL_MEMORY_WORDS} words. Copies are moved
    furthest where the length of the input is a multiple of numbers near {MAX_CONV1D_KERNEL}.
    """
    size = _reach(op)
    if len(size) != 1 or size[0] <= limits.MAX_CONV1D_KERNEL.value:
        return None
    return f"{size[0]} taps{_gaps(op)} over {_channels(op)}"


@constraint("MX2015", fix="use the same padding of 0 to {MAX_PAD} on both sides")
def conv_padding(op: Conv, _shape: Shape) -> str | None:
    """Zero padding is the same on both sides and at most {MAX_PAD}.

    Other padding is put around the map by layers in front that copy it, a row and a column on each
    side at a time.
    """
    axes = len(op.strides)
    begins, ends = op.pads[:axes], op.pads[axes:]
    if begins == ends and max(begins) <= limits.MAX_PAD.value:
        return None
    return f"padding {list(begins)} in front and {list(ends)} behind"


def _reach(op: Conv) -> tuple[int, ...]:
    """Size of the kernel with the gaps between its taps."""
    return tuple(
        (taps - 1) * dilation + 1
        for taps, dilation in zip(op.weight.shape[2:], op.dilations, strict=True)
    )


def _channels(op: Conv) -> str:
    return count(op.weight.shape[1] * op.groups, "channel")


def _gaps(op: Conv) -> str:
    return f", dilation {by(op.dilations)} included," if set(op.dilations) != {1} else ""


@constraint("MX2016", fix="use stride {TRANSPOSED_STRIDE}, several times if need be")
def conv_transpose_stride(op: ConvTranspose, _shape: Shape) -> str | None:
    """A transposed convolution has stride 1, {TRANSPOSED_STRIDE}, 4, 8 ..., the same everywhere.

    The chip doubles rows and columns. Larger strides take further layers that do nothing else;
    stride 1 is an ordinary convolution. It has one or two spatial directions.
    """
    stride = op.strides[0] if op.strides else 0
    power = stride > 0 and stride & (stride - 1) == 0
    if power and set(op.strides) == {stride} and len(op.strides) <= _PLANE:
        return None
    return f"stride {by(op.strides)}"


@constraint(
    "MX2052", fix="use kernel {CONV2D_KERNEL}, stride {TRANSPOSED_STRIDE}, padding 1 and "
    "output_padding 1"
)  # fmt: skip
def conv_transpose_kernel(op: ConvTranspose, _shape: Shape) -> str | None:
    """A transposed convolution has {CONV2D_KERNEL}x{CONV2D_KERNEL} taps at most.

    It has even numbers of rows and columns and at most {MAX_PAD} zeros at every side. A larger
    kernel reads shifted copies of its input as further channels (4x4 and 5x5: 4 copies), and other
    sizes are cut from larger ones: at most {MAX_CHANNELS} channels, whose weights fit the kernel
    memories of {KERNEL_MEMORY_WORDS} words.
    """
    kernel = tuple(
        (taps - 1) * dilation + 1
        for taps, dilation in zip(op.weight.shape[2:], op.dilations, strict=True)
    )
    channels = count(op.weight.shape[0], "channel")
    return f"a kernel of {by(kernel)} over {channels}, padding {list(op.pads)}"


@constraint(
    "MX2053", fix="enlarge by {TRANSPOSED_STRIDE} or 4 in both directions, or by a transposed "
    "convolution"
)  # fmt: skip
def upsample_factors(op: Upsample, _shape: Shape) -> str | None:
    """Rows and columns are repeated by the same power of two.

    It takes a transposed convolution for every factor of {TRANSPOSED_STRIDE}.
    """
    factor = op.factors[0]
    if set(op.factors) == {factor} and factor & (factor - 1) == 0:
        return None
    return f"factors {by(op.factors)}"


CONV: tuple[Constraint[Conv], ...] = (conv_directions, conv_channels, conv_stride)
CONV_ALONE: tuple[Constraint[Conv], ...] = (conv2d_kernel, conv1d_kernel, conv_padding)
"""What a convolution must satisfy to be computed by one layer; others take several, if they fit."""
CONV_TRANSPOSE: tuple[Constraint[ConvTranspose], ...] = (conv_transpose_stride,)
CONV_TRANSPOSE_ALONE: tuple[Constraint[ConvTranspose], ...] = (conv_transpose_kernel,)
UPSAMPLE: tuple[Constraint[Upsample], ...] = (upsample_factors,)
