"""Offsets in the data memories: tensors that live at the same time do not share words.

A layer may write over its own input where the chip has read every word before it is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import order

Overwriting = Mapping[tuple[int, int], order.Traffic]
"""For pairs of numbers (input, output): how their layer reads and writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """Words to be placed.

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


def allocate(
    occupants: Sequence[Occupant],
    steps: int,
    bundles: Sequence[Sequence[int]] | None = None,
    overwriting: Overwriting | None = None,
) -> tuple[int, ...] | None:
    """First word of each occupant, or None when none was found within ``steps`` placements.

    Depth first, in the given order, then the largest first; each bundle tries the lowest free words
    first, then the words at the end of the memory (which leaves the most for the next one), then
    those over an input.

    Args:
        occupants: what is to be placed.
        steps: placements tried in each order.
        bundles: numbers of occupants that begin at the same word; each alone by default.
        overwriting: layers that may write over their input.
    """
    groups = [(i,) for i in range(len(occupants))] if bundles is None else [*map(tuple, bundles)]
    by_size = sorted(
        groups, key=lambda g: -sum(occupants[i].words * _count(occupants[i]) for i in g)
    )
    for sequence in (groups, by_size):
        search = _Search(occupants, sequence, overwriting or {}, steps)
        if search.run(0):
            return tuple(search.starts[i] for i in range(len(occupants)))
    return None


def _count(occupant: Occupant) -> int:
    return occupant.memories.bit_count()


class _Search:
    def __init__(
        self,
        occupants: Sequence[Occupant],
        sequence: Sequence[Sequence[int]],
        overwriting: Overwriting,
        steps: int,
    ) -> None:
        self.occupants = occupants
        self.sequence = sequence
        self.overwriting = overwriting
        self.starts: dict[int, int] = {}
        self.steps = steps

    def run(self, index: int) -> bool:
        if index == len(self.sequence):
            return True
        for start in self._candidates(self.sequence[index]):
            if self.steps <= 0:
                return False
            self.steps -= 1
            self.starts |= dict.fromkeys(self.sequence[index], start)
            if self.run(index + 1):
                return True
            for member in self.sequence[index]:
                del self.starts[member]
        return False

    def _candidates(self, bundle: Sequence[int]) -> list[int]:
        """Free starts, the preferred one first."""
        rivals = [
            (member, old)
            for member in bundle
            for old in self.starts
            if self.occupants[old].meets(self.occupants[member])
        ]
        last = mem.DATA_WORDS - max(self.occupants[member].words for member in bundle)
        edges, over = [0], []
        for member, old in rivals:
            start = self.starts[old]
            edges.append(start + self.occupants[old].words)
            if (old, member) in self.overwriting:
                over.append(start + order.latest_start(self.overwriting[old, member]))
                over.append(start)
            if (member, old) in self.overwriting:
                over.append(start - order.latest_start(self.overwriting[member, old]))
                over.append(start)
        lows = [self.starts[old] - self.occupants[member].words for member, old in rivals]
        places = [
            edge
            for edge in dict.fromkeys([*sorted(edges), last, *lows, *over])
            if 0 <= edge <= last
        ]
        apart = [edge for edge in places if all(self._apart(edge, *rival) for rival in rivals)]
        onto = [
            edge
            for edge in places
            if edge not in apart and all(self._may_be(edge, *rival) for rival in rivals)
        ]
        return [*apart[:1], *sorted(apart[1:], reverse=True), *onto]

    def _apart(self, start: int, member: int, old: int) -> bool:
        """Whether ``member`` beginning at ``start`` shares no word with ``old``."""
        begin = self.starts[old]
        before = start + self.occupants[member].words <= begin
        return before or start >= begin + self.occupants[old].words

    def _may_be(self, start: int, member: int, old: int) -> bool:
        """Whether ``member`` may begin at ``start``: beside ``old``, or behind what is read."""
        begin = self.starts[old]
        if self._apart(start, member, old):
            return True
        if (old, member) in self.overwriting:
            return order.may_overwrite(self.overwriting[old, member], begin, start)
        if (member, old) in self.overwriting:
            return order.may_overwrite(self.overwriting[member, old], start, begin)
        return False
