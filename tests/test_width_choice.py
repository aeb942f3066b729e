"""Widths of weights that are worth their bytes."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.errors import UsageError
from mxdeploy.stages.s4_map.needs import LayerNeed
from mxdeploy.width_choice import (
    Cost,
    WeightMemory,
    best_choices,
    first_good,
    last_good,
    weight_memory,
)

COSTS = st.fixed_dictionaries(
    {
        bits: st.builds(Cost, st.integers(1, 40), st.floats(0, 10, allow_subnormal=False))
        for bits in (8, 4, 2)
    }
)


def need(words: int, processors: int) -> LayerNeed:
    """A layer's kernels; a word has 9 bytes."""
    return LayerNeed(
        name="a", in_passes=1, slots=words, kernel_words=words, processors=processors,
        weight_bits=8, bias_bytes=0,
    )  # fmt: skip


@given(st.lists(COSTS, min_size=1, max_size=4), st.integers(0, 160))
def test_best_within_a_memory(layers: list[dict[int, Cost]], memory: int) -> None:
    """Against brute force over all combinations."""
    front = best_choices({f"l{k}": costs for k, costs in enumerate(layers)})
    every = [
        (sum(c.size for c in chosen), sum(c.noise for c in chosen))
        for chosen in product(*(costs.values() for costs in layers))
    ]
    affordable = [noise for size, noise in every if size <= memory]
    found = [choice for choice in front if choice.size <= memory]
    assert bool(found) == bool(affordable)
    if found:
        assert found[0].noise == pytest.approx(min(affordable), abs=1e-9)
        assert found[0].size == sum(
            layers[k][b].size for k, b in enumerate(found[0].widths.values())
        )
    assert list(front) == sorted(front, key=lambda choice: (-choice.size, choice.noise))


def test_wider_weights_stay_where_they_cost_nothing() -> None:
    (choice,) = best_choices({"l": {8: Cost(10, 0.5), 4: Cost(10, 0.5)}})
    assert choice.widths == {"l": 8}


@given(st.integers(0, 20), st.integers(0, 25))
def test_first_good(count: int, start: int) -> None:
    found = first_good(count, lambda place: place >= start)
    assert found == (start if start < count else None)


@given(st.lists(st.booleans(), max_size=24))
def test_last_good(good: list[bool]) -> None:
    """It is good, and none close behind it; where good ones come first, it is the last."""
    asked: list[int] = []
    found = last_good(len(good), lambda place: asked.append(place) or good[place])
    if found is None:
        assert not any(good[place] for place in asked)
    else:
        assert good[found]
        assert not any(good[found + 1 : found + 3])
    if good == sorted(good, reverse=True):
        assert found == (sum(good) - 1 if any(good) else None)


def test_one_bad_choice_does_not_end_the_search() -> None:
    assert last_good(9, lambda place: place in (0, 1, 3, 5)) == 5


@pytest.mark.parametrize(
    ("text", "memory", "size"),
    [
        ("50%", WeightMemory(share=0.5), 4500),
        ("200000", WeightMemory(size=200000), 200000),
        ("216K", WeightMemory(size=216 * 1024), 216 * 1024),
        (" 12.5 %", WeightMemory(share=0.125), 1125),
    ],
)
def test_memory(text: str, memory: WeightMemory, size: int) -> None:
    assert weight_memory(text) == memory
    assert memory.bytes_of([need(words=1000, processors=1)]) == size


def test_a_share_is_one_of_whole_words() -> None:
    """Half of 43 words on 48 processors are 22 words on each, and half of 10 are 5."""
    needs = [need(words=43, processors=48), need(words=10, processors=64)]
    assert WeightMemory(share=0.5).bytes_of(needs) == 22 * 48 * 9 + 5 * 64 * 9
    # 0.07 * 100 is a bit more than 7 in floating point.
    assert WeightMemory(share=0.07).bytes_of([need(words=100, processors=1)]) == 7 * 9


@pytest.mark.parametrize("text", ["", "%", "half", "-5", "0", "nan%", "inf"])
def test_no_memory(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        weight_memory(text)
    assert raised.value.diagnostics[0].code == "MX3018"
