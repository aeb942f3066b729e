"""Conv and ConvTranspose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ops.graph import Conv, ConvTranspose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Shape,
    single,
    tensor,
)
from mxdeploy.stages.s1_import.windows import Window, auto_pad, padded, read_window, shared_out


def conv(view: NodeView) -> Reading:
    """Conv with one or two spatial axes and constant weights."""
    weight = view.weight(1)
    bias = view.optional_weight(2)
    groups = _groups(view, weight)
    window = read_window(view, weight.shape[2:], "a convolution")
    _check(view, weight.shape[1] * groups, weight.shape[0], weight.shape, bias)
    window = padded(view, window)
    return single(
        Conv(
            weight=tensor(weight),
            bias=None if bias is None else tensor(bias),
            pads=window.pads,
            strides=window.strides,
            dilations=window.dilations,
            groups=groups,
        )
    )


def conv_transpose(view: NodeView) -> Reading:
    """ConvTranspose with one or two spatial axes and constant weights."""
    weight = view.weight(1)
    bias = view.optional_weight(2)
    groups = _groups(view, weight)
    window = read_window(view, weight.shape[2:], "a transposed convolution")
    _check(view, weight.shape[0], weight.shape[1] * groups, weight.shape, bias)
    zeros = (0,) * len(window.size)
    extra = view.get_ints("output_padding") or zeros
    if len(extra) != len(zeros) or min(extra) < 0:
        raise view.disagree(f"output_padding is {list(extra)}")
    return single(
        ConvTranspose(
            weight=tensor(weight),
            bias=None if bias is None else tensor(bias),
            pads=_transposed_padding(view, window, extra),
            strides=window.strides,
            dilations=window.dilations,
            output_padding=extra,
            groups=groups,
        )
    )


def _transposed_padding(view: NodeView, window: Window, extra: Shape) -> Shape:
    """Padding of a transposed convolution from ``pads``, ``output_shape`` or ``auto_pad``."""
    mode, wanted = auto_pad(view), view.get_ints("output_shape")
    if wanted is None and not mode.startswith("SAME"):
        return (0,) * len(window.pads) if mode == "VALID" else window.pads
    shape = view.shape()[1:]
    if wanted is None:
        wanted = tuple(n * s for n, s in zip(shape, window.strides, strict=True))
    full = [
        s * (n - 1) + more + reach
        for n, s, more, reach in zip(shape, window.strides, extra, window.reach, strict=True)
    ]
    totals = tuple(f - n for f, n in zip(full, wanted[-len(shape) :], strict=True))
    if min(totals) < 0:
        raise NotReadableError(f"an output of {list(wanted)}, from {list(shape)} it is {full}")
    return shared_out(totals, mode)


def _groups(view: NodeView, weight: NDArray[np.float32]) -> int:
    groups = view.get_int("group", 1)
    if groups < 1 or not weight.size:
        raise view.disagree(f"weights {list(weight.shape)} in {groups} groups")
    return groups


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
