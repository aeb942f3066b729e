"""A kernel is enlarged with zeros so that kernel and padding suit the chip: exact.

2-D kernels smaller than 3x3 become 3x3, 1-D kernels with uneven padding get more taps. With k
taps, padding b in front and e behind, the kernel of n taps that starts ``o`` later computes the
same with padding p = b + o on both sides when ``2 o = e - b + n - k``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv
from mxdeploy.stages.s2_legalize.graph import Edit, Graph
from mxdeploy.stages.s2_legalize.rule import Rule

_CONV2D = limits.CONV2D_KERNEL.value
_PLANE = 2


def match(_graph: Graph, node: Node) -> Edit | None:
    """Convolution without stride and dilation whose kernel or padding the chip does not have."""
    op = node.op
    if not isinstance(op, Conv) or {*op.strides, *op.dilations} != {1}:
        return None
    kernel = op.weight.shape[2:]
    axes = len(kernel)
    pads = tuple(zip(op.pads[:axes], op.pads[axes:], strict=True))
    if _is_native(kernel, pads):
        return None
    sizes = range(kernel[0], limits.MAX_CONV1D_KERNEL.value + 1) if axes == 1 else (_CONV2D,)
    for size in sizes:
        offsets = [_offset(k, size, b, e) for k, (b, e) in zip(kernel, pads, strict=True)]
        if all(o is not None for o in offsets):
            return _edit(node, op, size, tuple(o or 0 for o in offsets))
    return None


def _is_native(kernel: tuple[int, ...], pads: tuple[tuple[int, int], ...]) -> bool:
    if any(
        b != e or b > limits.MAX_PAD.value or b >= k for k, (b, e) in zip(kernel, pads, strict=True)
    ):
        return False
    return len(kernel) < _PLANE or kernel in ((1, 1), (_CONV2D, _CONV2D))


def _offset(taps: int, size: int, begin: int, end: int) -> int | None:
    """Zeros in front of the taps, or None when no legal padding gives the same result."""
    twice = end - begin + size - taps
    offset = twice // 2
    if twice % 2 or not 0 <= offset <= size - taps:
        return None
    pad = begin + offset
    return offset if pad <= limits.MAX_PAD.value and pad < size else None


def _edit(node: Node, op: Conv, size: int, offsets: tuple[int, ...]) -> Edit:
    kernel = op.weight.shape[2:]
    weight = np.zeros((*op.weight.shape[:2], *(size,) * len(kernel)), np.float32)
    place = (
        slice(None),
        slice(None),
        *(slice(o, o + k) for o, k in zip(offsets, kernel, strict=True)),
    )
    weight[place] = op.weight.array
    pads = tuple(b + o for b, o in zip(op.pads[: len(kernel)], offsets, strict=True))
    grown = replace(op, weight=Tensor(weight), pads=(*pads, *pads))
    before, after = ("x".join(str(k) for k in s) for s in (kernel, weight.shape[2:]))
    return Edit(
        text=f"kernel {before} with padding {list(op.pads)} is {after} with padding {list(pads)}",
        remove=(node,),
        add=(replace(node, op=grown),),
    )


RULE = Rule(name="grow-kernel", exact=True, match=match)
