"""How the C code computes an output of the model: statements over a few buffers.

Moves (``TailMove``) cost nothing by themselves: a value is known by where each of its elements
lies, until a function needs the elements side by side or the output is written. Numbers of a buffer
that end up side by side in the output are computed there at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mxdeploy.arith.tail import moved
from mxdeploy.ops.graph import TopK
from mxdeploy.ops.tail import (
    Result,
    Shape,
    TailChoice,
    TailCombination,
    TailMove,
    TailStep,
    integer_values,
    steps_for,
)
from mxdeploy.stages.s6_emit.moves import Indices, moves_of
from mxdeploy.stages.s6_emit.tail_buffers import Buffer, Need, place_buffers, workspace_numbers
from mxdeploy.stages.s6_emit.tail_statements import (
    Apply,
    Choose,
    Combine,
    Copy,
    Place,
    Statement,
)

MAX_MOVES = 24
"""More, and a value is written in its own order before it is moved again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TailPlan:
    """How one output of the model is computed.

    Attributes:
        result: the output.
        shape: of it, without the batch dimension.
        positions: it holds integers.
        statements: in order.
        buffers: by number; 0 is the whole output.
        real_numbers: single-precision numbers in the workspace.
        position_numbers: integers in the workspace.
    """

    result: Result
    shape: Shape
    positions: bool
    statements: tuple[Statement, ...]
    buffers: tuple[Buffer, ...]
    real_numbers: int
    position_numbers: int

    @property
    def elements(self) -> int:
        """Numbers of the output."""
        return self.buffers[0].size


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Where the elements of a value lie: in the value's shape, the place's number and the index."""

    places: Indices
    indices: Indices

    def rows(self, axis: int) -> _Layout:
        """With ``axis`` last and all others in one."""
        length = self.places.shape[axis]
        places, indices = (
            np.moveaxis(a, axis, -1).reshape(-1, length) for a in (self.places, self.indices)
        )
        return _Layout(places, indices)


def plan_tail(tail: tuple[TailStep, ...], result: Result, outputs: Mapping[str, Shape]) -> TailPlan:
    """Plan one output of the model.

    Args:
        tail: the network's steps.
        result: the output.
        outputs: shapes of the network's outputs, without the batch dimension.
    """
    is_positions = result.value in integer_values(tail)
    return _Planner(steps_for(tail, result.value), outputs, positions=is_positions).plan(result)


class _Planner:
    """The state of planning one output."""

    def __init__(
        self, steps: tuple[TailStep, ...], outputs: Mapping[str, Shape], *, positions: bool
    ) -> None:
        self._steps = steps
        self._statements: list[Statement] = []
        self._places: list[Place] = list(outputs)
        self._layouts = {
            name: self._whole(number, shape) for number, (name, shape) in enumerate(outputs.items())
        }
        self._uses = Counter(name for step in steps for name in step.inputs)
        self._needs = [Need(size=0, positions=positions)]

    def plan(self, result: Result) -> TailPlan:
        """The statements of all steps, and copies of what does not lie in the output already."""
        self._uses[result.value] += 1
        for step in self._steps:
            self._layouts[step.output] = self._step(step)
            self._uses.subtract(step.inputs)
        layout = self._layouts[result.value]
        whole = Need(size=layout.places.size, positions=self._needs[0].positions)
        self._needs[0] = whole
        inside = self._inside(layout)
        self._statements += [c for c in self._copies(layout, 0) if c.source not in inside]
        buffers = place_buffers(self._needs, self._statements, inside)
        return TailPlan(
            result=result,
            shape=layout.places.shape,
            positions=whole.positions,
            statements=tuple(self._statements),
            buffers=buffers,
            real_numbers=workspace_numbers(buffers, positions=False),
            position_numbers=workspace_numbers(buffers, positions=True),
        )

    # --- steps ----------------------------------------------------------------------------------

    def _step(self, step: TailStep) -> _Layout:
        op = step.op
        if isinstance(op, TailMove):
            return self._move(step, op)
        if isinstance(op, TailChoice):
            return self._choose(step, op)
        buffer = self._own(step.inputs[0])
        if isinstance(op, TailCombination):
            for name in step.inputs[1:]:
                other = self._buffer_of(self._layouts[name])
                self._statements.append(Combine(op=op, to=buffer, other=other))
        else:
            self._statements.append(Apply(op=op, to=buffer, shape=step.shape))
        return self._whole_buffer(buffer, step.shape)

    def _move(self, step: TailStep, op: TailMove) -> _Layout:
        first, *others = (self._layouts[name] for name in step.inputs)
        places = moved(op, first.places[np.newaxis], [o.places[np.newaxis] for o in others])
        indices = moved(op, first.indices[np.newaxis], [o.indices[np.newaxis] for o in others])
        layout = _Layout(places.reshape(step.shape), indices.reshape(step.shape))
        if sum(len(copy.moves) for copy in self._copies(layout, 0)) > MAX_MOVES:
            return self._whole_buffer(self._copied(layout), step.shape)
        return layout

    def _choose(self, step: TailStep, op: TailChoice) -> _Layout:
        layout = self._layouts[step.inputs[0]]
        shape = layout.places.shape
        rows = layout.rows(op.axis)
        distance = _distance(rows)
        if distance is None:
            layout = self._whole_buffer(self._buffer_of(layout), shape)
            rows = layout.rows(op.axis)
            distance = _distance(rows) or 0
        kept = op.count if isinstance(op, TopK) else 1
        apart = int(np.prod(shape[op.axis + 1 :], dtype=int))
        outer = np.arange(len(rows.indices) // apart)[:, np.newaxis] * (kept * apart)
        target = (outer + np.arange(apart)).reshape(-1)
        buffer = self._new_buffer(len(target) * kept, positions=step.gives_positions)
        self._statements.append(
            Choose(
                op=op,
                source=self._places[int(rows.places[0, 0])],
                to=buffer,
                moves=moves_of(rows.indices[:, 0], target),
                length=rows.indices.shape[1],
                step=distance,
                apart=apart,
            )
        )
        return self._whole_buffer(buffer, step.shape)

    # --- buffers --------------------------------------------------------------------------------

    def _new_buffer(self, size: int, *, positions: bool) -> int:
        number = len(self._needs)
        self._needs.append(Need(size=size, positions=positions))
        self._places.append(number)
        return number

    def _whole(self, place: int, shape: Shape) -> _Layout:
        indices = np.arange(int(np.prod(shape, dtype=int))).reshape(shape)
        return _Layout(np.full(shape, place), indices)

    def _whole_buffer(self, buffer: int, shape: Shape) -> _Layout:
        return self._whole(self._places.index(buffer), shape)

    def _copies(self, layout: _Layout, to: int) -> list[Copy]:
        places, indices = layout.places.reshape(-1), layout.indices.reshape(-1)
        found = []
        for place in dict.fromkeys(places.tolist()):
            target = np.flatnonzero(places == place)
            moves = moves_of(indices[target], target)
            found.append(Copy(source=self._places[place], to=to, moves=moves))
        return found

    def _copied(self, layout: _Layout) -> int:
        """A new buffer with the value's numbers in order."""
        buffer = self._new_buffer(layout.places.size, positions=False)
        self._statements += self._copies(layout, buffer)
        return buffer

    def _exact(self, layout: _Layout) -> int | None:
        """The buffer of real numbers that holds just the value, in order; or None."""
        place = self._places[int(layout.places.flat[0])]
        if isinstance(place, str):
            return None
        if self._needs[place] != Need(size=layout.places.size, positions=False):
            return None
        ordered = np.array_equal(layout.indices.reshape(-1), np.arange(layout.indices.size))
        return place if ordered and len(np.unique(layout.places)) == 1 else None

    def _buffer_of(self, layout: _Layout) -> int:
        """A buffer with the value's numbers in order, to be read."""
        exact = self._exact(layout)
        return self._copied(layout) if exact is None else exact

    def _own(self, name: str) -> int:
        """A buffer with the value's numbers in order that may be overwritten."""
        exact = self._exact(self._layouts[name])
        if exact is None or self._uses[name] > 1:
            return self._copied(self._layouts[name])
        place = self._places.index(exact)
        shared = any(
            uses and other != name and other in self._layouts
            and bool((self._layouts[other].places == place).any())
            for other, uses in self._uses.items()
        )  # fmt: skip
        return self._copied(self._layouts[name]) if shared else exact

    # --- the output -----------------------------------------------------------------------------

    def _inside(self, output: _Layout) -> dict[int, int]:
        """Buffers that are a part of the output as they are, and where they begin in it."""
        places, indices = output.places.reshape(-1), output.indices.reshape(-1)
        found: dict[int, int] = {}
        for place in dict.fromkeys(places.tolist()):
            number = self._places[place]
            if isinstance(number, str):
                continue
            target = np.flatnonzero(places == place)
            offsets = target - indices[target]
            whole = Need(size=len(target), positions=self._needs[0].positions)
            if self._needs[number] == whole and not (offsets - offsets[0]).any():
                found[number] = int(offsets[0])
        return found


def _distance(rows: _Layout) -> int | None:
    """Elements from one of a row to the next, equal in all rows of one place; or None."""
    if (rows.places != rows.places[0, 0]).any():
        return None
    steps = np.diff(rows.indices, axis=1)
    if not steps.size:
        return 0
    return None if (steps != steps[0, 0]).any() else int(steps[0, 0])
