"""A pooling with too large a window or stride is done in two steps or more: exact.

Windows of up to 16x16 are pooled, and their results are pooled again: the largest of the maxima of
parts that cover a window, or the average of the averages of parts that tile it. Between the steps
the chip keeps 8 bits: an average is truncated in each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node
from mxdeploy.ops import constraints
from mxdeploy.ops.graph import Pooling
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape
from mxdeploy.stages.s2_legalize.rule import Rule
from mxdeploy.stages.s2_legalize.windows import Window, axes_of, reshaped, windows

_MOST = limits.MAX_POOL_SIZE.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Two poolings that make one, and the shape of what is between them."""

    first: Pooling
    second: Pooling
    between: Shape


def match(graph: Graph, node: Node) -> Edit | None:
    """Pooling without padding whose window or stride the chip does not have."""
    op, axes = node.op, windows(graph, node)
    if not isinstance(op, Pooling) or axes is None or any(op.pads) or op.ceil_mode:
        return None
    shape = graph.shape(node.inputs[0])
    if any(a.dilation != 1 for a in axes):
        return None
    if not constraints.violated(constraints.POOLING, op, shape):
        return None
    steps = split(op, axes, shape)
    if steps is None:
        return None
    first, value = graph.beside(node, "first", steps.first, node.inputs, steps.between)
    second = replace(node, op=steps.second, inputs=(value.name,))
    return Edit(
        text=f"pools {list(steps.first.size)} with stride {max(steps.first.strides)}, then "
        f"{list(steps.second.size)}" + (", each truncated to 8 bits" if op.average else ""),
        remove=(node,),
        add=(first, second),
        values=(value,),
    )


def split(op: Pooling, axes: tuple[Window, ...], shape: Shape) -> Steps | None:
    """A pooling that the chip can do and what is left, which make ``op``; the smallest map between.

    What is left may have to be split again, if it must.
    """
    for again in (False, True):
        for steps in _candidates(op, axes, shape):
            if constraints.violated(constraints.POOLING, steps.first, shape):
                continue
            left = constraints.violated(constraints.POOLING, steps.second, steps.between)
            if not left or (again and _splits(steps)):
                return steps
    return None


def _candidates(op: Pooling, axes: tuple[Window, ...], shape: Shape) -> Iterator[Steps]:
    for stride in range(limits.MAX_POOL_STRIDE.value, 0, -1):
        for sizes in product(*(_first_sizes(a, stride, average=op.average) for a in axes)):
            steps = _steps(op, axes, shape, stride, sizes)
            if math.prod(steps.second.size) < math.prod(op.size):
                yield steps


def _splits(steps: Steps) -> bool:
    axes = axes_of(steps.second, steps.between)
    return split(steps.second, axes, steps.between) is not None


def _first_sizes(axis: Window, stride: int, *, average: bool) -> Iterator[int]:
    """Windows of a first step with ``stride`` along ``axis``."""
    if axis.outputs == 1 and axis.size <= _MOST and axis.length - axis.size < stride:
        yield axis.size  # all of the axis at once
    if axis.outputs > 1 and axis.stride % stride:
        return
    for size in range(min(_MOST, axis.size), 0, -1):
        rest = axis.size - size
        tiles = size == stride if average else size >= stride
        if rest % stride == 0 and (tiles or not rest):
            yield size


def _steps(
    op: Pooling, axes: tuple[Window, ...], shape: Shape, stride: int, sizes: tuple[int, ...]
) -> Steps:
    first = tuple(
        replace(a, size=size, stride=stride, outputs=(a.length - size) // stride + 1)
        for a, size in zip(axes, sizes, strict=True)
    )
    second = tuple(_second(a, f) for a, f in zip(axes, first, strict=True))
    return Steps(
        first=reshaped(op, first),
        second=reshaped(op, second),
        between=(shape[0], *(f.outputs for f in first)),
    )


def _second(axis: Window, first: Window) -> Window:
    """What is left to do along ``axis`` after ``first``."""
    size = (axis.size - first.size) // first.stride + 1
    stride = axis.stride // first.stride
    if axis.outputs == 1:  # the step is free, as long as there is one window
        stride = 1 if first.outputs == size else first.outputs
    return replace(axis, length=first.outputs, size=size, stride=stride)


RULE = Rule(name="split-pooling", exact=True, match=match)
