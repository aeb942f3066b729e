"""Conv and ConvTranspose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
    groups = view.get_int("group", 1)
    _check(view, weight.shape[1] * groups, weight.shape[0], weight.shape, bias)
    if not 1 <= len(kernel) <= _MAX_AXES:
        raise NotReadableError(f"a convolution over {len(kernel)} axes")
    ones = (1,) * len(kernel)
    strides = view.get_ints("strides", ones) or ones
    dilations = view.get_ints("dilations", ones) or ones
    needs_shape = view.get_string("auto_pad", "NOTSET") not in ("NOTSET", "", "VALID")
    if needs_shape:
        view.shape()
    return single(
        Conv(
            weight=tensor(weight),
            bias=None if bias is None else tensor(bias),
            pads=same_padding(view, kernel, strides, dilations),
            strides=strides,
            dilations=dilations,
            groups=groups,
        )
    )


def conv_transpose(view: NodeView) -> Reading:
    """ConvTranspose with one or two spatial axes and constant weights."""
    weight = view.weight(1)
    bias = view.optional_weight(2)
    axes = len(weight.shape) - 2
    groups = view.get_int("group", 1)
    _check(view, weight.shape[0], weight.shape[1] * groups, weight.shape, bias)
    if not 1 <= axes <= _MAX_AXES:
        raise NotReadableError(f"a transposed convolution over {axes} axes")
    ones, zeros = (1,) * axes, (0,) * axes
    op = ConvTranspose(
        weight=tensor(weight),
        bias=None if bias is None else tensor(bias),
        pads=view.get_ints("pads") or (*zeros, *zeros),
        strides=view.get_ints("strides", ones) or ones,
        dilations=view.get_ints("dilations", ones) or ones,
        output_padding=view.get_ints("output_padding", zeros) or zeros,
        groups=groups,
    )
    return single(replace(op, pads=_transposed_padding(view, op)))


def _transposed_padding(view: NodeView, op: ConvTranspose) -> tuple[int, ...]:
    """Padding of a transposed convolution from ``pads``, ``output_shape`` or ``auto_pad``."""
    mode, wanted = view.get_string("auto_pad", "NOTSET"), view.get_ints("output_shape")
    same = mode in ("SAME_UPPER", "SAME_LOWER")
    if wanted is None and not same:
        return (0,) * len(op.pads) if mode == "VALID" else op.pads
    shape = view.shape()[1:]
    if wanted is None:
        wanted = tuple(n * s for n, s in zip(shape, op.strides, strict=True))
    begins, ends = [], []
    for axis, size in enumerate(wanted[-len(shape) :]):
        reach = (op.weight.shape[2 + axis] - 1) * op.dilations[axis] + 1
        full = op.strides[axis] * (shape[axis] - 1) + op.output_padding[axis] + reach
        if full < size:
            raise NotReadableError(f"an output of {size} from {shape[axis]} rows or columns")
        small, large = (full - size) // 2, (full - size) - (full - size) // 2
        begins.append(small if mode == "SAME_UPPER" else large)
        ends.append(large if mode == "SAME_UPPER" else small)
    return (*begins, *ends)


def _check(
    view: NodeView,
    inputs: int,
    outputs: int,
    weight: tuple[int, ...],
    bias: NDArray[np.float32] | None,
) -> None:
    """What ONNX's own inference leaves unchecked.

    Raises:
        FindingError: input, weights, bias and attributes do not fit together.
    """
    shape = view.known_shape()
    if shape is not None and (shape[0] != inputs or len(shape) != len(weight) - 1):
        raise view.disagree(f"weights {list(weight)} cannot read an input of {list(shape)}")
    if view.get_ints("kernel_shape", weight[2:]) != weight[2:]:
        raise view.disagree(f"kernel_shape is not that of the weights, {list(weight)}")
    if bias is not None and bias.shape != (outputs,):
        raise view.disagree(f"a bias of {list(bias.shape)} for {outputs} channels")
    if weight[0] % view.get_int("group", 1):
        raise view.disagree(f"weights {list(weight)} cannot be split into groups")


READERS = {"Conv": conv, "ConvTranspose": conv_transpose}
