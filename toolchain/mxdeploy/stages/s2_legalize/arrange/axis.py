"""One direction of a convolution, and the ways in which the chip can compute it.

A convolution computes, in each direction, ``out[r] = sum over its taps p of w[p] * x[step r + p]``
with zeros where there is no ``x``. The chip's kernels have a few taps in a row, move on by one
element, and see at most two zeros at either end. Everything else is made of

* in-flight subsampling of what is read (``inner``), and of the result by whoever reads it
  (``outer``);
* copies of ``x`` beside each other as further channels, each shifted by some elements and
  lengthened or shortened by zeros or data at its ends, so that the kernel finds all taps;
* or several partial sums, as further channels, that are shifted and added up afterwards.

A ``Way`` is right when every tap lies in one of the copies (or partial sums), and when wherever one
of the chip's zeros beyond the end of a copy is seen, there is nothing of ``x`` either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from mxdeploy.chip.max78000 import limits

MAX_PAD = limits.MAX_PAD.value


class Prep(StrEnum):
    """The layer beside the convolution itself.

    ``COPY``: a convolution in front that makes copies. ``ROWS``: the same for 1-D data, as a 2-D
    convolution over rows of several elements. ``ODD``: a transposed convolution in front that makes
    copies of odd sizes. ``SUM``: a convolution behind that adds up shifted sums.
    """

    NONE = "none"
    COPY = "copy"
    ROWS = "rows"
    ODD = "odd"
    SUM = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is to be computed in one direction.

    Attributes:
        size: elements of ``x``.
        taps: positions of the taps relative to the first element, ascending.
        step: elements of ``x`` between outputs.
        spread: 2 for a transposed convolution: a zero follows every element of ``x``, and positions
            and outputs count elements and zeros.
        least: outputs that are needed.
        most: outputs that may be computed: whoever reads them does not look at the last ones.
    """

    size: int
    taps: tuple[int, ...]
    step: int = 1
    spread: int = 1
    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to compute it.

    Attributes:
        prep: the layer beside; without one the first (and only) copy is ``x`` itself.
        copy_taps: its kernel length.
        copy_pad: its padding (``ODD``: of the transposed convolution, as the chip pads).
        row: elements of a row (``ROWS``), in which kernel length and padding count; else 1.
        shifts: copy ``j`` holds ``x[i + shifts[j]]`` at ``i``; partial sum ``j`` is taken there.
        stored: elements of a copy or partial sum.
        inner: every ``inner``-th element of a copy is read.
        taps: kernel length.
        pad: zeros at either end.
        places: for each tap of the axis, the copy and the place in the kernel.
        outputs: elements computed.
        outer: every ``outer``-th of them is used.
    """

    prep: Prep = Prep.NONE
    copy_taps: int = 1
    copy_pad: int = 0
    row: int = 1
    shifts: tuple[int, ...] = (0,)
    stored: int
    inner: int
    taps: int
    pad: int
    places: tuple[tuple[int, int], ...]
    outputs: int
    outer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Copies that can be had."""

    prep: Prep
    copy_taps: int
    copy_pad: int
    row: int = 1
    stored: int
    shifts: tuple[int, ...]


def direct(axis: Axis, lengths: Sequence[int]) -> Iterator[Way]:
    """Ways without copies, by kernels of ``lengths``."""
    source = _Source(prep=Prep.NONE, copy_taps=1, copy_pad=0, stored=axis.size, shifts=(0,))
    yield from _ways(axis, source, lengths)


def copied(
    axis: Axis, lengths: Sequence[int], copy_lengths: Sequence[int], copy_pads: int = MAX_PAD
) -> Iterator[Way]:
    """Ways with copies made by a convolution with one tap set in a kernel of ``copy_lengths``.

    It has up to ``copy_pads`` zeros at either end; more than the chip has if it is itself computed
    in several layers.
    """
    for length in copy_lengths:
        for pad in range(min(copy_pads, length - 1) + 1):
            stored = axis.size + 2 * pad - length + 1
            if stored < 1:
                continue
            shifts = tuple(tap - pad for tap in range(length))
            source = _Source(
                prep=Prep.COPY, copy_taps=length, copy_pad=pad, stored=stored, shifts=shifts
            )
            yield from _ways(axis, source, lengths)


def rowed(axis: Axis, lengths: Sequence[int]) -> Iterator[Way]:
    """Ways with copies shifted by whole rows, for 1-D data that are seen as rows of some elements.

    A 2-D convolution with one tap in the middle column moves rows, and puts in rows of zeros.
    """
    kernel = limits.CONV2D_KERNEL.value
    for row in range(2, axis.size):
        if axis.size % row:
            continue
        for pad in range(MAX_PAD + 1):
            stored = axis.size + (2 * pad - kernel + 1) * row
            if stored < row:
                continue
            source = _Source(
                prep=Prep.ROWS,
                copy_taps=kernel,
                copy_pad=pad,
                row=row,
                stored=stored,
                shifts=tuple((tap - pad) * row for tap in range(kernel)),
            )
            yield from _ways(axis, source, lengths)


