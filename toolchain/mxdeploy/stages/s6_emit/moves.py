"""Elements that change their places, as nested loops for the C code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_AXES = 5
"""Loops of one move (``TAIL_AXES`` in ``tail.h``)."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One loop: how often, and how far source and target go on each time (elements)."""

    size: int
    source: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Nested loops from the outer to the inner one.

    Attributes:
        source: first element read.
        target: first element written.
        axes: the loops, at most ``MAX_AXES``.
    """

    source: int
    target: int
    axes: tuple[Axis, ...]

    def places(self) -> tuple[Indices, Indices]:
        """The elements read and written, in order."""
        source, target = np.array([self.source]), np.array([self.target])
        for axis in self.axes:
            steps = np.arange(axis.size)
            source = (source[:, None] + steps * axis.source).reshape(-1)
            target = (target[:, None] + steps * axis.target).reshape(-1)
        return source, target


def moves_of(source: Indices, target: Indices) -> tuple[Move, ...]:
    """The moves that bring elements ``source`` to ``target`` (flat, of equal length).

    As few as regular orders need: one for a transposition, a slice, a repetition or their like.
    """
    return tuple(_moves(source.reshape(-1), target.reshape(-1)))


def _moves(source: Indices, target: Indices) -> Iterator[Move]:
    while len(source):
        end, axes = len(source), _axes(source, target)
        if axes is None:
            end = _run(source, target)
            axes = _axes(source[:end], target[:end]) or ()
        yield from _split(Move(source=int(source[0]), target=int(target[0]), axes=axes))
        source, target = source[end:], target[end:]


def _axes(source: Indices, target: Indices) -> tuple[Axis, ...] | None:
    """The loops that give the whole sequence; None when it is not regular."""
    inner: list[Axis] = []
    while len(source) > 1:
        length = _period(source, target)
        if length == 1:
            return None
        first, second = source.reshape(-1, length), target.reshape(-1, length)
        inner.append(
            Axis(
                size=length,
                source=int(first[0, 1] - first[0, 0]),
                target=int(second[0, 1] - second[0, 0]),
            )
        )
        source, target = first[:, 0], second[:, 0]
    return tuple(reversed(inner))


def _period(source: Indices, target: Indices) -> int:
    """The longest length of equal steps of which the whole sequence is made."""
    steps = np.stack([np.diff(source), np.diff(target)])
    ends = np.flatnonzero((steps != steps[:, :1]).any(axis=0)) + 1
    edges = np.concatenate([[0], ends, [len(source)]])
    return int(np.gcd.reduce(np.diff(edges)))


def _run(source: Indices, target: Indices) -> int:
    """How many elements of equal steps the sequence begins with."""
    steps = np.stack([np.diff(source), np.diff(target)])
    ends = np.flatnonzero((steps != steps[:, :1]).any(axis=0))
    return int(ends[0]) + 1 if len(ends) else len(source)


def _split(move: Move) -> Iterator[Move]:
    """Moves with few enough loops."""
    if len(move.axes) <= MAX_AXES:
        yield move
        return
    first, *rest = move.axes
    for index in range(first.size):
        yield from _split(
            Move(
                source=move.source + index * first.source,
                target=move.target + index * first.target,
                axes=tuple(rest),
            )
        )
