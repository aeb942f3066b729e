"""Things at fixed distances from each other."""

from __future__ import annotations

Groups = tuple[tuple[tuple[int, int], ...], ...]
"""Tied things, each with its distance from the first of them."""


class Ties:
    """Union-find with distances: ``tie(a, b, d)`` says that ``b`` lies ``d`` behind ``a``."""

    def __init__(self, count: int) -> None:
        """``count`` things, each alone."""
        self._leader = list(range(count))
        self._distance = [0] * count

    def tie(self, one: int, other: int, distance: int) -> bool:
        """Fix a distance; False when another one follows from what was said before."""
        first, begin = self._find(one)
        second, end = self._find(other)
        if first == second:
            return end - begin == distance
        self._leader[second] = first
        self._distance[second] = begin + distance - end
        return True

    def groups(self) -> Groups:
        """Tied things with their distances from the first of them, by lowest number."""
        members: dict[int, list[tuple[int, int]]] = {}
        for item in range(len(self._leader)):
            leader, distance = self._find(item)
            members.setdefault(leader, []).append((item, distance))
        return tuple(
            tuple((item, distance - min(d for _, d in group)) for item, distance in group)
            for group in members.values()
        )

    def _find(self, item: int) -> tuple[int, int]:
        distance = 0
        while self._leader[item] != item:
            distance += self._distance[item]
            item = self._leader[item]
        return item, distance