def resized(axis: Axis, lengths: Sequence[int]) -> Iterator[Way]:
    """Ways with copies one element longer or shorter than ``x``.

    They come from a transposed convolution with one tap, of which every second element is read.
    """
    for pad, shifts in ((0, (0, 1)), (1, (0,)), (2, (-1, 0))):
        stored = axis.size + pad - 1
        if stored < 1:
            continue
        source = _Source(
            prep=Prep.ODD,
            copy_taps=limits.CONV2D_KERNEL.value,
            copy_pad=pad,
            stored=stored,
            shifts=shifts,
        )
        yield from _ways(axis, source, lengths)


def summed(axis: Axis, lengths: Sequence[int], sum_lengths: Sequence[int]) -> Iterator[Way]:
    """Ways with partial sums, added by a convolution with one tap set in ``sum_lengths``."""
    last = axis.step * (axis.least - 1)
    for taps, length in product(lengths, sum_lengths):
        for pad, sum_pad in product(range(min(MAX_PAD, taps - 1) + 1), range(length)):
            stored = axis.size + 2 * pad - taps + 1
            outputs = stored + 2 * sum_pad - length + 1
            if stored < 1 or not last < outputs <= axis.step * axis.most:
                continue
            reach = {
                shift: {
                    tap - pad + shift: tap
                    for tap in range(taps)
                    if _sees_nothing_beyond(axis, stored, 1, tap - pad, (shift, last + shift))
                }
                for shift in (place - sum_pad for place in range(length))
            }
            found = cover(axis.taps, reach)
            if found is None:
                continue
            shifts, places = found
            yield Way(
                prep=Prep.SUM,
                copy_taps=length,
                copy_pad=sum_pad,
                shifts=shifts,
                stored=stored,
                inner=1,
                taps=taps,
                pad=pad,
                places=places,
                outputs=outputs,
                outer=axis.step,
            )


def _ways(axis: Axis, source: _Source, lengths: Sequence[int]) -> Iterator[Way]:
    for inner in sorted({1, axis.step}, reverse=True):
        outer = axis.step // inner
        least, most = outer * (axis.least - 1) + 1, outer * axis.most
        for taps in lengths:
            for pad in range(min(MAX_PAD, taps - 1) + 1):
                outputs = _read(axis, source.stored, inner) + 2 * pad - taps + 1
                if not least <= outputs <= most:
                    continue
                found = cover(axis.taps, _reach(axis, source, inner, taps, pad))
                if found is None:
                    continue
                shifts, places = found
                yield Way(
                    prep=source.prep,
                    copy_taps=source.copy_taps,
                    copy_pad=source.copy_pad,
                    row=source.row,
                    shifts=shifts,
                    stored=source.stored,
                    inner=inner,
                    taps=taps,
                    pad=pad,
                    places=places,
                    outputs=outputs,
                    outer=outer,
                )


def _read(axis: Axis, stored: int, inner: int) -> int:
    """Elements that the convolution finds, zeros of a transposed one included."""
    return axis.spread * ((stored - 1) // inner + 1)


def _reach(
    axis: Axis, source: _Source, inner: int, taps: int, pad: int
) -> dict[int, dict[int, int]]:
    """For each shift, the positions that its copy offers and their places in the kernel."""
    read = _read(axis, source.stored, inner)
    last = axis.step // inner * (axis.least - 1)
    return {
        shift: {
            inner * (tap - pad) + axis.spread * shift: tap
            for tap in range(taps)
            if _sees_nothing_beyond(axis, read, inner, shift, (tap - pad, last + tap - pad))
        }
        for shift in source.shifts
    }


def _sees_nothing_beyond(
    axis: Axis, read: int, inner: int, shift: int, seen: tuple[int, int]
) -> bool:
    """Whether ``x`` has nothing where a tap that sees elements ``seen`` leaves its copy."""
    first, last = seen
    spread = axis.spread
    below = min(-1, last)
    below -= below % spread
    if first <= below and inner * below // spread + shift >= 0:
        return False
    above = max(read, first)
    above += -above % spread
    return not (above <= last and inner * above // spread + shift < axis.size)


def cover(
    taps: Sequence[int], reach: Mapping[int, Mapping[int, int]]
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]] | None:
    """Few shifts that together offer all taps; None when there are none.

    From left to right, always the shift that offers the first tap that is missing and the most of
    the others: the fewest there are, since a shift's taps are neighbours.

    Args:
        taps: positions.
        reach: for each shift, the positions that its copy offers and their places in the kernel.

    Returns:
        The shifts, and for each tap its copy and its place in the kernel.
    """
    missing = set(taps)
    chosen: list[int] = []
    while missing:
        first = min(missing)
        offers = [shift for shift, offer in reach.items() if first in offer]
        if not offers:
            return None
        best = max(offers, key=lambda shift: len(missing & reach[shift].keys()))
        chosen.append(best)
        missing -= reach[best].keys()
    places = []
    for position in taps:
        copy = next(j for j, shift in enumerate(chosen) if position in reach[shift])
        places.append((copy, reach[chosen[copy]][position]))
    return tuple(chosen), tuple(places)
