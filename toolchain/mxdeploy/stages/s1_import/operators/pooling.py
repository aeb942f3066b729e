"""MaxPool, AveragePool, the global pools, and reductions over all pixels."""

from __future__ import annotations

import math

import numpy as np

from mxdeploy.ops.graph import Affine, Pooling, Reshape, Transpose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    same_padding,
    single,
    tensor,
)

_MAX_AXES = 2


def _windowed(view: NodeView, *, average: bool) -> Reading:
    size = view.get_ints("kernel_shape") or ()
    if not 1 <= len(size) <= _MAX_AXES:
        raise NotReadableError(f"a pooling over {len(size)} axes")
    ones = (1,) * len(size)
    strides = view.get_ints("strides", ones) or ones
    dilations = view.get_ints("dilations", ones) or ones
    return single(
        Pooling(
            average=average,
            size=size,
            strides=strides,
            pads=same_padding(view, size, strides, dilations),
            ceil_mode=bool(view.get_int("ceil_mode", 0)),
            count_include_pad=bool(view.get_int("count_include_pad", 0)),
            dilations=dilations,
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


def _reduce(view: NodeView, *, average: bool) -> tuple[Step, ...]:
    """Pooling over the axes that a reduction leaves out, the channels brought to the front."""
    shape = view.shape()
    given = view.integers(1, "axes")
    if not given and view.get_int("noop_with_empty_axes", 0):
        return ()
    if not given:
        raise NotReadableError("it reduces over all axes, the batch included")
    axes = sorted({(a + len(shape) + 1 if a < 0 else a) - 1 for a in given})
    if axes[0] < 0:
        raise NotReadableError("it reduces over the batch axis")
    if len(shape) not in (2, 3):
        raise NotReadableError(f"it reduces a value of shape {list(shape)}")
    last = len(shape) - 1
    if 0 not in axes:
        there = tuple(range(last + 1))
    elif axes == list(range(last)):  # channels last: bring them to the front
        there = (last, *range(last))
    else:
        raise NotReadableError("it reduces over the channels")
    moved = tuple(shape[a] for a in there)
    window = tuple(shape[a] if a in axes else 1 for a in there)[1:]
    pooled = (moved[0], *(1 if a in axes else shape[a] for a in there[1:]))
    turn = () if there[0] == 0 else (Step(op=Transpose(axes=there), shape=moved),)
    pool = Step(op=_whole(window, average=average), shape=pooled)
    after = view.out_shape()
    flat = () if pooled == after else (Step(op=Reshape(shape=after), shape=after),)
    return (*turn, pool, *flat)


def reduce_mean(view: NodeView) -> Reading:
    """ReduceMean over pixels: an average pool."""
    return Reading(inputs=(0,), steps=_reduce(view, average=True))


def reduce_sum(view: NodeView) -> Reading:
    """ReduceSum over pixels: an average pool, times the number of pixels."""
    steps = _reduce(view, average=True)
    size = math.prod(n for s in steps if isinstance(s.op, Pooling) for n in s.op.size)
    times = Affine(scale=tensor(np.array(size)), offset=tensor(np.zeros(())))
    return Reading(inputs=(0,), steps=(*steps, Step(op=times)) if size > 1 else steps)


def reduce_max(view: NodeView) -> Reading:
    """ReduceMax over pixels: a max pool."""
    return Reading(inputs=(0,), steps=_reduce(view, average=False))


READERS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "ReduceMean": reduce_mean,
    "ReduceMax": reduce_max,
    "ReduceSum": reduce_sum,
}
