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
from mxdeploy.ops.head import Affine, Clip, HeadOp, Shape, shape_after

Indices = NDArray[np.int64]
PIXELS = 256
"""Values of an 8-bit pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One channel of the chip's input.

    Attributes:
        first: element of the model's input behind row 0, column 0; that place may lie outside.
        row_step: elements from a row to the next.
        column_step: elements from a column to the next.
        rows: first row that comes from the input, and the first one behind those; zeros around.
        columns: the same of columns.
        group: number of the functions that its elements pass.
    """

    first: int
    row_step: int
    column_step: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    group: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Numbers within ``low`` and ``high``, in all groups."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Numbers times a scale plus an offset, by group."""

    scales: tuple[float, ...]
    offsets: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPlan:
    """How the chip's input is made.

    Attributes:
        shape: of the model's input, without the batch dimension.
        planes: the chip's channels.
        functions: done to every number before it is quantized, in order.
        groups: of planes with the same functions.
        pixels: the integer of each 8-bit pixel, by group: int8 (groups, 256).
    """

    shape: Shape
    planes: tuple[Plane, ...]
    functions: tuple[Bounds | Scaling, ...]
    groups: int
    pixels: NDArray[np.int8]


def plan_head(
    head: Sequence[HeadOp],
    shape: Shape,
    chip_shape: tuple[int, int, int],
    scale: float,
    pixels: NDArray[np.float32],
) -> HeadPlan:
    """Plan the steps in front of a network.

    Args:
        head: the steps.
        shape: of the model's input.
        chip_shape: of the network's input.
        scale: of the network's input.
        pixels: what the model takes for each of the 256 values of a pixel.
    """
    numbers = np.arange(1, np.prod(shape, dtype=int) + 1).reshape(1, *shape)
    places = _moved(head, numbers).reshape(chip_shape) - 1
    used = _parameters(head, shape, chip_shape)
    kinds = list(dict.fromkeys(used))
    return HeadPlan(
        shape=shape,
        planes=tuple(
            _plane(plane, kinds.index(channels))
            for plane, channels in zip(places, used, strict=True)
        ),
        functions=tuple(_functions(head, kinds)),
        groups=len(kinds),
        pixels=np.stack([_integers(head, channels, scale, pixels) for channels in kinds]),
    )


def _moved(head: Sequence[HeadOp], numbers: Indices) -> Indices:
    """Positive numbers of elements after all moves; 0 where a step puts in zeros."""
    for op in head:
        if not isinstance(op, Affine | Clip):
            numbers = moved(op, numbers)
    return numbers


def _parameters(
    head: Sequence[HeadOp], shape: Shape, chip_shape: tuple[int, int, int]
) -> list[tuple[int, ...]]:
    """For each channel of the chip: the channel that each per-channel step has its numbers from."""
    found: list[list[int]] = [[] for _ in range(chip_shape[0])]
    for position, op in enumerate(head):
        if not isinstance(op, Affine) or op.scale.shape == op.offset.shape == ():
            continue
        before = shape_after(head[:position], shape)
        channels = np.arange(1, before[0] + 1).reshape(1, -1, *(1,) * (len(before) - 1))
        there = _moved(head[position:], np.broadcast_to(channels, (1, *before)))
        for plane, rest in zip(there.reshape(chip_shape[0], -1), found, strict=True):
            rest.append(int(plane.max()) - 1)
    return [tuple(channels) for channels in found]


def _plane(places: Indices, group: int) -> Plane:
    """The loops of one channel.

    Raises:
        ValueError: its elements are in no regular order.
    """
    rows, columns = (
        np.flatnonzero((places >= 0).any(axis=1)),
        np.flatnonzero((places >= 0).any(axis=0)),
    )
    if not len(rows):
        return Plane(first=0, row_step=0, column_step=0, rows=(0, 0), columns=(0, 0), group=group)
    top, left = int(rows[0]), int(columns[0])
    bottom, right = int(rows[-1]) + 1, int(columns[-1]) + 1
    inside = places[top:bottom, left:right]
    row_step = int(inside[1, 0] - inside[0, 0]) if len(inside) > 1 else 0
    column_step = int(inside[0, 1] - inside[0, 0]) if inside.shape[1] > 1 else 0
    first = int(inside[0, 0]) - top * row_step - left * column_step
    y, x = np.mgrid[top:bottom, left:right]
    if (inside != first + y * row_step + x * column_step).any():
        raise ValueError("the input's elements are in no regular order")
    return Plane(
        first=first,
        row_step=row_step,
        column_step=column_step,
        rows=(top, bottom),
        columns=(left, right),
        group=group,
    )


def _single(head: Sequence[HeadOp], channels: tuple[int, ...]) -> tuple[HeadOp, ...]:
    """The functions that an element of these channels passes."""
    left = list(channels)
    found: list[HeadOp] = []
    for op in head:
        if isinstance(op, Affine):
            uniform = op.scale.shape == op.offset.shape == ()
            found.append(op if uniform else op.of_channel(left.pop(0)))
        elif isinstance(op, Clip):
            found.append(op)
    return tuple(found)


def _integers(
    head: Sequence[HeadOp],
    channels: tuple[int, ...],
    scale: float,
    pixels: NDArray[np.float32],
) -> NDArray[np.int8]:
    real = apply_head(_single(head, channels), pixels.reshape(PIXELS, 1))
    return quantized_input(real, scale).reshape(-1)


def _functions(head: Sequence[HeadOp], kinds: list[tuple[int, ...]]) -> list[Bounds | Scaling]:
    """The functions, with the numbers of every group."""
    by_group = [_single(head, channels) for channels in kinds]
    found: list[Bounds | Scaling] = []
    for ops in zip(*by_group, strict=True):
        first = ops[0]
        if isinstance(first, Clip):
            found.append(Bounds(low=first.low, high=first.high))
        else:
            affine = [op for op in ops if isinstance(op, Affine)]
            found.append(
                Scaling(
                    scales=tuple(float(op.scale.array) for op in affine),
                    offsets=tuple(float(op.offset.array) for op in affine),
                )
            )
    return found
