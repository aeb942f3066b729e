"""The cheapest plan is taken, and only plans that fit the chip."""

from __future__ import annotations

import pytest

from mxdeploy.stages.s2_legalize.arrange.axis import Axis, Prep
from mxdeploy.stages.s2_legalize.arrange.plan import Plan, Problem, best_plan


def axis(size: int, taps: int, *, step: int = 1, begin: int | None = None, end: int = 0) -> Axis:
    """A kernel with padding such that the size stays, or ``begin`` and ``end``."""
    if begin is None:
        begin = end = taps // 2
    least = (size + begin + end - taps) // step + 1
    positions = tuple(range(-begin, taps - begin))
    return Axis(size=size, taps=positions, step=step, least=least, most=least)


def plan(*axes: Axis, inputs: int = 16, outputs: int = 16) -> Plan | None:
    return best_plan(Problem(axes=axes, inputs=inputs, outputs=outputs))


@pytest.mark.parametrize(
    ("taps", "prep", "copies", "layers"),
    [(1, Prep.NONE, 1, 1), (3, Prep.NONE, 1, 1), (5, Prep.COPY, 4, 2), (7, Prep.COPY, 9, 3)],
)
def test_larger_kernels_take_more_copies_and_layers(
    taps: int, prep: Prep, copies: int, layers: int
) -> None:
    found = plan(axis(14, taps), axis(14, taps))
    assert found is not None
    assert (found.prep, found.copies, found.cost.layers) == (prep, copies, layers)


@pytest.mark.parametrize(("inputs", "prep"), [(2, Prep.COPY), (16, Prep.NONE)])
def test_a_stride_is_taken_where_it_costs_less(inputs: int, prep: Prep) -> None:
    """Copies of two channels are cheaper than three quarters of 64 outputs for nothing."""
    same = axis(32, 3, step=2)
    found = plan(same, same, inputs=inputs, outputs=64)
    assert found is not None
    assert found.prep is prep
    assert (found.inner, found.outer) == ((2, 1) if prep is Prep.COPY else (1, 2))


def test_few_outputs_are_summed_in_parts() -> None:
    few, many = (plan(axis(28, 5), axis(28, 5), inputs=32, outputs=n) for n in (1, 32))
    assert few is not None
    assert many is not None
    assert (few.prep, many.prep) == (Prep.SUM, Prep.COPY)


def test_weights_that_do_not_fit_are_no_plan() -> None:
    assert plan(axis(7, 5), axis(7, 5), inputs=128, outputs=128) is None
    assert plan(axis(7, 5), axis(7, 5), inputs=300, outputs=16) is not None  # in parts


def test_maps_that_do_not_fit_are_no_plan() -> None:
    """Four copies of 32 channels are two words per pixel: 8192 words hold 64 x 64 of them."""
    large, small = axis(70, 5), axis(40, 5)
    assert plan(small, small, inputs=32, outputs=32) is not None
    found = plan(large, large, inputs=32, outputs=32)
    assert found is None or found.prep is Prep.SUM


@pytest.mark.parametrize(("size", "prep"), [(100, Prep.ROWS), (101, Prep.COPY)])
def test_lines_are_copied_as_rows_if_their_length_has_divisors(size: int, prep: Prep) -> None:
    found = plan(axis(size, 15))
    assert found is not None
    assert found.prep is prep
