"""A padded average pooling with stride 1 becomes a convolution: exact.

The average over a small window is the convolution with a constant kernel, which pads with zeros
like an average that counts its padding. A 1x1 convolution that alone reads the average takes the
kernel over: its weights, spread over the window, are one convolution.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.one_tap import diagonal, plain_conv
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, windows

_PLANE = 2


def match(graph: Graph, node: Node) -> Edit | None:
    """Average pooling that counts its padding, with stride 1 and a window like a kernel."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None or not op.average or not any(op.pads):
        return None
    if not op.count_include_pad or op.ceil_mode or not all(_every_pixel(a) for a in axes):
        return None
    places = [_place(a, plane=len(axes) == _PLANE) for a in axes]
    kernel_places = [p for p in places if p is not None]
    channels = graph.shape(node.inputs[0])[0]
    if len(kernel_places) < len(axes) or channels > limits.MAX_CHANNELS.value:
        return None
    kernel = np.zeros(tuple(taps for taps, _, _ in kernel_places))
    inside = tuple(slice(o, o + k) for (_, _, o), k in zip(kernel_places, op.size, strict=True))
    kernel[inside] = 1 / prod(op.size)
    pads = tuple(pad for _, pad, _ in kernel_places)
    reader = graph.only_reader(node.output)
    if reader is None or not isinstance(reader.op, Conv) or not is_pointwise(reader.op):
        conv = plain_conv(diagonal(channels, kernel), pads)
        return Edit(
            text="is a convolution with a constant kernel",
            remove=(node,),
            add=(replace(node, op=conv),),
        )
    weight = reader.op.weight.array.astype(np.float64) * kernel
    joint = replace(plain_conv(weight, pads), bias=reader.op.bias)
    origin = graph.origins(node, reader)
    return Edit(
        text=f"the average is taken by the weights of {reader.name}",
        remove=(node, reader),
        add=(replace(reader, op=joint, inputs=node.inputs, origin=origin),),
    )


def _place(axis: Window, *, plane: bool) -> tuple[int, int, int] | None:
    """Taps, padding and the window's offset in a legal kernel along ``axis``; None without one."""
    largest = limits.CONV2D_KERNEL.value if plane else limits.MAX_CONV1D_KERNEL.value
    for taps in range(largest if plane else axis.size, largest + 1):
        twice = axis.begin + axis.end + taps - axis.size
        pad, offset = twice // 2, twice // 2 - axis.begin
        legal = twice % 2 == 0 and 0 <= pad <= limits.MAX_PAD.value and pad < taps
        if legal and 0 <= offset <= taps - axis.size:
            return taps, pad, offset
    return None


def _every_pixel(axis: Window) -> bool:
    """Whether windows lie wherever they can."""
    single = axis.length + axis.begin + axis.end == axis.size
    return axis.dilation == 1 and (axis.stride == 1 or single)


def is_pointwise(op: Conv) -> bool:
    """Whether a convolution looks at single pixels, all of them."""
    taps = {*op.weight.shape[2:], *op.strides}
    return taps == {1} and not any(op.pads) and op.groups == 1


RULE = Rule(name="average-as-convolution", exact=True, match=match)
