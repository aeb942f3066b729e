"""Where the chip's input comes from in the model's, channel by channel, for the C code.

The steps in front of the network are applied to the elements' numbers instead of the elements: what
moves, moves as in the reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.head import apply_head, moved, quantized_input
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.head import Affine, Clip, HeadFunction, HeadOp, PerElement, Shape, shape_after

Indices = NDArray[np.int64]
Floats = NDArray[np.float32]
PIXELS = 256
"""Values of an 8-bit pixel."""
OUTSIDE = -1
"""In place of an element: a zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One channel of the chip's input whose elements lie regularly.

    Attributes:
        first: element of the model's input behind row 0, column 0; that place may lie outside.
        row_step: elements from a row to the next.
        column_step: elements from a column to the next.
        rows: first row that comes from the input, and the first one behind those; zeros around.
        columns: the same of columns.
    """

    first: int
    row_step: int
    column_step: int
    rows: tuple[int, int]
    columns: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Numbers within ``low`` and ``high``."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Numbers times a scale plus an offset, by group."""

    scales: tuple[float, ...]
    offsets: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Numbers times a scale, if any, plus an offset, if any: one of each element of the input."""

    scales: Floats | None
    offsets: Floats | None


Function = Bounds | Scaling | Spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadPlan:
    """How the chip's input is made.

    Attributes:
        shape: of the model's input, without the batch dimension.
        planes: the chip's channels; none when the order is not regular.
        order: then the element of the model's input behind each of the chip's, or ``OUTSIDE``.
        groups: of each channel: channels of a group pass the same functions.
        functions: done to every number before it is quantized, in order.
        pixels: the integer of each 8-bit pixel, by group: int8 (groups, 256); None when it differs
            from element to element.
    """

    shape: Shape
    planes: tuple[Plane, ...]
    order: Indices | None
    groups: tuple[int, ...]
    functions: tuple[Function, ...]
    pixels: NDArray[np.int8] | None


def plan_head(
    head: Sequence[HeadOp],
    shape: Shape,
    chip_shape: tuple[int, int, int],
    scale: float,
    pixels: Floats,
) -> HeadPlan:
    """Plan the steps in front of a network.

    Args:
        head: the steps.
        shape: of the model's input.
        chip_shape: of the network's input.
        scale: of the network's input.
        pixels: what the model takes for each of the 256 values of a pixel.
    """
    head = [_by_channel(head, position, shape, chip_shape) for position in range(len(head))]
    elements = _moved(head, _numbers(shape)).reshape(chip_shape) - 1
    planes = [_plane(plane) for plane in elements]
    regular = [plane for plane in planes if plane is not None]
    used = _parameters(head, shape, chip_shape)
    kinds = list(dict.fromkeys(used))
    spread = any(isinstance(op, PerElement) for op in head)
    return HeadPlan(
        shape=shape,
        planes=tuple(regular) if len(regular) == len(planes) else (),
        order=None if len(regular) == len(planes) else elements.reshape(-1),
        groups=tuple(kinds.index(channels) for channels in used),
        functions=tuple(_functions(head, shape, kinds)),
        pixels=None if spread else np.stack([_integers(head, k, scale, pixels) for k in kinds]),
    )


def _numbers(shape: Shape) -> Indices:
    """The elements of a value of ``shape`` counted from 1; the batch in front."""
    return np.arange(1, np.prod(shape, dtype=int) + 1).reshape(1, *shape)


def _moved(head: Sequence[HeadOp], numbers: Indices) -> Indices:
    """Positive numbers of elements after all moves; 0 where a step puts in zeros."""
    for op in head:
        if not isinstance(op, HeadFunction):
            numbers = moved(op, numbers)
    return numbers


def _channels(
    head: Sequence[HeadOp], position: int, shape: Shape, chip_shape: tuple[int, int, int]
) -> Indices:
    """The channel (from 1 on) that each of the chip's elements has at a step: (C, elements)."""
    before = shape_after(head[:position], shape)
    channels = np.arange(1, before[0] + 1).reshape(1, -1, *(1,) * (len(before) - 1))
    there = _moved(head[position:], np.broadcast_to(channels, (1, *before)))
    return there.reshape(chip_shape[0], -1)


