"""Convolutions of the network's input: the host brings the taps together as further channels.

The host is free to arrange the input as it likes. With stride s, blocks of s elements become
channels, so that the convolution steps by one block; where a kernel still has more taps than the
chip, shifted copies of all that become further channels; and whatever padding the chip has not got
is put in with the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.ops import head
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s2_legalize.arrange.axis import MAX_PAD, Axis, cover
from mxdeploy.stages.s2_legalize.arrange.convolution import NOTHING, Task
from mxdeploy.stages.s2_legalize.arrange.kernels import Weights, numbered_taps
from mxdeploy.stages.s2_legalize.arrange.plan import Problem
from mxdeploy.stages.s2_legalize.cost import Cost, layer_cost

_PLANE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How one direction of the input is arranged; all but ``begin`` and ``end`` count blocks.

    Attributes:
        block: elements that become channels.
        begin: zeros in front of the input (negative: elements taken away).
        end: zeros behind it.
        shifts: how far each copy is moved.
        stored: length of a copy, of which the rest is taken away.
        taps: kernel length.
        pad: zeros that the chip puts at either end.
        places: for each tap of the axis, its element in the block, its copy, and its place in the
            kernel.
    """

    block: int
    begin: int
    end: int
    shifts: tuple[int, ...]
    stored: int
    taps: int
    pad: int
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """How the input is arranged in all directions, and what the convolution then costs."""

    sides: tuple[Side, ...]
    spec: LayerSpec
    cost: Cost

    @property
    def copies(self) -> int:
        """Number of copies."""
        return prod(len(side.shifts) for side in self.sides)

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of a block."""
        rows, columns = (*(side.block for side in self.sides), 1)[:2]
        return rows, columns


def best_arrangement(problem: Problem) -> Arrangement | None:
    """The cheapest arrangement, for every word of the input one cycle to bring it in included."""
    options = [list(_sides(axis, problem.kernels)) for axis in problem.axes]
    found = []
    for sides in product(*options):
        if len({side.taps for side in sides}) > 1 and len(sides) == _PLANE:
            continue
        spec = _layer(problem, sides)
        cost = layer_cost(spec)
        if cost is not None and cost.words <= limits.KERNEL_MEMORY_WORDS.value:
            found.append(Arrangement(sides=sides, spec=spec, cost=cost))
    return min(found, key=_price, default=None)


def _price(arrangement: Arrangement) -> tuple[int, Cost]:
    channels, rows, columns = arrangement.spec.in_shape
    words = -(-channels // layouts.LANES) * rows * columns
    return arrangement.cost.cycles + words, arrangement.cost


def head_steps(arrangement: Arrangement, origin: str) -> tuple[head.HeadOp, ...]:
    """What the host does to the input."""
    sides = arrangement.sides
    top, left = _two(tuple(side.begin for side in sides))
    bottom, right = _two(tuple(side.end for side in sides))
    steps: list[head.HeadOp] = [head.Pad(origin=origin, pads=(top, left, bottom, right))]
    if arrangement.block != (1, 1):
        steps.append(head.SpaceToDepth(origin=origin, block=arrangement.block))
    if arrangement.copies > 1:
        offsets = tuple(_two(shifts) for shifts in product(*(side.shifts for side in sides)))
        steps.append(head.ShiftedCopies(origin=origin, offsets=offsets))
        cut = _two(tuple(-max(side.shifts) for side in sides))
        steps.append(head.Pad(origin=origin, pads=(0, 0, *cut)))
    return tuple(s for s in steps if not isinstance(s, head.Pad) or any(s.pads))


def arranged_kernel(weight: Weights, task: Task, arrangement: Arrangement) -> Weights:
    """The convolution's weights (out, in, *kernel) for the arranged input."""
    sides, spec = arrangement.sides, arrangement.spec
    outputs, inputs = weight.shape[:2]
    copies = tuple(len(side.shifts) for side in sides)
    blocks = tuple(side.block for side in sides)
    taps = tuple(side.taps for side in sides)
    kernel = np.zeros((prod(copies), prod(blocks), inputs, outputs, *taps), np.float32)
    for tap, index in numbered_taps(task.indices):
        if NOTHING in index:
            continue
        places = [side.places[t] for side, t in zip(sides, tap, strict=True)]
        element, copy, place = zip(*places, strict=True)
        part = (np.ravel_multi_index(copy, copies), np.ravel_multi_index(element, blocks))
        at: Any = (..., *place)
        source: Any = (..., *index)
        kernel[part][at] = weight[source].T
    return np.moveaxis(kernel.reshape(spec.in_channels, outputs, *taps), 0, 1)


def _sides(axis: Axis, lengths: Sequence[int]) -> Iterator[Side]:
    """Arrangements with the fewest copies for every kernel length."""
    for taps in lengths:
        sides = [
            side
            for pad in range(min(MAX_PAD, taps - 1) + 1)
            if (side := _side(axis, taps, pad)) is not None
        ]
        if sides:
            yield min(sides, key=lambda side: (len(side.shifts), side.stored))


def _side(axis: Axis, taps: int, pad: int) -> Side | None:
    """Arrangement for kernels of ``taps``: output ``r`` sees elements ``r ..`` of every copy.

    The chip stores the copies without the ``pad`` elements at either end, which must be zeros.
    """
    stored = axis.least + taps - 1 - 2 * pad
    wanted = {position: divmod(position, axis.step) for position in axis.taps}
    blocks = [block for block, _ in wanted.values()]
    reach = {
        shift: {
            position: block - shift
            for position, (block, element) in wanted.items()
            if 0 <= block - shift < taps
            and _zeros_beyond(axis, shift, element, (pad, pad + stored), block - shift)
        }
        for shift in range(min(blocks) - taps + 1, max(blocks) + 1)
    }
    found = cover(axis.taps, reach)
    if stored < 1 or found is None:
        return None
    shifts, places = found
    first, last = pad + min(shifts), pad + max(shifts) + stored
    return Side(
        block=axis.step,
        begin=-axis.step * first,
        end=axis.step * last - axis.size,
        shifts=tuple(pad + shift - first for shift in shifts),
        stored=stored,
        taps=taps,
        pad=pad,
        places=tuple(
            (wanted[position][1], copy, place)
            for position, (copy, place) in zip(axis.taps, places, strict=True)
        ),
    )


def _zeros_beyond(axis: Axis, shift: int, element: int, kept: tuple[int, int], place: int) -> bool:
    """Whether a tap at ``place`` meets no data where the copy is not stored."""
    before, behind = kept[0] - 1, max(kept[1], place)
    if place <= before and axis.step * (before + shift) + element >= 0:
        return False
    last = axis.least - 1 + place
    return behind > last or axis.step * (behind + shift) + element >= axis.size


def _layer(problem: Problem, sides: tuple[Side, ...]) -> LayerSpec:
    return LayerSpec(
        kind=Kind.CONV2D if len(sides) == _PLANE else Kind.CONV1D,
        in_channels=problem.inputs * prod(len(s.shifts) * s.block for s in sides),
        in_size=_two(tuple(side.stored for side in sides), 1),
        out_channels=problem.outputs,
        kernel=_two(tuple(side.taps for side in sides), 1),
        pad=_two(tuple(side.pad for side in sides)),
    )


def _two(numbers: tuple[int, ...], missing: int = 0) -> tuple[int, int]:
    first, second = (*numbers, missing)[:2]
    return first, second
