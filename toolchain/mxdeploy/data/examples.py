"""Labelled examples in memory, whatever files they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.errors import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Raw inputs, what they show, and what was left out on the way.

    Attributes:
        inputs: uint8, int8 or float32; (n, C, H, W) for images, (n, C, L) for lines, unscaled.
        targets: int64 (n,), positions in ``classes``; (n, H, W) for a class per pixel; None when
            nothing says what the inputs show.
        classes: names of the classes in the order of their numbers.
        names: file, or place in the file, of every example.
        problems: files and examples that were left out, and what is odd about the rest.
        source: what was read, for people.
        kind: form in which the examples were stored, for people.
        lossless: bool (n,), false where an image went through a lossy compression that later
            images do not go through; None when no example differs in that.
    """

    inputs: NDArray[np.generic]
    targets: NDArray[np.int64] | None
    classes: tuple[str, ...]
    names: tuple[str, ...]
    problems: tuple[Diagnostic, ...] = ()
    source: str
    kind: str = ""
    lossless: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """One name, and one target if any, per input."""
        count = len(self.inputs)
        others = (self.names, self.targets, self.lossless)
        if any(o is not None and len(o) != count for o in others):
            raise ValueError("inputs, targets and names are not equally many")

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.inputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input, channels first."""
        return self.inputs.shape[1:]

    def take(self, chosen: NDArray[np.int64]) -> Examples:
        """The examples at ``chosen`` (indices), in that order; the problems stay with the whole."""
        return replace(
            self,
            inputs=self.inputs[chosen],
            targets=None if self.targets is None else self.targets[chosen],
            names=tuple(self.names[i] for i in chosen.tolist()),
            lossless=None if self.lossless is None else self.lossless[chosen],
        )

    def without(self, bad: NDArray[np.bool_], problems: Sequence[Diagnostic]) -> Examples:
        """Without the examples where ``bad`` (bool (n,)) is true, for the reasons given."""
        kept = self.take(np.flatnonzero(~bad)) if bad.any() else self
        return replace(kept, problems=(*self.problems, *problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Parts that have no example in common."""

    train: Examples
    validation: Examples
    test: Examples


def balance(examples: Examples) -> dict[str, int]:
    """Number of examples (of pixels, where there is a class per pixel) of every class."""
    if examples.targets is None:
        return {}
    counts = np.bincount(examples.targets.reshape(-1), minlength=len(examples.classes))
    return dict(zip(examples.classes, counts.tolist(), strict=True))


def split(examples: Examples, *, validation: float, test: float = 0.0, seed: int = 0) -> Split:
    """Set shares aside, the same examples for the same data and seed.

    Every class gives its share, rounded, and at least one example if that leaves one for training:
    a class with a single example stays in training. Where some examples went through a lossy
    compression, the others are set aside first: they are what will be measured later.

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
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for members in _groups(examples):
        order = rng.permutation(members)
        if examples.lossless is not None:
            order = order[np.argsort(~examples.lossless[order], kind="stable")]
        first, second = _shares(len(order), validation, test)
        reserved = first + second
        cuts = (order[reserved:], order[:first], order[first:reserved])
        for part, chosen in zip(parts, cuts, strict=True):
            part.extend(chosen.tolist())
    train, valid, tested = (examples.take(np.array(sorted(part), dtype=np.int64)) for part in parts)
    return Split(train=train, validation=valid, test=tested)


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
