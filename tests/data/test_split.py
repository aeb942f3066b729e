"""Parts that are set aside: disjoint, complete, fixed by the seed, fair to every class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.data import Examples, balance, split
from mxdeploy.errors import UsageError


def examples(counts: list[int], lossless: np.ndarray | None = None) -> Examples:
    targets = np.repeat(np.arange(len(counts)), counts)
    targets = np.random.default_rng(0).permutation(targets)
    return Examples(
        inputs=np.arange(len(targets), dtype=np.uint8).reshape(-1, 1, 1),
        targets=targets,
        classes=tuple(f"c{i}" for i in range(len(counts))),
        names=tuple(map(str, range(len(targets)))),
        source="made",
        lossless=lossless,
    )


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=5),
    validation=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    test=st.sampled_from([0.0, 0.1, 0.4]),
    seed=st.integers(0, 9),
)
def test_every_class_gives_its_share(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    whole = examples(counts)
    parts = split(whole, validation=validation, test=test, seed=seed)
    names = [*parts.train.names, *parts.validation.names, *parts.test.names]
    assert sorted(names) == sorted(whole.names)
    again = split(whole, validation=validation, test=test, seed=seed)
    assert again.validation.names == parts.validation.names
    for name, count in zip(whole.classes, counts, strict=True):
        trained, valid, tested = (
            balance(p)[name] for p in (parts.train, parts.validation, parts.test)
        )
        assert trained >= 1 or count == 0
        wanted = max(round(count * validation), 1) if validation else 0
        most = count - 2 if test and count > 2 else max(count - 1, 0)
        assert valid == min(wanted, most)
        assert tested <= max(round(count * test), 1)
        assert bool(tested) == (bool(test) and count > 1 + bool(validation))
    for part in (parts.train, parts.validation, parts.test):
        assert part.inputs.reshape(-1).tolist() == [int(n) for n in part.names]
        assert list(part.names) == sorted(part.names, key=int)


def test_another_seed_chooses_others() -> None:
    whole = examples([50, 50])
    first, second = (split(whole, validation=0.2, seed=s).validation.names for s in (1, 2))
    assert first != second
    assert len(first) == len(second) == 20


def test_lossless_images_are_set_aside_first() -> None:
    lossless = np.arange(40) % 4 == 0
    whole = examples([20, 20], lossless)
    parts = split(whole, validation=0.1, test=0.1, seed=3)
    for part in (parts.validation, parts.test):
        assert part.lossless is not None
        assert part.lossless.all()
    assert len(parts.validation) == len(parts.test) == 4


def test_without_a_class_per_example() -> None:
    whole = examples([10])
    unlabelled = Examples(
        inputs=whole.inputs, targets=None, classes=(), names=whole.names, source="made"
    )
    parts = split(unlabelled, validation=0.3, seed=1)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (7, 3, 0)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.5, 0.5), (-0.1, 0.0)])
def test_shares_that_leave_nothing(shares: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="MX8308"):
        split(examples([5]), validation=shares[0], test=shares[1])


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="equally many"):
        Examples(inputs=np.zeros((2, 1)), targets=None, classes=(), names=("a",), source="")


@settings(deadline=None)
@given(
    spoken=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=3, max_size=60),
    seed=st.integers(0, 9),
)
def test_nobody_is_heard_in_two_parts(spoken: list[tuple[int, int]], seed: int) -> None:
    names = [f"word{w}/s{s}_nohash_{i}.wav" for i, (s, w) in enumerate(spoken)]
    whole = Examples(
        inputs=np.zeros((len(spoken), 1, 1), np.int8),  # silence joins nobody
        targets=np.array([word for _, word in spoken]),
        classes=("word0", "word1", "word2"),
        names=tuple(names),
        source="made",
    )
    parts = split(whole, validation=0.2, test=0.2, seed=seed)
    heard = [
        {name.partition("/")[2].partition("_")[0] for name in part.names}
        for part in (parts.train, parts.validation, parts.test)
    ]
    assert sum(map(len, heard)) == len(set.union(*heard))
    assert sorted([*parts.train.names, *parts.validation.names, *parts.test.names]) == sorted(names)
    before, after = balance(whole), balance(parts.train)
    assert all(after[word] > 0 for word, count in before.items() if count)


def test_speakers_give_about_the_share_asked_for() -> None:
    names = tuple(f"s{i % 50}_nohash_{i // 50}.wav" for i in range(500))
    whole = Examples(
        inputs=np.arange(1000, dtype=np.int16).reshape(500, 1, 2),
        targets=np.arange(500) // 50 % 5,
        classes=tuple("abcde"),
        names=names,
        source="made",
    )
    parts = split(whole, validation=0.1, test=0.2, seed=1)
    assert (len(parts.validation), len(parts.test)) == (50, 100)
    assert len(set(balance(parts.validation).values())) == 1  # each speaker says every word


@settings(deadline=None)
@given(
    copies=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=60),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
    test=st.sampled_from([0.0, 0.2]),
    seed=st.integers(0, 9),
    spoken=st.booleans(),
)
def test_copies_stay_together(
    copies: list[tuple[int, int]], validation: float, test: float, seed: int, spoken: bool
) -> None:
    """Inputs are numbered 0..12, any number of times; some with several classes."""
    pictures = [picture for picture, _ in copies]
    whole = Examples(
        inputs=np.array([(0, p + 1) for p in pictures], np.uint8).reshape(-1, 1, 2),
        targets=np.array([label for _, label in copies]),
        classes=("a", "b", "c"),
        names=tuple(f"s{i % 4}_nohash_{i}.wav" if spoken else str(i) for i in range(len(copies))),
        source="made",
    )
    parts = split(whole, validation=validation, test=test, seed=seed)
    three = (parts.train, parts.validation, parts.test)
    assert sorted(name for part in three for name in part.names) == sorted(whole.names)
    seen = [set(part.inputs[:, 0, 1].tolist()) for part in three]
    assert sum(map(len, seen)) == len(set(pictures))
    for name, count in balance(whole).items():
        assert balance(parts.train)[name] >= min(count, 1)


def test_copies_cost_no_class_its_share() -> None:
    """Each of 40 pictures is there one to three times, of one class each."""
    random = np.random.default_rng(1)
    pictures = np.repeat(np.arange(80), random.integers(1, 4, 80))
    whole = Examples(
        inputs=pictures.astype(np.uint8).reshape(-1, 1, 1),
        targets=(pictures % 2).astype(np.int64),
        classes=("a", "b"),
        names=tuple(map(str, range(len(pictures)))),
        source="made",
    )
    parts = split(whole, validation=0.2, test=0.1, seed=1)
    for name, count in balance(whole).items():
        assert balance(parts.validation)[name] == round(0.2 * count)
        assert balance(parts.test)[name] == round(0.1 * count)


def test_pairs_of_copies_are_set_aside_too() -> None:
    """One example is wished for, and there are only pairs."""
    whole = Examples(
        inputs=np.repeat(np.arange(4, dtype=np.uint8), 2).reshape(-1, 1, 1),
        targets=np.zeros(8, np.int64),
        classes=("a",),
        names=tuple("abcdefgh"),
        source="made",
    )
    parts = split(whole, validation=0.1, test=0.1, seed=1)
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [4, 2, 2]
