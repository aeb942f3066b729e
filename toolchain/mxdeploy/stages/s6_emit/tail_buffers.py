"""Where the buffers of an output's C code lie: in the output itself, or in the workspace.

Numbers of one kind share the workspace: a buffer gets the first gap that is free while statements
use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mxdeploy.stages.s6_emit.tail_statements import Statement, buffers_of


@dataclass(frozen=True, slots=True)
class Need:
    """Numbers that a buffer holds: single-precision numbers, or positions (integers)."""

    size: int
    positions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A buffer in its place.

    ``first`` is where it begins: in the model's output (``in_output``), or among the numbers of
    its kind in the workspace.
    """

    size: int
    positions: bool
    in_output: bool
    first: int


def place_buffers(
    needs: Sequence[Need], statements: Sequence[Statement], inside: Mapping[int, int]
) -> tuple[Buffer, ...]:
    """All buffers, by number; 0 is the output.

    Args:
        needs: what they hold.
        statements: in order.
        inside: buffers that are a part of the output, and where they begin in it.
    """
    in_output = {0: 0, **inside}
    firsts = {**_workspace(needs, statements, in_output), **in_output}
    return tuple(
        Buffer(
            size=need.size,
            positions=need.positions,
            in_output=number in in_output,
            first=firsts.get(number, 0),
        )
        for number, need in enumerate(needs)
    )


def workspace_numbers(buffers: Sequence[Buffer], *, positions: bool) -> int:
    """Numbers of a kind that the workspace holds."""
    there = [b for b in buffers if not b.in_output and b.positions == positions]
    return max((b.first + b.size for b in there), default=0)


def _workspace(
    needs: Sequence[Need], statements: Sequence[Statement], elsewhere: Mapping[int, int]
) -> dict[int, int]:
    """Where buffers that do not lie ``elsewhere`` begin among those of their kind."""
    times: dict[int, list[int]] = {}
    for time, statement in enumerate(statements):
        for number in buffers_of(statement) - elsewhere.keys():
            times.setdefault(number, []).append(time)
    firsts: dict[int, int] = {}
    for number, when in sorted(times.items(), key=lambda item: item[1][0]):
        need = needs[number]
        taken = [
            (first, first + needs[other].size)
            for other, first in firsts.items()
            if needs[other].positions == need.positions and times[other][-1] >= when[0]
        ]
        firsts[number] = _first_gap(sorted(taken), need.size)
    return firsts


def _first_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Where ``size`` numbers fit between those that are ``taken`` (begin, end), in order."""
    first = 0
    for begin, end in taken:
        if begin - first >= size:
            break
        first = max(first, end)
    return first
