"""The placement problem as a constraint program for OR-tools CP-SAT: judge and second opinion.

Needs the extra ``solver``. It states the same problem as the search, without sharing its code: what
it finds is a placement, and when it finds none it often proves that there is none. The effort is
counted in steps of the solver, not in seconds: the same problem always has the same answer.

Unknown are, for each block of tied tensors, its first data memory (groups of four processors); for
each layer its first row of four kernel words; for each piece of data memory its first word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from typing import TYPE_CHECKING

from mxdeploy.chip.max78000 import limits, order
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s4_map.problem import Block, Problem
from mxdeploy.stages.s4_map.search import Placement

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

_GROUP = mem.PROCESSORS_PER_MEMORY
_ROW = int(limits.KERNEL_START_ALIGNMENT)
_ROWS = int(limits.KERNEL_MEMORY_WORDS) // _ROW
EFFORT = 8.0
"""Deterministic time of the solver, about a second each on a fast machine."""
_WORKERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the solver says.

    Attributes:
        placement: one that costs least, or the best that was found; None when none was.
        proven: that nothing costs less, or that there is no placement.
    """

    placement: Placement | None
    proven: bool


def available() -> bool:
    """Whether OR-tools is installed."""
    return find_spec("ortools") is not None


def solve(problem: Problem, effort: float = EFFORT) -> Verdict:
    """Find the placement that costs fewest cycles.

    Args:
        problem: what the search was asked; kernels and data count as it says.
        effort: deterministic time after which the solver gives up.

    Returns:
        What was found, and whether it is certain.
    """
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = effort
    solver.parameters.num_workers = _WORKERS
    solver.parameters.interleave_search = True
    model = _Model(problem, cp_model.CpModel())
    status = solver.solve(model.complete())
    proven = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Verdict(placement=None, proven=proven)
    return Verdict(placement=model.placement(solver), proven=proven)


