"""What may stand before the first hardware layer: done by the host to the model's input.

The steps are applied in order to one input (without the batch dimension) and give the value that is
quantized to 8 bits and written to data memory. Moves (and zeros put in) may as well be done to the
8-bit integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mxdeploy.ir.tensor import Tensor

Shape = tuple[int, ...]

_SEQUENCE = 2
"""Axes of 1-D data: channels and positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose:
    """Axes permuted, e.g. rows x columns x channels to channels x rows x columns."""

    origin: str
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape:
    """The same elements in the same order, from shape ``before`` to shape ``after``."""

    origin: str
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """``x * scale + offset`` per channel (axis 0): normalization that no layer can take over.

    ``scale`` and ``offset`` have shape (channels,) or ().
    """

    origin: str
    scale: Tensor
    offset: Tensor

    def of_channel(self, channel: int) -> Affine:
        """What happens to one channel."""
        scale, offset = (
            tensor.array if tensor.shape == () else tensor.array[channel]
            for tensor in (self.scale, self.offset)
        )
        return Affine(origin=self.origin, scale=Tensor(scale), offset=Tensor(offset))


@dataclass(frozen=True, slots=True, kw_only=True)
class PerElement:
    """``x * scale + offset`` element by element, e.g. the mean image subtracted.

    Each has as many axes as x, of its length or 1; None: no such.
    """

    origin: str
    scale: Tensor | None
    offset: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Every element within ``low`` and ``high``."""

    origin: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Zeros around rows and columns (channels first): ``pads`` = (top, left, bottom, right).

    Negative amounts take rows or columns away, also from what an earlier step has put in. 1-D data
    have no columns: left and right are 0.
    """

    origin: str
    pads: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceToDepth:
    """(C, H, W) to (rows * columns * C, H / rows, W / columns).

    Channel ``(i * columns + j) * C + c`` holds the pixels in row ``i`` and column ``j`` of each
    block, as ONNX's SpaceToDepth; ``block`` = (rows, columns). 1-D data: (C, L), one column.
    """

    origin: str
    block: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedCopies:
    """(C, H, W) to (n * C, H, W): ``out[k * C + c, y, x] = in[c, y + dy, x + dx]``, zero outside.

    ``offsets`` = (dy, dx) of each copy ``k``. 1-D data: (C, L), ``dx`` is 0.
    """

    origin: str
    offsets: tuple[tuple[int, int], ...]


HeadMove = Transpose | Reshape | Pad | SpaceToDepth | ShiftedCopies
"""Steps that only say where elements go."""
HeadFunction = Affine | PerElement | Clip
"""Steps that change numbers."""
HeadOp = HeadMove | HeadFunction


def appended(head: Sequence[HeadOp], op: HeadOp) -> tuple[HeadOp, ...]:
    """The steps with one more, in as few and as simple steps as the same function has.

    Axes are put in order before numbers are changed, where that makes no difference, and two affine
    functions in a row are one.
    """
    if not head:
        return (op,)
    last = head[-1]
    if isinstance(op, Affine) and isinstance(last, Affine):
        return (*head[:-1], _composed(last, op))
    if isinstance(op, Transpose | Reshape) and _is_uniform(last):
        return (*appended(head[:-1], op), last)
    return (*head, op)


def _is_uniform(op: HeadOp) -> bool:
    """Whether the step does the same to every element."""
    if isinstance(op, Affine):
        return op.scale.shape == op.offset.shape == ()
    return isinstance(op, Clip)


def _composed(first: Affine, second: Affine) -> Affine:
    scale, offset, factor, summand = (
        tensor.array.astype(np.float64)
        for tensor in (first.scale, first.offset, second.scale, second.offset)
    )
    return Affine(
        origin=f"{first.origin}, {second.origin}",
        scale=Tensor((scale * factor).astype(np.float32)),
        offset=Tensor((offset * factor + summand).astype(np.float32)),
    )


def head_tensors(head: Sequence[HeadOp]) -> tuple[Tensor, ...]:
    """The constants of the steps, in order."""
    scaling = [op for op in head if isinstance(op, Affine | PerElement)]
    both = (tensor for op in scaling for tensor in (op.scale, op.offset))
    return tuple(tensor for tensor in both if tensor is not None)


def shape_after(head: Sequence[HeadOp], shape: Shape) -> Shape:
    """The shape that the steps make of an input of ``shape``.

    Raises:
        ValueError: a step does not apply to what it gets.
    """
    for op in head:
        shape = _after(op, shape)
    return shape


