"""Labelled examples in memory, whatever files they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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


def balance(examples: Examples) -> dict[str, int]:
    """Number of examples (of pixels, where there is a class per pixel) of every class."""
    if examples.targets is None:
        return {}
    counts = np.bincount(examples.targets.reshape(-1), minlength=len(examples.classes))
    return dict(zip(examples.classes, counts.tolist(), strict=True))