class _Model:
    """The constraint program of a problem."""

    def __init__(self, problem: Problem, model: cp_model.CpModel) -> None:
        self._problem = problem
        self._model = model
        self._starts = [self._start(i, block) for i, block in enumerate(problem.blocks)]
        self._rows: dict[int, cp_model.IntVar] = {}
        self._words: dict[int, cp_model.IntVar] = {}

    def complete(self) -> cp_model.CpModel:
        """All constraints and the cost."""
        if self._problem.heed_kernels:
            self._kernels()
        if self._problem.heed_data:
            self._data()
        self._cost()
        return self._model

    def placement(self, solver: cp_model.CpSolver) -> Placement:
        """What the solver found."""
        problem = self._problem
        starts: dict[int, int] = {}
        for block, start in zip(problem.blocks, self._starts, strict=True):
            starts |= block.starts(_GROUP * solver.value(start))
        rows = {layer: solver.value(row) for layer, row in self._rows.items()}
        words = {piece: solver.value(word) for piece, word in self._words.items()}
        return Placement(
            starts=tuple(starts[tensor] for tensor in range(len(problem.tensors))),
            kernel_starts=tuple(_ROW * rows.get(i, 0) for i in range(len(problem.layers))),
            data_starts=tuple(words.get(i, 0) for i in range(len(problem.pieces))),
        )

    def _start(self, number: int, block: Block) -> cp_model.IntVar:
        """First data memory of a block."""
        from ortools.sat.python import cp_model

        legal = [start // _GROUP for start in block.legal_starts()]
        domain = cp_model.Domain.from_values(legal)
        return self._model.new_int_var_from_domain(domain, f"block{number}")

    def _kernels(self) -> None:
        """Kernels are rectangles: processors by rows of words."""
        model, across, along = self._model, [], []
        widths: list[int] = []
        heights: list[int] = []
        for start, block in zip(self._starts, self._problem.blocks, strict=True):
            for reader in block.readers:
                height = -(-reader.words // _ROW)
                if height > _ROWS:
                    model.add_bool_or([])
                    return
                row = model.new_int_var(0, _ROWS - height, f"row{reader.layer}")
                self._rows[reader.layer] = row
                for first, width in _runs(reader.processors):
                    begin = _GROUP * start + first
                    across.append(model.new_fixed_size_interval_var(begin, width, ""))
                    along.append(model.new_fixed_size_interval_var(row, height, ""))
                    widths.append(width)
                    heights.append(height)
        model.add_no_overlap_2d(across, along)
        # Follows from the above, but the solver sees at once what is too much in sum.
        model.add_cumulative(across, heights, _ROWS)
        model.add_cumulative(along, widths, mem.PROCESSORS)

    def _data(self) -> None:
        """Pieces that live at the same time share no word of a data memory."""
        problem, model = self._problem, self._model
        for piece, words in enumerate(problem.words):
            if words > mem.DATA_WORDS:
                model.add_bool_or([])
                return
            self._words[piece] = model.new_int_var(0, mem.DATA_WORDS - words, f"piece{piece}")
        for first, *rest in problem.bundles:
            for piece in rest:
                model.add(self._words[first] == self._words[piece])
        claims = [claim for i in range(len(problem.blocks)) for claim in self._claims(i)]
        for one, other in combinations(claims, 2):
            if one.lives_with(other):
                self._keep_apart(one, other)

    def _claims(self, number: int) -> list[_Claim]:
        block = self._problem.blocks[number]
        memories = range(mem.DATA_MEMORIES)
        return [
            _Claim(
                piece=piece,
                block=number,
                memories=frozenset(m for m in memories if occupant.memories >> m & 1),
                birth=occupant.birth,
                death=occupant.death,
            )
            for piece, occupant in self._problem.occupants(block, 0).items()
        ]

    def _keep_apart(self, one: _Claim, other: _Claim) -> None:
        """In other memories, in other words, or one over what its layer has read of the other."""
        from ortools.sat.python import cp_model

        model = self._model
        meeting = sorted({b - a for a in one.memories for b in other.memories})
        if one.block == other.block and 0 not in meeting:
            return
        ways = []
        if one.block != other.block:
            # They meet where the blocks' distance equals that of two of their memories.
            beside = model.new_bool_var("")
            distance = self._starts[one.block] - self._starts[other.block]
            apart = cp_model.Domain.from_values(meeting).complement()
            model.add_linear_expression_in_domain(distance, apart).only_enforce_if(beside)
            ways.append(beside)
        behind = self._words[other.piece] - self._words[one.piece]
        for first, last in self._distances(one.piece, other.piece):
            way = model.new_bool_var("")
            model.add_linear_constraint(behind, first, last).only_enforce_if(way)
            ways.append(way)
        model.add_bool_or(ways)

    def _distances(self, one: int, other: int) -> list[tuple[int, int]]:
        """Allowed distances from the first word of ``one`` to that of ``other``, as ranges."""
        words, overwriting = self._problem.words, self._problem.overwriting
        ranges = [(words[one], mem.DATA_WORDS), (-mem.DATA_WORDS, -words[other])]
        if (one, other) in overwriting:
            ranges += order.safe_distances(overwriting[one, other])
        if (other, one) in overwriting:
            distances = order.safe_distances(overwriting[other, one])
            ranges += [(-last, -first) for first, last in distances]
        return ranges

    def _cost(self) -> None:
        """Cycles that depend on where a block lies."""
        prices = []
        for number, (start, block) in enumerate(
            zip(self._starts, self._problem.blocks, strict=True)
        ):
            found = {s // _GROUP: self._problem.price(block, s) for s in block.legal_starts()}
            if len(set(found.values())) > 1:
                price = self._model.new_int_var(0, max(found.values()), f"price{number}")
                self._model.add_allowed_assignments([start, price], list(found.items()))
                prices.append(price)
        if prices:
            self._model.minimize(sum(prices))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A piece, and the data memories that it takes when its block begins at the first one."""

    piece: int
    block: int
    memories: frozenset[int]
    birth: int
    death: int

    def lives_with(self, other: _Claim) -> bool:
        return self.birth <= other.death and other.birth <= self.death


def _runs(processors: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive processors, as pairs (first, count)."""
    runs: list[tuple[int, int]] = []
    for processor in processors:
        if runs and sum(runs[-1]) == processor:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((processor, 1))
    return runs
