"""The search on puzzles that are known to have an answer."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from mxdeploy.stages.s4_map.arrangement import Piece
from mxdeploy.stages.s4_map.fit import KernelTest, explain_failure
from mxdeploy.stages.s4_map.needs import LayerNeed, TensorNeed
from mxdeploy.stages.s4_map.problem import Block, Problem, Reader
from mxdeploy.stages.s4_map.search import search

GROUPS, ROWS = 16, 192
"""Kernel memory in units of four processors and four words."""
STEPS = 600


def problem(rectangles, pixels=None) -> Problem:
    """Tensors and layers that take ``(groups of four processors, rows of four words)``."""
    pixels = pixels or [1] * (len(rectangles) + 1)
    widths = [4 * groups for groups, _ in rectangles] + [4]
    tensors = tuple(
        TensorNeed(
            value=f"t{i}", channels=width, size=(pixels[i], 1), width=width, passes=1, bits=8
        )
        for i, width in enumerate(widths)
    )
    layers = tuple(
        LayerNeed(
            name=f"layer{i}",
            in_passes=1,
            slots=1,
            kernel_words=4 * rows,
            processors=4 * groups,
            weight_bits=8,
            bias_bytes=0,
        )
        for i, (groups, rows) in enumerate(rectangles)
    )
    blocks = tuple(
        Block(
            members=((i, tuple(range(widths[i]))),),
            readers=(
                (Reader(layer=i, processors=tuple(range(widths[i])), words=layer.kernel_words),)
                if i < len(layers)
                else ()
            ),
            pieces=(i,),
            data_words=pixels[i],
        )
        for i, layer in enumerate([*layers, None])
    )
    return Problem(
        tensors=tensors,
        layers=layers,
        blocks=blocks,
        pieces=tuple(
            Piece(tensors=(i,), step=0, birth=i - 1, death=i) for i in range(len(tensors))
        ),
        words=tuple(pixels),
        bundles=tuple((i,) for i in range(len(tensors))),
    )


def kept(problem: Problem, *tensors: int) -> Problem:
    """The problem with tensors that the host reads after the last layer."""
    pieces = tuple(
        replace(piece, death=len(problem.layers)) if i in tensors else piece
        for i, piece in enumerate(problem.pieces)
    )
    return replace(problem, pieces=pieces)


def cut(numbers, groups, rows, count) -> list[tuple[int, int]]:
    """All kernel memory cut into ``count`` rectangles by straight cuts."""
    if count == 1:
        return [(groups, rows)]
    upright = groups > 1 and (numbers.random() < 0.5 or rows < 4)
    if upright:
        left = numbers.randint(1, groups - 1)
        parts = ((left, rows), (groups - left, rows))
    elif rows > 1:
        top = numbers.randint(1, rows - 1)
        parts = ((groups, top), (groups, rows - top))
    else:
        return [(groups, rows)]
    half = count // 2
    return [*cut(numbers, *parts[0], count - half), *cut(numbers, *parts[1], half)]


@pytest.mark.parametrize("seed", range(20))
def test_twelve_layers_that_fill_kernel_memory_to_the_last_word(seed):
    numbers = random.Random(seed)
    rectangles = cut(numbers, GROUPS, ROWS, 12)
    numbers.shuffle(rectangles)
    start = time.process_time()
    placement = search(problem(rectangles), STEPS)
    assert time.process_time() - start < 1
    assert placement is not None
    words = set()
    for (groups, rows), first, word in zip(
        rectangles, placement.starts, placement.kernel_starts, strict=False
    ):
        mine = {
            (group, row)
            for group in range(first // 4, first // 4 + groups)
            for row in range(word // 4, word // 4 + rows)
        }
        assert not words & mine
        words |= mine
    assert len(words) == GROUPS * ROWS


def test_giving_up_takes_less_than_a_second():
    """Sixteen layers that each fill 2/3 of the memories of 12 processors: only five fit."""
    impossible = problem([(3, 128)] * 16)
    start = time.process_time()
    assert search(impossible, STEPS) is None
    assert time.process_time() - start < 1


def codes(*problems: Problem) -> list[str]:
    return [finding.code for finding in explain_failure(problems, KernelTest(STEPS), "perhaps")]


def test_what_is_in_the_way():
    kernels = problem([(3, 128)] * 6)
    assert codes(kernels) == ["MX4010"]
    data = problem([(6, 1), (6, 1), (6, 1)], pixels=[6000] * 4)
    assert codes(kept(data, 0)) == ["MX4014"]
    # The kernels of the first and the third layer need different halves of the chip; the large
    # tensor between them cannot share data memories with either.
    both = problem([(8, 190), (8, 1), (8, 190)], pixels=[6000, 6000, 6000, 1])
    assert search(both, STEPS) is None
    assert codes(both) == ["MX4015"]
