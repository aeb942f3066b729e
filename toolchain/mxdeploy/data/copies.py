"""Inputs that are there more than once: all of them belong into one part."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.errors import Diagnostic

KEPT_TOGETHER = "copies are kept together in one part, so that none is learned and measured"

LEAKS = "MX8373"
"""Code of what is told of training examples that are test examples."""


def input_keys(examples: Examples) -> list[bytes]:
    """A digest of every input: equal inputs have equal ones."""
    return [
        hashlib.blake2b(np.ascontiguousarray(x).tobytes(), digest_size=16).digest()
        for x in examples.inputs
    ]


def unit_numbers(examples: Examples) -> NDArray[np.int64]:
    """A number for each example (n,), the same for copies."""
    first: dict[bytes, int] = {}
    numbers = [first.setdefault(key, len(first)) for key in input_keys(examples)]
    return np.array(numbers, dtype=np.int64)


def joined(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers (n,) that are the same where either is, directly or over others."""
    found = np.unique(one, return_inverse=True)[1].astype(np.int64)
    while True:
        before = found
        for groups in (other, one):
            lowest = np.full(int(groups.max(initial=0)) + 1, len(found), dtype=np.int64)
            np.minimum.at(lowest, groups, found)
            found = lowest[groups]
        if np.array_equal(found, before):
            return found


def without_leaks(train: Examples, test: Examples) -> tuple[Examples, tuple[Diagnostic, ...]]:
    """Training examples without those that the test measures with, and what there is to say."""
    measured = set(input_keys(test))
    leaks = np.array([key in measured for key in input_keys(train)], dtype=np.bool_)
    if not leaks.any():
        return train, ()
    count, total = int(leaks.sum()), len(train)
    if count == total:
        raise findings.refusal(
            "MX8374",
            train.source,
            "holds test examples only",
            "give other examples for training, or leave test_path away",
            f"what it holds is all in {test.source}, which the test measures with",
        )
    told = findings.problem(
        LEAKS,
        train.source,
        f"test examples among the training examples: {count:,} of {total:,}",
        "--set data.leaks=keep learns from them all the same",
        "they are left out of training: measuring with them would measure memory",
    )
    return train.take(np.flatnonzero(~leaks)), (told,)
