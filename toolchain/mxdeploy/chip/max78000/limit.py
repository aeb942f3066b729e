"""What a limit is: a number that carries the words an error message needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import total_ordering
from typing import Literal, SupportsIndex

Basis = Literal["hardware", "practice", "quirk"]
Group = Literal["global", "dimensions", "operators", "memory", "FIFO and streaming"]


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit:
    """One limit; compares and computes as its value.

    Attributes:
        name: identifier, as the constant is called.
        value: the number.
        unit: what is counted.
        text: the rule in a sentence.
        source: where it comes from.
        basis: what it rests on.
        group: chapter of the list.
    """

    name: str
    value: int
    unit: str
    text: str
    source: str
    basis: Basis
    group: Group

    def __int__(self) -> int:
        """The value."""
        return self.value

    def __index__(self) -> int:
        """The value, where an index or range bound is wanted."""
        return self.value

    def __eq__(self, other: object) -> bool:
        """Equal to any integer of the same value."""
        return isinstance(other, SupportsIndex) and self.value == other.__index__()

    def __lt__(self, other: SupportsIndex) -> bool:
        """Compare by value."""
        return self.value < other.__index__()

    def __hash__(self) -> int:
        """Hash of the value."""
        return hash(self.value)

    def __str__(self) -> str:
        """``value unit``."""
        return f"{self.value} {self.unit}"
