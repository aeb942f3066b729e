"""Conv and ConvTranspose."""

from __future__ import annotations

from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    same_padding,
    single,
    tensor,
)

_MAX_AXES = 2


def conv(view: NodeView) -> Reading:
    """Conv with one or two spatial axes and constant weights."""
    weight = view.weight(1)
    bias = view.optional_weight(2)
    kernel = weight.shape[2:]
    if not 1 <= len(kernel) <= _MAX_AXES:
        raise NotReadableError(f"a convolution over {len(kernel)} axes")
    ones = (1,) * len(kernel)
    strides = view.ints("strides", ones) or ones
    dilations = view.ints("dilations", ones) or ones
    needs_shape = view.string("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID")
    if needs_shape:
        view.shape()
    return single(
        Conv(
            weight=tensor(weight),
            bias=None if bias is None else tensor(bias),
            pads=same_padding(view, kernel, strides, dilations),
            strides=strides,
            dilations=dilations,
            groups=view.int("group", 1),
        )
    )


def conv_transpose(view: NodeView) -> Reading:
    """ConvTranspose with one or two spatial axes and constant weights."""
    weight = view.weight(1)
    bias = view.optional_weight(2)
    axes = len(weight.shape) - 2
    if not 1 <= axes <= _MAX_AXES:
        raise NotReadableError(f"a transposed convolution over {axes} axes")
    if view.ints("output_shape") is not None:
        raise NotReadableError("its padding follows from output_shape")
    if view.string("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID"):
        raise NotReadableError("its padding follows from auto_pad")
    ones, zeros = (1,) * axes, (0,) * axes
    return single(
        ConvTranspose(
            weight=tensor(weight),
            bias=None if bias is None else tensor(bias),
            pads=view.ints("pads") or (*zeros, *zeros),
            strides=view.ints("strides", ones) or ones,
            dilations=view.ints("dilations", ones) or ones,
            output_padding=view.ints("output_padding", zeros) or zeros,
            groups=view.int("group", 1),
        )
    )


READERS = {"Conv": conv, "ConvTranspose": conv_transpose}
