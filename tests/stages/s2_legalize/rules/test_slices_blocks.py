"""Every second row and column, from every start, as channels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mxdeploy.ops import head
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts


def integers(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def slices(order: list[tuple[int, int]], source: str = "x") -> str:
    """A focus of ``source``, called ``c``, with the parts in ``order``."""
    parts = [
        f"r{i}{j} = Slice({source}, s{i}, end, rows, two) p{i}{j} = Slice(r{i}{j}, s{j}, end, "
        "columns, two)"
        for i, j in order
    ]
    names = ", ".join(f"p{i}{j}" for i, j in order)
    return f"{' '.join(parts)} c = Concat <axis=1> ({names})"


WEIGHTS = {
    "s0": integers(0), "s1": integers(1), "end": integers(1000), "rows": integers(2),
    "columns": integers(3), "two": integers(2), "w": random(4, 3, 1, 1, seed=1),
    "u": random(5, 12, 3, 3, seed=2), "v": random(5, 16, 3, 3, seed=3),
}  # fmt: skip
PHASES = [(i, j) for i in range(2) for j in range(2)]


@pytest.mark.parametrize("order", list(itertools.permutations(PHASES))[::5])
def test_a_focus_of_the_input_is_done_by_the_host(
    check: Check, order: tuple[tuple[int, int], ...]
) -> None:
    network = check(model(f"{slices(list(order))} y = Conv(c, u)", weights=WEIGHTS))
    assert texts(network) == ["conv2d 3x3 pad 0, 32-bit output"]
    assert network.value("x").shape == (12, 4, 4)
    assert {type(step) for step in network.head} == {head.Reshape, head.Transpose}


def test_a_focus_between_layers(check: Check) -> None:
    nodes = f"h = Conv(x, w) {slices(PHASES, 'h')} y = Conv(c, v)"
    network = check(model(nodes, weights=WEIGHTS))
    assert "slices-as-blocks" in rules(network)
    assert texts(network)[-1].startswith("max 1x1/2, conv2d 3x3")


def test_every_second_sample(check: Check) -> None:
    nodes = (
        "a = Slice(x, s0, end, rows, two) b = Slice(x, s1, end, rows, two) "
        "c = Concat <axis=1> (b, a) y = Conv(c, u)"
    )
    weights = {**WEIGHTS, "u": random(5, 6, 3, seed=2)}
    network = check(model(nodes, inputs="float[1,3,20] x", weights=weights))
    assert texts(network) == ["conv1d 3x1 pad 0, 32-bit output"]


def test_the_same_pixels_several_times_are_no_blocks(check: Check) -> None:
    nodes = (
        "r = Slice(x, s0, end, rows, two) p = Slice(r, s0, end, columns, two) "
        "c = Concat <axis=1> (p, p, p, p) y = Conv(c, u)"
    )
    network = check(model(nodes, weights=WEIGHTS))
    assert "slices-as-blocks" not in rules(network)
    assert texts(network) == ["max 1x1/2, conv2d 3x3 pad 0, 32-bit output"]