def shape_before(head: Sequence[HeadOp], shape: Shape) -> Shape:
    """The shape of the input of which the steps make one of ``shape``: the model's own.

    Raises:
        ValueError: there is none.
    """
    wanted = shape
    for op in reversed(head):
        shape = _before(op, shape)
    if shape_after(head, shape) != wanted:
        raise ValueError(f"no input gives a value of shape {list(wanted)}")
    return shape


def _after(op: HeadOp, shape: Shape) -> Shape:
    match op:
        case Transpose():
            return _permuted(op, shape)
        case Reshape():
            return _reshaped(op, shape)
        case Affine():
            return _scaled(op, shape)
        case PerElement():
            return _spread(op, shape)
        case Clip():
            return shape
        case Pad() | SpaceToDepth() | ShiftedCopies():
            return _shape_like(op, shape, _moved(op, shape))


def _moved(op: Pad | SpaceToDepth | ShiftedCopies, shape: Shape) -> tuple[int, int, int]:
    channels, rows, columns = _map(op, shape)
    match op:
        case Pad(pads=(top, left, bottom, right)):
            if min(rows + top + bottom, columns + left + right) < 1:
                raise ValueError(f"{op.origin}: nothing is left of {list(shape)}")
            return channels, rows + top + bottom, columns + left + right
        case ShiftedCopies():
            return channels * len(op.offsets), rows, columns
        case SpaceToDepth(block=(high, wide)):
            if rows % high or columns % wide:
                raise ValueError(f"{op.origin}: blocks of {high}x{wide} in {list(shape)}")
            return channels * high * wide, rows // high, columns // wide


def _permuted(op: Transpose, shape: Shape) -> Shape:
    if sorted(op.axes) != list(range(len(shape))):
        raise ValueError(f"{op.origin}: axes {op.axes} of shape {list(shape)}")
    return tuple(shape[axis] for axis in op.axes)


def _reshaped(op: Reshape, shape: Shape) -> Shape:
    if shape != op.before or math.prod(shape) != math.prod(op.after):
        raise ValueError(f"{op.origin}: {list(shape)} is reshaped to {list(op.after)}")
    return op.after


def _scaled(op: Affine, shape: Shape) -> Shape:
    if any(t.array.shape not in ((), shape[:1]) for t in (op.scale, op.offset)):
        raise ValueError(f"{op.origin}: {op.scale.shape} factors for {list(shape)}")
    return shape


def _spread(op: PerElement, shape: Shape) -> Shape:
    for tensor in (op.scale, op.offset):
        sizes = () if tensor is None else tensor.shape
        fits = len(sizes) == len(shape) and all(
            n in (1, m) for n, m in zip(sizes, shape, strict=True)
        )
        if tensor is not None and not fits:
            raise ValueError(f"{op.origin}: {tensor.shape} factors for {list(shape)}")
    return shape


def _map(op: HeadOp, shape: Shape) -> tuple[int, int, int]:
    """Channels, rows and columns; 1-D data have one column."""
    if len(shape) not in (_SEQUENCE, _SEQUENCE + 1):
        raise ValueError(f"{op.origin}: {list(shape)} is not channels x rows x columns")
    channels, rows, columns = (*shape, 1)[:3]
    return channels, rows, columns


def _shape_like(op: HeadOp, shape: Shape, size: tuple[int, int, int]) -> Shape:
    """``size`` with as many axes as ``shape``."""
    if len(shape) == _SEQUENCE and size[2] != 1:
        raise ValueError(f"{op.origin}: {list(shape)} has no columns")
    return size[: len(shape)]


def _before(op: HeadOp, shape: Shape) -> Shape:
    match op:
        case Transpose():
            return tuple(shape[op.axes.index(axis)] for axis in range(len(shape)))
        case Reshape():
            return op.before
        case Affine() | PerElement() | Clip():
            return shape
        case Pad(pads=(top, left, bottom, right)):
            channels, rows, columns = _map(op, shape)
            return _shape_like(op, shape, (channels, rows - top - bottom, columns - left - right))
        case SpaceToDepth(block=(high, wide)):
            channels, rows, columns = _map(op, shape)
            return _shape_like(op, shape, (channels // (high * wide), rows * high, columns * wide))
        case ShiftedCopies():
            return (shape[0] // len(op.offsets), *shape[1:])
