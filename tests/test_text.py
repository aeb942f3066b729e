"""Numbers in sentences are proper English."""

from __future__ import annotations

import pytest

from mxdeploy.text import agreeing, all_of, count


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "layer", "0 layers"),
        (1, "layer", "1 layer"),
        (2048, "word", "2,048 words"),
        (2, "pass", "2 passes"),
        (3, "memory", "3 memories"),
        (3, "key", "3 keys"),
        (2, "axis", "2 axes"),
        (1, "axis", "1 axis"),
    ],
)
def test_counts(number: int, noun: str, said: str) -> None:
    assert count(number, noun) == said
    assert agreeing(number, noun) == said.split()[1]


def test_all() -> None:
    assert all_of(1, "input") == "the one input"
    assert all_of(20, "input") == "all 20 inputs"
