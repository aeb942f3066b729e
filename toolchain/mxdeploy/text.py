"""Numbers in sentences."""

from __future__ import annotations

from collections.abc import Iterable


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in ascending order and in short, ``0, 4-63``; ``none`` when there are none."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs) or "none"


def count(number: int, noun: str) -> str:
    """``1 word``, ``2,048 words``, ``2 passes``."""
    return f"{number:,} {agreeing(number, noun)}"


def agreeing(number: float, noun: str) -> str:
    """The noun as it stands behind the number: ``word``, ``words``, ``axes``, ``memories``."""
    if number == 1:
        return noun
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    if noun.endswith("is"):
        return f"{noun[:-2]}es"
    return noun + ("es" if noun.endswith("s") else "s")


def all_of(number: int, noun: str) -> str:
    """``all 20 inputs``, ``the one input``."""
    return f"the one {noun}" if number == 1 else f"all {count(number, noun)}"


_SMALLEST_SHARE = 0.0005
"""Shares below this would be shown as 0.0 %."""


def share(part: float | None) -> str:
    """``12.5%``, ``3e-05`` for what is very small, ``-`` for what is not known."""
    if part is None:
        return "-"
    if part == 0:
        return "0"
    return f"{part:.1%}" if part >= _SMALLEST_SHARE else f"{part:.0e}"
