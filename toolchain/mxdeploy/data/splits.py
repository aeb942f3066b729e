"""Parts of examples that have nothing in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.copies import joined, unit_numbers
from mxdeploy.data.examples import Examples

SPEAKER = "_nohash_"
"""What follows the speaker in the names of Speech Commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Parts that have no example in common."""

    train: Examples
    validation: Examples
    test: Examples


def split(examples: Examples, *, validation: float, test: float = 0.0, seed: int = 0) -> Split:
    """Set shares aside, the same examples for the same data and seed.

    Every class gives its share, rounded, and at least one example if that leaves one for training:
    a class with a single example stays in training. Copies of an input are kept in one part, so
    that a class with copies may give a little less; copies that are said to be of different classes
    stay in training. Where some examples went through a lossy
    compression, the others are set aside first: they are what will be measured later. Recordings
    whose names tell the speaker (``SPEAKER_nohash_0.wav``, as in Speech Commands) are divided by
    speaker: nobody is heard in two parts, and speakers who share a recording (other than silence)
    go together.

    Args:
        examples: the whole.
        validation: share in 0..1 for choosing between networks.
        test: share in 0..1 for the last measurement.
        seed: of the random choice.

    Raises:
        UsageError: the shares leave nothing to train on.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise findings.refusal(
            "MX8308",
            examples.source,
            f"the shares validation = {validation:g} and test = {test:g} leave no training data",
            "give shares of at least 0 that together are less than 1",
        )
    rng = np.random.default_rng(seed)
    speakers, copies = _speakers(examples.names), unit_numbers(examples)
    if speakers is None:
        found = _by_class(examples, copies, validation, test, rng)
    else:
        units = joined(speakers, _apart(copies, examples))
        found = _by_speaker(examples, units, (validation, test), rng)
    valid, tested = (np.array(sorted(part), dtype=np.int64) for part in found)
    rest = np.setdiff1d(np.arange(len(examples)), np.concatenate([valid, tested]))
    return Split(
        train=examples.take(rest), validation=examples.take(valid), test=examples.take(tested)
    )


def _by_class(
    examples: Examples,
    copies: NDArray[np.int64],
    validation: float,
    test: float,
    rng: np.random.Generator,
) -> tuple[list[int], list[int]]:
    """What is set aside for validation and for test: of every class the same shares.

    Args:
        examples: the whole.
        copies: a number for each example, the same for equal inputs.
        validation: share.
        test: share.
        rng: decides who is set aside.
    """
    parts: tuple[list[int], list[int]] = ([], [])
    classes = _groups(examples)
    everywhere = np.bincount(copies)
    for members in classes:
        order = rng.permutation(members)
        if examples.lossless is not None:
            order = order[np.argsort(~examples.lossless[order], kind="stable")]
        units: dict[int, list[int]] = {}
        for i in order.tolist():
            units.setdefault(int(copies[i]), []).append(i)
        whole = [unit for key, unit in units.items() if len(unit) == everywhere[key]]
        spare = len(order) - 1
        for part, count in zip(parts, _shares(len(order), validation, test), strict=True):
            taken = _fitting(whole, count, spare)
            part.extend(i for unit in taken for i in unit)
            spare -= sum(map(len, taken))
            gone = {unit[0] for unit in taken}
            whole = [unit for unit in whole if unit[0] not in gone]
    return parts


def _fitting(units: list[list[int]], count: int, spare: int) -> list[list[int]]:
    """Units of ``count`` examples, as far as they fit; one at least if ``spare`` examples allow."""
    taken: list[list[int]] = []
    left = min(count, spare)
    for unit in units:
        if len(unit) <= left:
            taken.append(unit)
            left -= len(unit)
    if count and not taken:
        return [unit for unit in units if len(unit) <= spare][:1]
    return taken


def _speakers(names: tuple[str, ...]) -> NDArray[np.int64] | None:
    """A number for the speaker of every example; None where the names do not tell them."""
    if not any(SPEAKER in name for name in names):
        return None
    who = [PurePosixPath(n).name.partition(SPEAKER)[0] if SPEAKER in n else n for n in names]
    return np.unique(who, return_inverse=True)[1].astype(np.int64)


def _apart(copies: NDArray[np.int64], examples: Examples) -> NDArray[np.int64]:
    """The same numbers, but new ones for silence, which would join speakers who share nothing."""
    lowest, highest = (
        f(examples.inputs.reshape(len(examples), -1), axis=1) for f in (np.min, np.max)
    )
    return np.where(lowest == highest, len(copies) + np.arange(len(copies)), copies)


def _by_speaker(
    examples: Examples,
    speakers: NDArray[np.int64],
    shares: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[list[int], list[int]]:
    """What is set aside: all examples of as many speakers as it takes, in a random order.

    A speaker whose absence would leave a class without training examples stays in training.
    """
    targets = np.zeros(len(examples), dtype=np.int64)
    if examples.targets is not None and examples.targets.ndim == 1:
        targets = examples.targets
    left = np.bincount(targets)
    parts: tuple[list[int], list[int]] = ([], [])
    place = 0
    for speaker in rng.permutation(int(speakers.max()) + 1):
        while place < len(parts) and len(parts[place]) >= round(shares[place] * len(examples)):
            place += 1
        if place == len(parts):
            break
        members = np.flatnonzero(speakers == speaker)
        taken = np.bincount(targets[members], minlength=len(left))
        if ((taken > 0) & (taken == left)).any():
            continue
        left = left - taken
        parts[place].extend(members.tolist())
    return parts


def _groups(examples: Examples) -> list[NDArray[np.int64]]:
    """Indices of the examples of every class; of all where there is no class per example."""
    targets = examples.targets
    if targets is None or targets.ndim != 1:
        return [np.arange(len(examples))]
    return [np.flatnonzero(targets == label) for label in range(len(examples.classes))]


def _shares(count: int, validation: float, test: float) -> tuple[int, int]:
    """How many of ``count`` examples are set aside for validation and test; one always trains."""
    spare = max(count - 1, 0)
    most = spare - 1 if test and spare > 1 else spare
    first = min(max(round(count * validation), 1), most) if validation else 0
    second = min(max(round(count * test), 1), spare - first) if test else 0
    return first, second
