"""The search against an exhaustive one, on a chip of four columns and four rows.

All widths are multiples of a quadrant and all kernels multiples of a quarter of kernel memory, so
that trying every quadrant and every quarter is trying everything.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s4_map.problem import Problem
from mxdeploy.stages.s4_map.search import search
from tests.stages.s4_map.test_search import STEPS, problem

QUARTERS = 4
blocks = st.tuples(st.integers(1, QUARTERS), st.integers(1, QUARTERS))
sizes = st.sampled_from((1, 3000, 5000, 8000))


def placeable(rectangles, pixels, columns=(), taken=frozenset()) -> bool:
    """Whether the remaining rectangles find columns and rows, tried one after the other."""
    number = len(columns)
    if number == len(rectangles):
        return True
    width, height = rectangles[number]
    for left in range(QUARTERS - width + 1):
        mine = set(range(left, left + width))
        if number:
            before = set(range(columns[-1], columns[-1] + rectangles[number - 1][0]))
            if mine & before and pixels[number - 1] + pixels[number] > mem.DATA_WORDS:
                continue
        for top in range(QUARTERS - height + 1):
            cells = {(column, row) for column in mine for row in range(top, top + height)}
            if not cells & taken and placeable(rectangles, pixels, (*columns, left), taken | cells):
                return True
    return False


def on_the_chip(rectangles, pixels) -> Problem:
    groups = mem.PROCESSORS // QUARTERS // mem.PROCESSORS_PER_MEMORY
    rows = mem.KERNEL_WORDS // QUARTERS // 4
    scaled = [(groups * width, rows * height) for width, height in rectangles]
    return problem(scaled, [*pixels, 1])


@settings(max_examples=150, deadline=None)
@given(st.lists(blocks, min_size=1, max_size=7))
def test_kernels_are_placed_exactly_when_they_can_be(rectangles):
    pixels = [1] * len(rectangles)
    found = search(on_the_chip(rectangles, pixels), STEPS) is not None
    assert found == placeable(rectangles, pixels)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(blocks, sizes), min_size=2, max_size=6))
def test_kernels_and_data_are_placed_whenever_they_can_be(cases):
    rectangles, pixels = [block for block, _ in cases], [size for _, size in cases]
    if placeable(rectangles, pixels):
        assert search(on_the_chip(rectangles, pixels), STEPS) is not None
