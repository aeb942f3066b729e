"""Which widths of weights are worth their bytes: every best compromise of size and noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s4_map.needs import LayerNeed

_BEYOND = 2
"""How far behind a good one others are looked for."""
_ROUNDING = 1e-9
"""Of products in floating point."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one width of one layer costs: bytes of kernel memory, and noise in the outputs."""

    size: int
    noise: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A width for each layer, and what they cost together."""

    size: int
    noise: float
    widths: Mapping[str, WeightBits]


def best_choices(costs: Mapping[str, Mapping[WeightBits, Cost]]) -> tuple[Choice, ...]:
    """All choices that no other beats in both size and noise, the largest first.

    Exact: layer by layer, what is beaten so far stays beaten, because costs add up. There are
    never more choices than there are sizes.
    """
    front: list[tuple[int, float, tuple[WeightBits, ...]]] = [(0, 0.0, ())]
    for options in costs.values():
        grown = [
            (size + cost.size, noise + cost.noise, (*widths, bits))
            for size, noise, widths in front
            for bits, cost in options.items()
        ]
        # Of equal ones the wider weights stay.
        grown.sort(key=lambda choice: (choice[0], choice[1], [-bits for bits in choice[2]]))
        front, least = [], float("inf")
        for choice in grown:
            if choice[1] < least:
                front.append(choice)
                least = choice[1]
    return tuple(
        Choice(size, noise, dict(zip(costs, widths, strict=True)))
        for size, noise, widths in reversed(front)
    )


def first_good(count: int, is_good: Callable[[int], bool]) -> int | None:
    """The first of ``count`` places that is good, if all behind a good one are; None: none is."""
    low, high = -1, count  # all up to low are bad, all from high on are good
    while high - low > 1:
        middle = (low + high) // 2
        if is_good(middle):
            high = middle
        else:
            low = middle
    return high if high < count else None


def last_good(count: int, is_good: Callable[[int], bool]) -> int | None:
    """A good one of ``count`` places, if possible the last; None: none was found.

    Places tend from good to bad, but chance may turn single ones: after halving, some more places
    are looked at, and so on behind each that is good.
    """
    bad = first_good(count, lambda place: not is_good(place))
    found = (count if bad is None else bad) - 1
    place = found + 1
    while place - found < _BEYOND and place + 1 < count:
        place += 1
        if is_good(place):
            found = place
    return found if found >= 0 else None


@dataclass(frozen=True, slots=True)
class WeightMemory:
    """How much kernel memory weights may take: bytes, or a share of what they take unchanged.

    A share is one of each layer's kernels, in whole words, which is what a processor has for them:
    four bits instead of eight are always half.
    """

    size: int | None = None
    share: float | None = None

    def bytes_of(self, unchanged: Iterable[LayerNeed]) -> int:
        """The limit in bytes for a network whose layers need so much ``unchanged``."""
        if self.size is not None:
            return self.size
        share = self.share or 0.0
        return sum(
            replace(need, kernel_words=ceil(need.kernel_words * share - _ROUNDING)).kernel_bytes
            for need in unchanged
        )

    def __str__(self) -> str:
        """As the user writes it."""
        return f"{100 * (self.share or 0.0):g}%" if self.size is None else str(self.size)


def weight_memory(text: str) -> WeightMemory:
    """``50%``, or bytes: ``200000``, or ``216K``.

    Raises:
        UsageError: neither.
    """
    number, unit = text.strip(), text.strip()[-1:].upper()
    if unit in "%K" and unit:
        number = number[:-1]
    try:
        value = float(number)
    except ValueError:
        raise UsageError(_no_memory(text)) from None
    if not 0 < value < float("inf"):
        raise UsageError(_no_memory(text))
    if unit == "%":
        return WeightMemory(share=value / 100)
    return WeightMemory(size=int(value * (1024 if unit == "K" else 1)))


def _no_memory(text: str) -> Diagnostic:
    return Diagnostic(
        code="MX3018",
        where=f"--weight-memory {text}",
        what="is no amount of memory",
        why="it is a share of what the weights take now, or a number of bytes",
        fix="--weight-memory 50%, --weight-memory 200000, or --weight-memory 216K",
    )
