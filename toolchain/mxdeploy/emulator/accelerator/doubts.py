"""What the model computes, but the chip may not: warnings by name, errors under ``strict``.

A doubt does not change the model's results. It says that a program rests on something the model
cannot vouch for: memory that nobody wrote, input that is overwritten too early, sums that may not
fit their bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limit import Limit
from mxdeploy.chip.max78000.limits import ACCUMULATOR_BITS, QUADRANT_SUM_BITS
from mxdeploy.errors import Diagnostic, ModelError


class Doubt(StrEnum):
    """The names of the warnings."""

    NEVER_WRITTEN = "never-written"
    OVERWRITES_INPUT = "overwrites-input"
    QUADRANT_SUM = "quadrant-sum-overflow"
    ACCUMULATOR = "accumulator-overflow"
    FIFO_SURPLUS = "fifo-surplus"
    STREAM_START = "stream-start"
    STREAM_RING = "stream-ring"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """A doubt's code and its reason."""

    code: str
    why: str


_MEANINGS = {
    Doubt.NEVER_WRITTEN: _Meaning(
        "MX7010", "after power-up memories hold anything; the model takes zeros"
    ),
    Doubt.OVERWRITES_INPUT: _Meaning(
        "MX7011", "the chip reads and writes side by side; the model reads the whole input first"
    ),
    Doubt.QUADRANT_SUM: _Meaning("MX7012", QUADRANT_SUM_BITS.text),
    Doubt.ACCUMULATOR: _Meaning("MX7013", ACCUMULATOR_BITS.text),
    Doubt.FIFO_SURPLUS: _Meaning("MX7014", "the next frame begins with the words left over"),
    Doubt.STREAM_START: _Meaning(
        "MX7015", "the chip would read what has not been written; the model reads in order"
    ),
    Doubt.STREAM_RING: _Meaning(
        "MX7016", "on the chip words circulate in a ring of FBUF words; the model's have no end"
    ),
}


def meanings() -> tuple[tuple[Doubt, str, str], ...]:
    """Name, code and reason of every warning."""
    return tuple((name, meaning.code, meaning.why) for name, meaning in _MEANINGS.items())


class DoubtfulProgramError(ModelError):
    """A strict model met something it cannot vouch for."""


def doubt(name: Doubt, where: str, what: str) -> Diagnostic:
    """A warning by name."""
    meaning = _MEANINGS[name]
    return Diagnostic(
        code=meaning.code,
        where=where,
        what=f"{name}: {what}",
        why=meaning.why,
        severity="warning",
    )


def as_error(doubts: Sequence[Diagnostic]) -> DoubtfulProgramError:
    """The same findings as errors."""
    return DoubtfulProgramError(
        Diagnostic(code=found.code, where=found.where, what=found.what, why=found.why)
        for found in doubts
    )


def beyond(
    name: Doubt, where: str, sums: NDArray[np.integer], limit: Limit
) -> tuple[Diagnostic, ...]:
    """A warning when (outputs, rows, columns) ``sums`` leave ``limit`` signed bits."""
    low, high = -(1 << limit.value - 1), (1 << limit.value - 1) - 1
    outside = (sums < low) | (sums > high)
    if not outside.any():
        return ()
    output, row, column = (int(i) for i in np.argwhere(outside)[0])
    first = int(sums[output, row, column])
    what = (
        f"{int(outside.sum())} sums leave {limit.value} bits, first {first} at output {output}, "
        f"row {row}, column {column}"
    )
    return (doubt(name, where, what),)
