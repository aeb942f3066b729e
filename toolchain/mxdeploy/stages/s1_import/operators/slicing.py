"""Slice, Split and Gather with constant positions: ranges of elements along one axis at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from mxdeploy.chip.max78000.limits import MAX_CHANNELS
from mxdeploy.ops.graph import Conv, Reshape, Slice, Transpose
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Shape,
    Step,
    tensor,
)

_SPLIT_EVENLY = 18
"""From this operator set on the last part of an even Split may be smaller."""

_MAX_AXES = 2
_SHOWN = 8


def ranges(shape: Shape, parts: Sequence[Slice]) -> tuple[Step, ...]:
    """Slices one after the other; what keeps a whole axis is left out."""
    steps: list[Step] = []
    for part in parts:
        kept = len(range(part.start, part.stop, part.step))
        if kept == shape[part.axis]:
            continue
        if kept == 0:
            raise NotReadableError("nothing is left of its input")
        shape = (*shape[: part.axis], kept, *shape[part.axis + 1 :])
        steps.append(Step(op=part, shape=shape))
    return tuple(steps)


def slice_(view: NodeView) -> Reading:
    """Slice with constant bounds, forwards."""
    shape = view.full_shape(0)
    starts, ends = view.integers(1, "starts"), view.integers(2, "ends")
    if starts is None or ends is None:
        raise view.disagree("starts and ends are missing")
    axes = view.integers(3, "axes") or tuple(range(len(starts)))
    strides = view.integers(4, "steps") or (1,) * len(starts)
    parts = []
    for start, end, axis, stride in zip(starts, ends, axes, strides, strict=True):
        length = shape[axis]
        first, last, step = slice(start, end, stride).indices(length)
        if axis in (0, -len(shape)):
            if (first, last, step) != (0, length, 1):
                raise NotReadableError("it works along the batch axis")
            continue
        place = axis % len(shape) - 1
        if step < 0 and len(axes) == 1:
            return _reversed(shape[1:], place, range(first, last, step))
        if step < 0:
            raise NotReadableError(f"it runs backwards (step {step}) along one of several axes")
        parts.append(Slice(axis=place, start=first, stop=max(first, last), step=step))
    return Reading(inputs=(0,), steps=ranges(shape[1:], parts))


def _reversed(shape: Shape, axis: int, indices: range) -> Reading:
    if not indices:
        raise NotReadableError("nothing is left of its input")
    return Reading(inputs=(0,), steps=_elements(shape, axis, indices))


def split(view: NodeView) -> Reading:
    """Split into parts along one axis: a Slice for every output."""
    shape, axis = view.shape(), view.axis("axis", 0)
    sizes = view.integers(1, "split") or _even_parts(view, shape[axis])
    if sum(sizes) != shape[axis] or min(sizes) < 0 or len(sizes) != len(view.node.outputs):
        raise view.disagree(f"parts of {list(sizes)} from {list(shape)}")
    stops = list(itertools.accumulate(sizes))
    parts = [Slice(axis=axis, start=e - n, stop=e) for e, n in zip(stops, sizes, strict=True)]
    chains = [ranges(shape, [p]) for p in parts]
    return Reading(inputs=(0,), steps=chains[0], further=tuple(chains[1:]))


def _even_parts(view: NodeView, length: int) -> Shape:
    count = view.get_int("num_outputs", len(view.node.outputs))
    size = math.ceil(length / count)
    if size * count != length and view.opset < _SPLIT_EVENLY:
        raise view.disagree(f"{length} elements cannot be split into {count} equal parts")
    return tuple(max(0, min(size, length - i * size)) for i in range(count))


def gather(view: NodeView) -> Reading:
    """Gather with constant indices: a range, a single element, or channels in another order."""
    constant = view.constant(1)
    if constant is None or view.constant(0) is not None:
        raise NotReadableError("its indices are computed by the model, not constant")
    shape, axis = view.shape(), view.axis("axis", 0)
    indices = constant.astype(np.int64)
    indices = np.where(indices < 0, indices + shape[axis], indices)
    if indices.size == 0 or indices.min() < 0 or indices.max() >= shape[axis]:
        raise view.disagree(f"indices {constant.tolist()} into {list(shape)}")
    if indices.ndim > 1:
        raise NotReadableError(f"its indices have shape {list(indices.shape)}")
    if indices.ndim == 1:
        return Reading(inputs=(0,), steps=_elements(shape, axis, indices.tolist()))
    at = int(indices)
    first = ranges(shape, [Slice(axis=axis, start=at, stop=at + 1)])
    return Reading(inputs=(0,), steps=(*first, Step(op=Reshape(shape=view.out_shape()))))


def _elements(shape: Shape, axis: int, indices: Sequence[int]) -> tuple[Step, ...]:
    """The elements ``indices`` along ``axis``."""
    start, step = indices[0], indices[1] - indices[0] if len(indices) > 1 else 1
    stop = indices[-1] + 1
    if step > 0 and list(indices) == list(range(start, stop, step)):
        return ranges(shape, [Slice(axis=axis, start=start, stop=stop, step=step)])
    return _chosen_channels(shape, axis, indices)


def _chosen_channels(shape: Shape, axis: int, indices: Sequence[int]) -> tuple[Step, ...]:
    """Channels in another order (RGB as BGR): a convolution 1x1 of ones and zeros.

    Channels that come last are brought to the front and back.
    """
    axes = len(shape) - 1
    size = max(shape[axis], len(indices))
    if not 1 <= axes <= _MAX_AXES or axis not in (0, axes) or size > MAX_CHANNELS:
        text = ", ".join(map(str, indices[:_SHOWN])) + ", ..." * (len(indices) > _SHOWN)
        raise NotReadableError(f"elements of axis {axis + 1} in the order {text}")
    there = (axis, *(a for a in range(len(shape)) if a != axis))
    back = tuple(there.index(a) for a in range(len(shape)))
    moved = tuple(shape[a] for a in there)
    weight = np.eye(shape[axis], dtype=np.float32)[indices].reshape(len(indices), -1, *(1,) * axes)
    ones = (1,) * axes
    choose = Conv(
        weight=tensor(weight),
        bias=None,
        pads=(0,) * (2 * axes),
        strides=ones,
        dilations=ones,
        groups=1,
    )
    chosen = Step(op=choose, shape=(len(indices), *moved[1:]))
    if axis == 0:
        return (chosen,)
    return (
        Step(op=Transpose(axes=there), shape=moved),
        chosen,
        Step(op=Transpose(axes=back), shape=(*shape[:axis], len(indices), *shape[axis + 1 :])),
    )


READERS = {"Slice": slice_, "Split": split, "Gather": gather}
