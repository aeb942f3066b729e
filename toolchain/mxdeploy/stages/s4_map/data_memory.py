"""Offsets in the data memories: tensors that live at the same time do not share words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """A tensor to be placed.

    Attributes:
        memories: data memories it touches, one bit each.
        words: consecutive words in each of them.
        birth: number of the layer that writes it; -1 for the host's input.
        death: number of the last layer that reads it; the number of layers when the host does.
    """

    memories: int
    words: int
    birth: int
    death: int

    def meets(self, other: Occupant) -> bool:
        """Whether both are alive at some time in some memory."""
        return bool(
            self.memories & other.memories
            and self.birth <= other.death
            and other.birth <= self.death
        )


def allocate(occupants: Sequence[Occupant], steps: int) -> tuple[int, ...] | None:
    """First word of each tensor, or None when none was found within ``steps`` placements.

    Depth first in the given order; each tensor tries the lowest free words first, then the words
    at the end of the memory (which leaves the most for the tensor after it).
    """
    search = _Search(occupants, steps)
    return tuple(search.starts) if search.run(0) else None


class _Search:
    def __init__(self, occupants: Sequence[Occupant], steps: int) -> None:
        self.occupants = occupants
        self.starts: list[int] = []
        self.steps = steps

    def run(self, index: int) -> bool:
        if index == len(self.occupants):
            return True
        for start in self._candidates(index):
            if self.steps <= 0:
                return False
            self.steps -= 1
            self.starts.append(start)
            if self.run(index + 1):
                return True
            self.starts.pop()
        return False

    def _candidates(self, index: int) -> list[int]:
        new = self.occupants[index]
        taken = [
            (start, start + old.words)
            for old, start in zip(self.occupants, self.starts, strict=False)
            if old.meets(new)
        ]
        last = mem.DATA_WORDS - new.words
        edges = [0, *sorted(end for _, end in taken), last, *(low - new.words for low, _ in taken)]
        free = [
            edge
            for edge in dict.fromkeys(edges)
            if 0 <= edge <= last
            and all(edge + new.words <= low or edge >= high for low, high in taken)
        ]
        return free[:1] + sorted(free[1:], reverse=True)
