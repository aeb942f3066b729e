"""MaxPool, AveragePool, the global pools, and reductions over all pixels."""

from __future__ import annotations

from mxdeploy.ops.graph import Pooling, Reshape, Transpose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Step,
    same_padding,
    single,
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


def _reduce(view: NodeView, *, average: bool) -> Reading:
    shape = view.shape()
    given = view.integers(1, "axes")
    if given is None or not given:
        raise NotReadableError("it reduces over all axes, the batch included")
    axes = sorted((a + len(shape) + 1 if a < 0 else a) - 1 for a in given)
    if axes[0] < 0:
        raise NotReadableError("it reduces over the batch axis")
    last = len(shape) - 1
    if len(shape) not in (2, 3):
        raise NotReadableError(f"it reduces a value of shape {list(shape)}")
    if 0 not in axes:
        return _reduce_pixels(view, shape, axes, average=average)
    if axes != list(range(last)):
        raise NotReadableError("it reduces over the channels")
    moved = (shape[last], *shape[:last])  # channels last: bring them to the front
    pool = _whole(moved[1:], average=average)
    pooled = (shape[last], *(1,) * last)
    steps = [
        Step(op=Transpose(axes=(last, *range(last))), shape=moved),
        Step(op=pool, shape=pooled),
        Step(op=Reshape(shape=view.out_shape())),
    ]
    return Reading(inputs=(0,), steps=tuple(steps))


def _reduce_pixels(
    view: NodeView, shape: tuple[int, ...], axes: list[int], *, average: bool
) -> Reading:
    window = tuple(n if a in axes else 1 for a, n in enumerate(shape))[1:]
    pooled = tuple(1 if a in axes else n for a, n in enumerate(shape))
    pool = _whole(window, average=average)
    if view.get_int("keepdims", 1):
        return single(pool)
    steps = (Step(op=pool, shape=pooled), Step(op=Reshape(shape=view.out_shape())))
    return Reading(inputs=(0,), steps=steps)


def reduce_mean(view: NodeView) -> Reading:
    """ReduceMean over pixels: an average pool."""
    return _reduce(view, average=True)


def reduce_max(view: NodeView) -> Reading:
    """ReduceMax over pixels: a max pool."""
    return _reduce(view, average=False)


READERS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "ReduceMean": reduce_mean,
    "ReduceMax": reduce_max,
}
