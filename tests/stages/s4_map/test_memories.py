"""The memories' books: kernel words, data words, bias bytes."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s4_map.bias_memory import place_biases
from mxdeploy.stages.s4_map.data_memory import Occupant, allocate
from mxdeploy.stages.s4_map.kernel_memory import KernelMemory

slots = st.tuples(st.integers(0, 15), st.integers(1, 16), st.integers(1, 300))


@given(st.lists(slots, min_size=1, max_size=12))
def test_first_fit_is_the_lowest_free_start(requests):
    """Compared with a map of every word of every processor."""
    memory = KernelMemory()
    taken = [[False] * mem.KERNEL_WORDS for _ in range(mem.PROCESSORS)]
    for group, groups, words in requests:
        processors = range(4 * group, min(4 * (group + groups), mem.PROCESSORS))
        lowest = next(
            (
                start
                for start in range(0, mem.KERNEL_WORDS - words + 1, 4)
                if not any(any(taken[p][start : start + words]) for p in processors)
            ),
            None,
        )
        assert memory.first_fit(processors, words) == lowest
        if lowest is not None:
            memory.toggle(processors, lowest, words)
            for processor in processors:
                taken[processor][lowest : lowest + words] = [True] * words


def test_words_given_back_are_free_again():
    memory = KernelMemory()
    memory.toggle(range(8), 0, 700)
    assert memory.first_fit(range(4, 12), 100) is None
    memory.toggle(range(8), 0, 700)
    assert memory.first_fit(range(4, 12), 100) == 0


def test_no_start_for_more_words_than_there_are():
    assert KernelMemory().first_fit(range(4), 768) == 0
    assert KernelMemory().first_fit(range(4), 769) is None


chains = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, mem.DATA_WORDS)), min_size=2, max_size=8
)


def as_chain(sizes) -> list[Occupant]:
    return [
        Occupant(memories=memories, words=words, birth=number - 1, death=number)
        for number, (memories, words) in enumerate(sizes)
    ]


@given(chains)
def test_a_chain_finds_a_place_exactly_when_neighbours_fit_together(sizes):
    """Bottom and top of the memory in turn always work, so nothing less may be found."""
    occupants = as_chain(sizes)
    starts = allocate(occupants, steps=400)
    possible = all(
        one.words + other.words <= mem.DATA_WORDS
        for one, other in combinations(occupants, 2)
        if one.meets(other)
    )
    assert (starts is not None) == possible
    if starts is None:
        return
    for (one, a), (other, b) in combinations(zip(occupants, starts, strict=True), 2):
        assert not one.meets(other) or a + one.words <= b or b + other.words <= a
    assert all(0 <= s <= mem.DATA_WORDS - o.words for o, s in zip(occupants, starts, strict=True))


def test_the_first_tensor_moves_out_of_the_way():
    """At the bottom it would leave the third tensor no room beside the second."""
    occupants = as_chain([(1, 1000), (1, 2000), (1, 6192)])
    first, second, third = allocate(occupants, steps=100)
    assert (second, third) in ((0, 2000), (6192, 0))
    assert first >= second + 2000 or first + 1000 <= second


@given(
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), max_size=12),
    st.sampled_from(((0,), (0, 1), (0, 2, 3), (0, 1, 2, 3))),
)
def test_biases_do_not_overlap_and_flatten_layers_come_first(layers, used):
    lengths, flatten = [n for n, _ in layers], [f for _, f in layers]
    placed = place_biases(lengths, flatten, used)
    if placed is None:
        assert sum(lengths) > mem.BIAS_BYTES * mem.QUADRANTS - 3 * 300
        return
    assert [slot.length_bytes if slot else 0 for slot in placed] == lengths
    for one, other in combinations(range(len(layers)), 2):
        first, second = placed[one], placed[other]
        if first is None or second is None or first.quadrant != second.quadrant:
            continue
        low, high = sorted((one, other), key=lambda i: placed[i].start_byte)
        assert placed[low].start_byte + lengths[low] <= placed[high].start_byte
        assert flatten[low] or not flatten[high]


def test_biases_switch_on_another_quadrant_only_when_they_must():
    assert {s.quadrant for s in place_biases([300, 200], [False] * 2, (0,))} == {0}
    assert {s.quadrant for s in place_biases([300, 300], [False] * 2, (0,))} == {0, 1}
    assert place_biases([513], [False], (0,)) is None