def _by_channel(
    head: Sequence[HeadOp], position: int, shape: Shape, chip_shape: tuple[int, int, int]
) -> HeadOp:
    """A step; where a channel of the chip has elements of several, by element instead."""
    op = head[position]
    if not isinstance(op, Affine) or op.scale.shape == op.offset.shape == ():
        return op
    channels = _channels(head, position, shape, chip_shape)
    mixed = np.where(channels == 0, channels.max(axis=1, keepdims=True), channels)
    if (mixed == mixed[:, :1]).all():
        return op
    before = shape_after(head[:position], shape)
    axes = (-1, *(1,) * (len(before) - 1))
    scale, offset = (
        Tensor(np.broadcast_to(tensor.array, before[:1]).reshape(axes))
        for tensor in (op.scale, op.offset)
    )
    return PerElement(origin=op.origin, scale=scale, offset=offset)


def _parameters(
    head: Sequence[HeadOp], shape: Shape, chip_shape: tuple[int, int, int]
) -> list[tuple[int, ...]]:
    """For each channel of the chip: the channel that each per-channel step has its numbers from."""
    found: list[list[int]] = [[] for _ in range(chip_shape[0])]
    for position, op in enumerate(head):
        if not isinstance(op, Affine) or op.scale.shape == op.offset.shape == ():
            continue
        for plane, rest in zip(_channels(head, position, shape, chip_shape), found, strict=True):
            rest.append(int(plane.max()) - 1)
    return [tuple(channels) for channels in found]


def _plane(elements: Indices) -> Plane | None:
    """The loops of one channel; None when its elements are in no regular order."""
    used = elements != OUTSIDE
    rows, columns = np.flatnonzero(used.any(axis=1)), np.flatnonzero(used.any(axis=0))
    if not len(rows):
        return Plane(first=0, row_step=0, column_step=0, rows=(0, 0), columns=(0, 0))
    top, left = int(rows[0]), int(columns[0])
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    inside = elements[top:bottom, left:right]
    row_step = int(inside[1, 0] - inside[0, 0]) if len(inside) > 1 else 0
    column_step = int(inside[0, 1] - inside[0, 0]) if inside.shape[1] > 1 else 0
    first = int(inside[0, 0]) - top * row_step - left * column_step
    y, x = np.mgrid[top:bottom, left:right]
    if (inside != first + y * row_step + x * column_step).any():
        return None
    return Plane(
        first=first,
        row_step=row_step,
        column_step=column_step,
        rows=(top, bottom),
        columns=(left, right),
    )


def _single(head: Sequence[HeadOp], channels: tuple[int, ...]) -> tuple[Affine | Clip, ...]:
    """The functions that an element of these channels passes, those per element left out."""
    left = list(channels)
    found: list[Affine | Clip] = []
    for op in head:
        if isinstance(op, Affine):
            uniform = op.scale.shape == op.offset.shape == ()
            found.append(op if uniform else op.of_channel(left.pop(0)))
        elif isinstance(op, Clip):
            found.append(op)
    return tuple(found)


def _integers(
    head: Sequence[HeadOp], channels: tuple[int, ...], scale: float, pixels: Floats
) -> NDArray[np.int8]:
    real = apply_head(_single(head, channels), pixels.reshape(PIXELS, 1))
    return quantized_input(real, scale).reshape(-1)


def _functions(
    head: Sequence[HeadOp], shape: Shape, kinds: list[tuple[int, ...]]
) -> list[Function]:
    """The functions, with the numbers of every group, or of every element of the input."""
    by_group = iter(zip(*(_single(head, channels) for channels in kinds), strict=True))
    found: list[Function] = []
    for position, op in enumerate(head):
        if isinstance(op, PerElement):
            found.append(_spread(op, head[:position], shape))
        elif isinstance(op, Clip):
            next(by_group)
            found.append(Bounds(low=op.low, high=op.high))
        elif isinstance(op, Affine):
            affine = [one for one in next(by_group) if isinstance(one, Affine)]
            found.append(
                Scaling(
                    scales=tuple(float(one.scale.array) for one in affine),
                    offsets=tuple(float(one.offset.array) for one in affine),
                )
            )
    return found


def _spread(op: PerElement, before: Sequence[HeadOp], shape: Shape) -> Spread:
    """The constants by the elements of the model's input, of which earlier steps lose none."""
    places = _moved(before, _numbers(shape))[0]
    scales, offsets = (
        None if tensor is None else np.broadcast_to(tensor.array.astype(np.float32), places.shape)
        for tensor in (op.scale, op.offset)
    )
    return Spread(scales=_by_element(scales, places), offsets=_by_element(offsets, places))


def _by_element(constants: Floats | None, places: Indices) -> Floats | None:
    if constants is None:
        return None
    result = np.zeros(places.size, np.float32)
    result[places.reshape(-1) - 1] = constants.reshape(-1)
    return result
