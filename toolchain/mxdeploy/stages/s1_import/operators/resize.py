"""Resize, Expand, Tile, DepthToSpace and SpaceToDepth: operators that change rows and columns."""

from __future__ import annotations

import math
from fractions import Fraction

from mxdeploy.chip.max78000.limits import MAX_DIMENSION
from mxdeploy.ops.graph import Reshape, Slice, Transpose, Upsample
from mxdeploy.stages.s1_import.node_view import (
    NodeView,
    NotReadableError,
    Reading,
    Shape,
    Step,
)
from mxdeploy.stages.s1_import.operators.slicing import ranges

_HALF = Fraction(1, 2)
_SCALES, _SIZES = 2, 3


def resize(view: NodeView) -> Reading:
    """Resize to the nearest element where that repeats, or leaves out, whole rows and columns."""
    before, after = view.shape(), view.out_shape()
    if before == after:
        return Reading(inputs=(0,), steps=())
    mode = view.get_string("mode", "nearest")
    if mode != "nearest":
        raise NotReadableError(f"interpolation ({mode}); only nearest neighbours are known")
    if view.get_int("antialias", 0):
        raise NotReadableError("it smoothes (antialias)")
    scales = _scales(view, before, after)
    factors, parts = [], []
    for axis, (length, size, scale) in enumerate(zip(before, after, scales, strict=True)):
        taken = _nearest(view, length, size, scale)
        factor = max(1, size // length)
        step = max(1, length // size)
        if taken == [i // factor for i in range(size)]:
            factors.append(factor)
            continue
        factors.append(1)
        start, stop = taken[0], taken[-1] + 1
        if taken != list(range(start, stop, step)):
            raise NotReadableError(
                f"{length} rows or columns become {size} in a way that repeats, or leaves out, "
                f"not all alike ({_transformation(view)}, {_rounding(view)})"
            )
        parts.append(Slice(axis=axis, start=start, stop=stop, step=step))
    fewer = ranges(before, parts)
    rest = fewer[-1].shape if fewer and fewer[-1].shape is not None else before
    return Reading(inputs=(0,), steps=(*fewer, *repeated(rest, tuple(factors))))


def _transformation(view: NodeView) -> str:
    return view.get_string("coordinate_transformation_mode", "half_pixel")


def _rounding(view: NodeView) -> str:
    return view.get_string("nearest_mode", "round_prefer_floor")


def _scales(view: NodeView, before: Shape, after: Shape) -> list[Fraction]:
    """The scale of every axis but the batch.

    Whole factors and halves of halves only: with others, elements are chosen by how a runtime
    rounds.
    """
    if max(*before, *after) > MAX_DIMENSION:
        raise NotReadableError(f"from {list(before)} to {list(after)}")
    if view.get_string("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotReadableError("it keeps the aspect ratio")
    scales = view.constant(_SCALES)
    if scales is not None and scales.size:
        rank = len(before) + 1
        full = [Fraction(1)] * rank
        for axis, scale in zip(view.get_ints("axes") or range(rank), scales.tolist(), strict=True):
            full[axis] = Fraction(scale)
        wanted = full[1:]
    elif view.constant(_SIZES) is not None:
        wanted = [Fraction(n, m) for m, n in zip(before, after, strict=True)]
    else:
        raise NotReadableError("its scales or sizes are computed by the model, not constant")
    for scale in wanted:
        power = scale.numerator == 1 and scale.denominator.bit_count() == 1
        if scale.denominator != 1 and not power:
            raise NotReadableError(f"a scale of {float(scale):g}, not a whole factor")
    return wanted


def _nearest(view: NodeView, length: int, size: int, scale: Fraction) -> list[int]:
    """Which of ``length`` elements every one of ``size`` is taken from, by ONNX's definition."""
    half, none = _HALF, Fraction(0)
    transformation, rounding = _transformation(view), _rounding(view)
    corners = Fraction(length - 1, size - 1) if size > 1 else none
    pixel = (1 / scale, half / scale - half)
    middle = Fraction(length, 2) * (1 - Fraction(size) / (length * scale))
    try:
        slope, shift = {
            "half_pixel": pixel,
            "half_pixel_symmetric": (pixel[0], pixel[1] + middle),
            "pytorch_half_pixel": pixel if size > 1 else (none, none),
            "asymmetric": (1 / scale, none),
            "align_corners": (corners, none),
            "tf_half_pixel_for_nn": (1 / scale, half / scale),
        }[transformation]
        nearest = {
            "round_prefer_floor": lambda x: math.ceil(x - half),
            "round_prefer_ceil": lambda x: math.floor(x + half),
            "floor": math.floor,
            "ceil": math.ceil,
        }[rounding]
    except KeyError as error:
        raise NotReadableError(f"the mode {error}") from None
    return [min(max(nearest(i * slope + shift), 0), length - 1) for i in range(size)]


def repeated(shape: Shape, factors: Shape) -> tuple[Step, ...]:
    """Every element repeated along each axis; channels that come last are brought to the front.

    Raises:
        NotReadableError: the channels themselves are repeated.
    """
    if all(f == 1 for f in factors):
        return ()
    result = tuple(n * f for n, f in zip(shape, factors, strict=True))
    if factors[0] == 1:
        return (Step(op=Upsample(factors=factors[1:]), shape=result),)
    if factors[-1] != 1:
        raise NotReadableError(f"channels are repeated, from {list(shape)} to {list(result)}")
    last = len(shape) - 1
    back = (*range(1, last + 1), 0)
    enlarged = (result[last], *result[:last])
    return (
        Step(op=Transpose(axes=(last, *range(last))), shape=(shape[last], *shape[:last])),
        Step(op=Upsample(factors=factors[:-1]), shape=enlarged),
        Step(op=Transpose(axes=back), shape=result),
    )


def expand(view: NodeView) -> Reading:
    """Expand: single rows and columns repeated."""
    before, after = view.shape(), view.out_shape()
    if len(before) != len(after):
        raise NotReadableError(f"it adds axes, from {list(before)} to {list(after)}")
    factors = tuple(n // m for m, n in zip(before, after, strict=True))
    return Reading(inputs=(0,), steps=repeated(before, factors))


def tile(view: NodeView) -> Reading:
    """Tile: single rows and columns repeated."""
    before, after = view.shape(), view.out_shape()
    if any(m not in (1, n) for m, n in zip(before, after, strict=True)):
        raise NotReadableError(f"whole rows are repeated, from {list(before)} to {list(after)}")
    return expand(view)


def depth_to_space(view: NodeView) -> Reading:
    """DepthToSpace (pixel shuffle): channels become rows and columns of a block."""
    (channels, rows, columns), block = view.shape(), view.get_int("blocksize", 0)
    if block < 1 or channels % (block * block):
        raise view.disagree(f"blocks of {block} from {channels} channels")
    rest = channels // (block * block)
    if view.get_string("mode", "DCR") == "DCR":
        split, axes = (block, block, rest, rows, columns), (2, 3, 0, 4, 1)
    else:
        split, axes = (rest, block, block, rows, columns), (0, 3, 1, 4, 2)
    return _blocks(split, axes, (rest, rows * block, columns * block))


def space_to_depth(view: NodeView) -> Reading:
    """SpaceToDepth: rows and columns of a block become channels."""
    (channels, rows, columns), block = view.shape(), view.get_int("blocksize", 0)
    if block < 1 or rows % block or columns % block:
        raise view.disagree(f"blocks of {block} from {rows} x {columns}")
    split = (channels, rows // block, block, columns // block, block)
    after = (channels * block * block, rows // block, columns // block)
    return _blocks(split, (2, 4, 0, 1, 3), after)


def _blocks(split: Shape, axes: Shape, after: Shape) -> Reading:
    steps = (
        Step(op=Reshape(shape=split), shape=split),
        Step(op=Transpose(axes=axes), shape=tuple(split[a] for a in axes)),
        Step(op=Reshape(shape=after), shape=after),
    )
    return Reading(inputs=(0,), steps=steps)


READERS = {
    "Resize": resize,
    "Expand": expand,
    "Tile": tile,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}
