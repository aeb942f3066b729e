"""Reading and writing in order, against a simulation that moves word after word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mxdeploy.chip.max78000.order import (
    Traffic,
    latest_start,
    may_overwrite,
    safe_distances,
)

LANES = 4


def events(traffic: Traffic):
    """The layer's reads and writes one after the other, as ("read" | "write", word).

    Walks the windows as the hardware does, and writes an output pixel as soon as nothing of its
    receptive field is missing.
    """
    waiting = {}
    for row, column in np.ndindex(traffic.out_size):
        pixels = waiting.setdefault(newest_of_field(traffic, row, column), [])
        pixels.append(row * traffic.out_size[1] + column)
    for window in np.ndindex(traffic.pooled_size):
        written = waiting.pop(window, [])
        for number in range(traffic.passes):
            yield from reads_of(traffic, window, number)
            if traffic.passthrough:
                yield from writes_of(traffic, written, [number])
        if not traffic.passthrough:
            yield from writes_of(traffic, written, range(traffic.out_passes))
    assert not waiting


def reads_of(traffic: Traffic, window: tuple[int, int], number: int):
    """One pass of one window."""
    for row, column in np.ndindex(traffic.window):
        pixel = (window[0] * traffic.stride + row) * traffic.size[1]
        pixel += window[1] * traffic.stride + column
        for operand in range(traffic.operands):
            yield "read", input_word(traffic, pixel, number, operand)


def newest_of_field(traffic: Traffic, row: int, column: int) -> tuple[int, int]:
    """Window row and column that complete the receptive field of an output pixel."""
    spread = 2 if traffic.transposed else 1
    newest = []
    for place, axis in ((row, 0), (column, 1)):
        first = place - traffic.pad[axis]
        field = [p // spread for p in range(first, first + traffic.kernel[axis])]
        real = [p for p in field if 0 <= p < traffic.pooled_size[axis]]
        newest.append(max(real))
    return newest[0], newest[1]


def input_word(traffic: Traffic, pixel: int, number: int, operand: int) -> int:
    if traffic.chw:
        return (pixel // LANES * traffic.passes + number) * traffic.operands + operand
    return (pixel * traffic.passes + number) * traffic.operands + operand


def writes_of(traffic: Traffic, pixels, passes):
    for pixel in pixels:
        for number in passes:
            for word in range(traffic.out_words):
                start = pixel * traffic.out_pixel_words + number * traffic.out_pass_words
                yield "write", start + word


def overwrites(traffic: Traffic, distance: int) -> bool:
    """Whether a read comes across a word that the layer itself has written."""
    written = set()
    for what, word in events(traffic):
        if what == "write":
            written.add(word + distance)
        elif word in written:
            return True
    return False


@st.composite
def layers(draw) -> Traffic:
    passthrough, flat = draw(st.booleans()), draw(st.integers(0, 2)) == 0
    size = (draw(st.integers(1, 7)), 1 if flat else draw(st.integers(1, 7)))
    window = (draw(st.integers(1, min(3, size[0]))), draw(st.integers(1, min(3, size[1]))))
    passes = draw(st.integers(1, 3))
    chw = draw(st.integers(0, 4)) == 0
    traffic = Traffic(
        size=size,
        window=window,
        stride=draw(st.integers(1, 3)),
        passes=passes,
        operands=1 if chw else draw(st.integers(1, 3)),
        chw=chw,
        passthrough=passthrough,
    )
    gap = draw(st.integers(0, 2))
    words = 1
    if passthrough:
        out_passes = passes
    else:
        traffic = draw(convolutions(traffic))
        out_passes = draw(st.integers(1, 3))
        words = draw(st.sampled_from((1, 4)))
    return replace(
        traffic,
        out_passes=out_passes,
        out_words=words,
        out_pass_words=words * (gap + 1),
        out_pixel_words=words * (gap + 1) * out_passes + draw(st.integers(0, 1)),
    )


@st.composite
def convolutions(draw, traffic: Traffic) -> Traffic:
    kinds = [((1, 1), (0, 0), False)]
    rows, columns = traffic.pooled_size
    for pad in range(3):
        if min(rows, columns) + 2 * pad >= 3:
            kinds += [((3, 3), (pad, pad), False)]
        if columns == 1 and rows + 2 * pad >= 4:
            kinds.append(((4, 1), (pad, 0), False))
        if traffic.window == (1, 1) and traffic.stride == 1:
            kinds.append(((3, 3), (pad, pad), True))
    kinds = [kind for kind in kinds if all(n > 0 for n in _size(traffic, *kind))]
    kernel, pad, transposed = draw(st.sampled_from(kinds))
    return replace(traffic, kernel=kernel, pad=pad, transposed=transposed)


def _size(traffic: Traffic, kernel, pad, transposed) -> tuple[int, int]:
    return replace(traffic, kernel=kernel, pad=pad, transposed=transposed).out_size


@settings(max_examples=400, deadline=None)
@given(traffic=layers(), distance=st.integers(-30, 60), start=st.integers(0, 100))
@example(traffic=Traffic(size=(4, 6), window=(2, 2), stride=2, chw=True), distance=0, start=0)
def test_overwriting_is_allowed_exactly_when_no_read_comes_too_late(traffic, distance, start):
    assert may_overwrite(traffic, start, start + distance) != overwrites(traffic, distance)


@settings(max_examples=150, deadline=None)
@given(traffic=layers())
def test_every_start_up_to_the_latest_is_safe(traffic):
    latest = latest_start(traffic)
    assert latest <= len(traffic.last_reads())
    for distance in range(latest - 40, latest + 1):
        assert not overwrites(traffic, distance)


@settings(max_examples=150, deadline=None)
@given(traffic=layers())
@example(traffic=Traffic(size=(4, 6), window=(2, 2), stride=2))
def test_safe_distances_are_all_of_them(traffic):
    words = traffic.written_words()
    possible = range(-int(words.max()), len(traffic.last_reads()))
    ranges = safe_distances(traffic)
    found = [distance for first, last in ranges for distance in range(first, last + 1)]
    assert found == [distance for distance in possible if may_overwrite(traffic, 0, distance)]


@pytest.mark.parametrize(
    ("traffic", "latest"),
    [
        (Traffic(size=(88, 88), kernel=(1, 1)), 0),
        # The last row is written while it is read, one pixel behind.
        (Traffic(size=(88, 88), kernel=(3, 3), pad=(1, 1)), 1),
        # Two rows and two pixels behind: output row r of 86 columns begins at word 86 r.
        (Traffic(size=(88, 88), kernel=(3, 3)), 178),
        # Pixel 62, the last but one, writes words 124 and 125 when word 63 is still needed.
        (Traffic(size=(8, 8), out_passes=2, out_pixel_words=2), 62 - 125),
        (Traffic(size=(8, 8), out_words=4, out_pass_words=4, out_pixel_words=4), 62 - 251),
        (Traffic(size=(1, 1), passes=64), 64),
        # Pixel (7, 4) of the output, word 60, when pixel (3, 3) of the input is still needed.
        (Traffic(size=(4, 4), kernel=(3, 3), pad=(1, 1), transposed=True), 14 - 60),
    ],
)
def test_latest_start(traffic, latest):
    """By hand: what the layer still needs when it writes."""
    assert latest_start(traffic) == latest
    assert not may_overwrite(traffic, 0, latest + 1) or latest == len(traffic.last_reads())


def test_an_output_of_the_inputs_size_may_take_its_place():
    """Programs known to work do this: 64 channels of 88 x 88, kernels of 1x1 and of 3x3."""
    assert may_overwrite(Traffic(size=(88, 88)), 0, 0)
    assert may_overwrite(Traffic(size=(88, 88), kernel=(3, 3), pad=(1, 1)), 0, 0)
    assert not may_overwrite(Traffic(size=(88, 88)), 0, 1)


def test_pooled_rows_are_read_early():
    """Windows of two rows: the second row's first pixels are free before the first row's last."""
    pooled = Traffic(size=(4, 6), window=(2, 2), stride=2)
    assert may_overwrite(pooled, 0, 0)
    assert not may_overwrite(pooled, 0, 4)
    assert may_overwrite(pooled, 0, 6)
