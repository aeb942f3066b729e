"""MaxPool, AveragePool, the global pools, and reductions."""

from __future__ import annotations

import math

import numpy as np

from mxdeploy.ops.graph import Affine, Pooling, Reduce, Reshape, Transpose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    single,
    tensor,
)
from mxdeploy.stages.s1_import.windows import padded, read_window


def _windowed(view: NodeView, *, average: bool) -> Reading:
    window = padded(view, read_window(view, view.get_ints("kernel_shape") or (), "a pooling"))
    if any(p >= reach for p, reach in zip(window.pads, window.reach * 2, strict=True)):
        raise NotReadableError(f"windows of padding only: pads {list(window.pads)}")
    return single(
        Pooling(
            average=average,
            size=window.size,
            strides=window.strides,
            pads=window.pads,
            ceil_mode=bool(view.get_int("ceil_mode", 0)),
            count_include_pad=bool(view.get_int("count_include_pad", 0)),
            dilations=window.dilations,
        )
    )


def max_pool(view: NodeView) -> Reading:
    """MaxPool (without indices)."""
    return _windowed(view, average=False)


def average_pool(view: NodeView) -> Reading:
    """AveragePool."""
    return _windowed(view, average=True)


def _whole(size: tuple[int, ...], *, average: bool) -> Pooling:
    ones, zeros = (1,) * len(size), (0,) * (2 * len(size))
    return Pooling(average=average, size=size, strides=ones, pads=zeros, dilations=ones)


def global_average_pool(view: NodeView) -> Reading:
    """GlobalAveragePool: a window as large as the map."""
    return single(_whole(view.shape()[1:], average=True))


def global_max_pool(view: NodeView) -> Reading:
    """GlobalMaxPool: a window as large as the map."""
    return single(_whole(view.shape()[1:], average=False))


def _axes(view: NodeView) -> list[int]:
    """The axes that a reduction leaves out, in order, without the batch; none: it does nothing.

    Raises:
        NotReadableError: the batch is among them.
    """
    given = view.integers(1, "axes")
    if not given and view.get_int("noop_with_empty_axes", 0):
        return []
    if not given:
        raise NotReadableError("it reduces over all axes, the batch included")
    rank = len(view.full_shape(0))
    axes = sorted({(a + rank if a < 0 else a) - 1 for a in given})
    if axes[0] < 0:
        raise NotReadableError("it reduces over the batch axis")
    return axes


def _reduce(view: NodeView, function: str) -> Reading:
    """A pooling over whole axes where there is one; otherwise one axis after the other."""
    shape, axes = view.shape(), _axes(view)
    pixels = len(shape) in (2, 3) and (0 not in axes or axes == list(range(len(shape) - 1)))
    if function in ("mean", "sum", "max") and axes and pixels:
        return Reading(inputs=(0,), steps=_pooled(view, function, axes))
    steps: list[Step] = []
    for axis in axes:
        shape = (*shape[:axis], 1, *shape[axis + 1 :])
        steps.append(Step(op=Reduce(function=function, axis=axis), shape=shape))
    after = view.out_shape()
    flat = () if shape == after else (Step(op=Reshape(shape=after)),)
    return Reading(inputs=(0,), steps=(*steps, *flat))


def _pooled(view: NodeView, function: str, axes: list[int]) -> tuple[Step, ...]:
    """Pooling over the axes that a reduction leaves out, the channels brought to the front.

    A sum is an average, times the number of pixels.
    """
    shape = view.shape()
    last = len(shape) - 1
    there = tuple(range(last + 1)) if 0 not in axes else (last, *range(last))
    moved = tuple(shape[a] for a in there)
    window = tuple(shape[a] if a in axes else 1 for a in there)[1:]
    pooled = (moved[0], *(1 if a in axes else shape[a] for a in there[1:]))
    turn = () if there[0] == 0 else (Step(op=Transpose(axes=there), shape=moved),)
    pool = Step(op=_whole(window, average=function != "max"), shape=pooled)
    after = view.out_shape()
    flat = () if pooled == after else (Step(op=Reshape(shape=after), shape=after),)
    count = math.prod(window)
    if function != "sum" or count == 1:
        return (*turn, pool, *flat)
    times = Affine(scale=tensor(np.array(count)), offset=tensor(np.zeros(())))
    return (*turn, pool, *flat, Step(op=times))


def reduce_mean(view: NodeView) -> Reading:
    """ReduceMean."""
    return _reduce(view, "mean")


def reduce_sum(view: NodeView) -> Reading:
    """ReduceSum."""
    return _reduce(view, "sum")


def reduce_max(view: NodeView) -> Reading:
    """ReduceMax."""
    return _reduce(view, "max")


def reduce_min(view: NodeView) -> Reading:
    """ReduceMin."""
    return _reduce(view, "min")


READERS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "ReduceMean": reduce_mean,
    "ReduceMax": reduce_max,
    "ReduceMin": reduce_min,
    "ReduceSum": reduce_sum,
}
