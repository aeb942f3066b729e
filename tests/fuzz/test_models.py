"""Random CNNs all the way: exact in floating point, and equal on the machines, bit for bit."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, seed, settings

from mxdeploy.stages.s7_compile import find_compiler
from tests.fuzz.models import recipes
from tests.fuzz.recipe import OPERATORS, Cook, Recipe
from tests.fuzz.search import search
from tests.fuzz.subjects import SUBJECTS

CHUNKS, EXAMPLES = 2, 50
ON_BOARD = 4


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_network_builds_or_is_refused_for_a_good_reason(chunk: int) -> None:
    search(SUBJECTS["models"], examples=EXAMPLES, number=chunk)


def test_firmware_of_random_networks_passes_on_the_virtual_board() -> None:
    pytest.importorskip("unicorn")
    if find_compiler() is None:
        pytest.skip("NOT TESTED on the virtual board: there is no compiler")
    search(SUBJECTS["firmware"], examples=ON_BOARD, number=CHUNKS)


def test_every_operator_is_drawn() -> None:
    """So that the search cannot fall silent."""
    seen: Counter[str] = Counter()

    @seed(0)
    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=[*HealthCheck])
    @given(recipes())
    def draw(recipe: Recipe) -> None:
        seen.update(node.op_type for node in Cook(recipe).model().graph.node)

    draw()
    wanted = {
        "Conv", "ConvTranspose", "MaxPool", "AveragePool", "Relu", "Clip", "Abs",
        "BatchNormalization", "Mul", "Identity", "Add", "Sub", "Concat", "Slice", "Resize", "Pad",
        "GlobalAveragePool", "Flatten", "Gemm", "Softmax",
    }  # fmt: skip
    assert len(OPERATORS) <= len(wanted)
    assert wanted <= set(seen)
