"""Every way to compute one direction of a convolution gives what its definition gives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.stages.s2_legalize.arrange.axis import (
    Axis,
    Prep,
    Way,
    copied,
    direct,
    resized,
    rowed,
    summed,
)

Floats = NDArray[np.float64]


@st.composite
def axes(draw: st.DrawFn, *, spread: int = 1, most_step: int = 3) -> Axis:
    """A convolution with some kernel, padding, stride and dilation over a few elements."""
    size, taps = draw(st.integers(1, 14)), draw(st.integers(1, 7))
    dilation, step = draw(st.integers(1, 3)), draw(st.integers(1, most_step))
    begin, end = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    reach = dilation * (taps - 1) + 1
    least = max(1, (size * spread + begin + end - reach) // step + 1)
    positions = tuple(dilation * t - begin for t in range(taps))
    return Axis(
        size=size, taps=positions, step=step, spread=spread, least=least,
        most=least + draw(st.integers(0, 1)),
    )  # fmt: skip


def defined(axis: Axis, x: Floats, w: Floats) -> list[float]:
    spread = np.zeros(axis.size * axis.spread)
    spread[:: axis.spread] = x
    return [
        sum(
            weight * element(spread, axis.step * r + position)
            for weight, position in zip(w, axis.taps, strict=True)
        )
        for r in range(axis.least)
    ]


def element(x: Floats, index: int) -> float:
    return float(x[index]) if 0 <= index < len(x) else 0.0


def computed(axis: Axis, way: Way, x: Floats, w: Floats) -> list[float]:
    """What the layers of ``way`` compute, their zeros at the borders included."""
    if way.prep is Prep.SUM:
        parts = [convolved(x, way, w, part) for part in range(len(way.shifts))]
        assert {len(part) for part in parts} == {way.stored}
        result = [
            sum(element(np.array(p), r + s) for p, s in zip(parts, way.shifts, strict=True))
            for r in range(way.outputs)
        ]
        return result[:: way.outer]
    sums = np.zeros(way.outputs)
    for copy, shift in enumerate(way.shifts):
        held = np.array([element(x, i + shift) for i in range(way.stored)])[:: way.inner]
        read = np.zeros(len(held) * axis.spread)
        read[:: axis.spread] = held
        sums += np.array(convolved(read, way, w, copy))
    return sums[:: way.outer].tolist()


def convolved(x: Floats, way: Way, w: Floats, copy: int) -> list[float]:
    """One copy with the taps that lie in it."""
    return [
        sum(
            weight * element(x, r + place - way.pad)
            for weight, (where, place) in zip(w, way.places, strict=True)
            if where == copy
        )
        for r in range(len(x) + 2 * way.pad - way.taps + 1)
    ]


def is_right(axis: Axis, ways: Iterator[Way]) -> int:
    rng = np.random.default_rng(7)
    x, w = rng.normal(size=axis.size), rng.normal(size=len(axis.taps))
    count = 0
    for way in ways:
        count += 1
        found = computed(axis, way, x, w)
        assert axis.least <= len(found) <= axis.most
        np.testing.assert_allclose(found[: axis.least], defined(axis, x, w), atol=1e-12)
        assert 0 <= way.pad <= min(2, way.taps - 1)
    return count


@settings(max_examples=120, deadline=None)
@given(axis=axes())
def test_planes(axis: Axis) -> None:
    is_right(axis, direct(axis, (1, 3)))
    is_right(axis, copied(axis, (1, 3), (1, 3)))
    is_right(axis, resized(axis, (1, 3)))
    is_right(axis, summed(axis, (1, 3), (1, 3)))


@settings(max_examples=30, deadline=None)
@given(axis=axes())
def test_lines(axis: Axis) -> None:
    is_right(axis, direct(axis, range(1, 10)))
    is_right(axis, copied(axis, (2, 5, 9), (2, 3, 9)))
    is_right(axis, rowed(axis, (4, 9)))


@settings(max_examples=60, deadline=None)
@given(axis=axes(spread=2, most_step=1))
def test_transposed_planes(axis: Axis) -> None:
    is_right(axis, direct(axis, (3,)))
    is_right(axis, copied(axis, (3,), (1, 3)))
    is_right(axis, resized(axis, (3,)))


def test_five_taps_take_two_copies() -> None:
    axis = Axis(size=14, taps=(-2, -1, 0, 1, 2), least=14, most=14)
    assert is_right(axis, direct(axis, (1, 3))) == 0
    assert min(len(way.shifts) for way in copied(axis, (3,), (3,))) == 2


def test_taps_at_the_step_need_no_copies() -> None:
    """Kernel 1, stride 2: every second element is read and nothing else."""
    axis = Axis(size=14, taps=(0,), step=2, least=7, most=7)
    assert {(way.inner, way.taps) for way in direct(axis, (1,))} == {(2, 1), (1, 1)}


def test_a_tap_must_not_see_zeros_where_there_is_data() -> None:
    """Two elements more in front than the kernel can pad: one copy is not enough room."""
    axis = Axis(size=9, taps=(-3, -2, -1), least=9, most=9)
    assert is_right(axis, direct(axis, (1, 3))) == 0
    assert all(way.copy_pad for way in copied(axis, (1, 3), (1, 3)))
