"""The search: on which processors each tensor lies, and in which kernel words each layer.

A layer's kernels lie in the processors of its input. Where a tensor has fewer than 64 channels per
pass, its first processor is free (a multiple of four); the search spreads such tensors so that the
kernel memories fill evenly and tensors that are too large to share data memories do not meet.
Places at which layers take fewer cycles come first. Strategies are tried from the simplest map to
the densest one; each is a depth-first search with first fit and a bounded number of steps. What
still cannot be placed then is moved to the front and the search is repeated. There is no chance in
any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s4_map.data_memory import Occupant, allocate
from mxdeploy.stages.s4_map.kernel_memory import KernelMemory
from mxdeploy.stages.s4_map.problem import Block, Problem

_DENSEST = 1
"""The strategy whose searches are repaired."""
_REPAIR_SHARE = 12
"""Repairs take a twelfth of the steps each, and there are as many of them."""
_OFFSET_STEPS = 8 * int(limits.MAX_LAYERS)
"""Steps for the offsets of one placement; a chain whose neighbours fit together needs few."""
_OFFSET_PENALTY = 16
"""Steps that a placement without offsets counts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """An answer of the search.

    Attributes:
        starts: first processor of each tensor.
        kernel_starts: first kernel word of each layer (0 for layers without kernels).
        data_starts: first word of each piece in its data memories.
    """

    starts: tuple[int, ...]
    kernel_starts: tuple[int, ...]
    data_starts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A place that fits: where the block begins, and the first word of each reader."""

    spot: _Spot
    words: tuple[int, ...]
    top: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strategy:
    """In which order blocks are placed, and which of the places that fit is tried first."""

    name: str
    first_block: Callable[[Block], tuple[int, ...]]
    first_place: Callable[[int, int], tuple[int, ...]]


_STRATEGIES = (
    _Strategy(
        name="in order of execution, lowest processors",
        first_block=lambda block: block.tensors,
        first_place=lambda start, _top: (start,),
    ),
    _Strategy(
        name="widest first, lowest words",
        first_block=lambda block: (-block.width, -block.words, *block.tensors),
        first_place=lambda start, top: (top, start),
    ),
    _Strategy(
        name="widest first, lowest processors",
        first_block=lambda block: (-block.width, -block.words, *block.tensors),
        first_place=lambda start, _top: (start,),
    ),
    _Strategy(
        name="most words first, lowest words",
        first_block=lambda block: (-block.words, -block.width, *block.tensors),
        first_place=lambda start, top: (top, start),
    ),
    _Strategy(
        name="most bytes first, lowest words",
        first_block=lambda block: (-block.width * block.words, *block.tensors),
        first_place=lambda start, top: (top, start),
    ),
    _Strategy(
        name="most bytes first, highest processors",
        first_block=lambda block: (-block.width * block.words, *block.tensors),
        first_place=lambda start, top: (top, -start),
    ),
    _Strategy(
        name="most data first, lowest processors",
        first_block=lambda block: (-block.width * block.data_words, *block.tensors),
        first_place=lambda start, _top: (start,),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """What a block claims when it begins at a processor, and what that costs.

    Attributes:
        start: the processor.
        readers: processors and kernel words of each layer that reads the block.
        occupants: words of data memory, by number of the piece.
        load: the same as a number to be added (see ``_Load``).
        price: cycles.
    """

    start: int
    readers: tuple[tuple[Sequence[int], int], ...]
    occupants: dict[int, Occupant]
    load: int
    price: int


class _Load:
    """How full the data memories are at each time, as one long number.

    A field for each memory and layer counts words; it starts so high that its top bit is set as
    soon as there are more words than the memory has.
    """

    _BITS = 24

    def __init__(self, layers: int) -> None:
        self._times = layers + 2
        ones = self._fields(range(mem.DATA_MEMORIES), range(self._times))
        top = 1 << self._BITS - 1
        self.empty = (top - 1 - mem.DATA_WORDS) * ones
        self.full = top * ones

    def of(self, occupant: Occupant, *, over: bool) -> int:
        """What a piece needs at least: while it is written over a layer's input, nothing more."""
        memories = [m for m in range(mem.DATA_MEMORIES) if occupant.memories >> m & 1]
        times = range(occupant.birth + 1 + over, occupant.death + 2)
        return occupant.words * self._fields(memories, times)

    def _fields(self, memories: Iterable[int], times: Sequence[int]) -> int:
        return sum(1 << self._BITS * (m * self._times + t) for m in memories for t in times)


class _Chip:
    """A problem with all that does not change during a search: computed once for all strategies."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.load = _Load(len(problem.layers))
        self._over = {output for _, output in problem.overwriting}
        self._offsets: dict[frozenset[tuple[int, int]], tuple[int, ...] | None] = {}
        self.spots = {block: self._spots(block) for block in problem.blocks}

    def offsets(self, occupants: Sequence[Occupant]) -> tuple[int, ...] | None:
        """First word of each piece; depends on nothing but which of them meet."""
        meeting = frozenset(
            (one, other)
            for (one, first), (other, second) in combinations(enumerate(occupants), 2)
            if first.meets(second)
        )
        if meeting not in self._offsets:
            problem = self.problem
            self._offsets[meeting] = allocate(
                occupants, _OFFSET_STEPS, problem.bundles, problem.overwriting
            )
        return self._offsets[meeting]

    def _spots(self, block: Block) -> tuple[_Spot, ...]:
        problem = self.problem
        spots = []
        for start in block.legal_starts():
            readers = block.readers if problem.heed_kernels else ()
            occupants = problem.occupants(block, start)
            claims = occupants.items() if problem.heed_data else ()
            spot = _Spot(
                start=start,
                readers=tuple((reader.on_processors(start), reader.words) for reader in readers),
                occupants=occupants,
                load=sum(self.load.of(claim, over=piece in self._over) for piece, claim in claims),
                price=problem.price(block, start),
            )
            spots.append(spot)
        return tuple(spots)


def search(problem: Problem, steps: int) -> Placement | None:
    """The first placement found, or None when every strategy gave up."""
    chip = _Chip(problem)
    for strategy in _STRATEGIES:
        blocks = sorted(problem.blocks, key=strategy.first_block)
        found = _Search(chip, strategy, blocks, steps).run(0)
        if found is not None:
            return found
    return _repair(chip, steps)


def _repair(chip: _Chip, steps: int) -> Placement | None:
    """Many short searches; the block that none of the places was free for comes earlier next."""
    strategy = _STRATEGIES[_DENSEST]
    blocks = sorted(chip.problem.blocks, key=strategy.first_block)
    seen = set()
    for _ in range(steps // _REPAIR_SHARE):
        attempt = _Search(chip, strategy, blocks, steps // _REPAIR_SHARE)
        found = attempt.run(0)
        if found is not None:
            return found
        stuck = attempt.deepest
        target = 0
        order = _moved(blocks, stuck, target)
        while order in seen and target < stuck:
            target += 1
            order = _moved(blocks, stuck, target)
        if order in seen:
            return None
        seen.add(order)
        blocks = list(order)
    return None


def _moved(blocks: Sequence[Block], source: int, target: int) -> tuple[Block, ...]:
    """The blocks with the one at ``source`` put in at ``target``."""
    rest = [*blocks[:source], *blocks[source + 1 :]]
    return (*rest[:target], blocks[source], *rest[target:])


class _Search:
    """Depth-first search of one strategy."""

    def __init__(
        self, chip: _Chip, strategy: _Strategy, blocks: Sequence[Block], steps: int
    ) -> None:
        self.chip = chip
        self.problem = chip.problem
        self.strategy = strategy
        self.steps = steps
        self.blocks = blocks
        self.deepest = 0
        self.memory = KernelMemory()
        self.starts: dict[int, int] = {}
        self.kernel_starts: dict[int, int] = {}
        self.occupants: dict[int, Occupant] = {}
        self.load = chip.load.empty

    def run(self, index: int) -> Placement | None:
        if index == len(self.blocks):
            return self._finish()
        self.deepest = max(self.deepest, index)
        block = self.blocks[index]
        for place in self._places(block):
            if self.steps <= 0:
                return None
            self.steps -= 1
            found = self._descend(index, block, place)
            if found is not None:
                return found
        return None

    def _descend(self, index: int, block: Block, place: _Place) -> Placement | None:
        self._toggle(place.spot, place.words)
        self.load += place.spot.load
        self.occupants |= place.spot.occupants
        self.starts |= block.starts(place.spot.start)
        self.kernel_starts |= {
            reader.layer: word for reader, word in zip(block.readers, place.words, strict=False)
        }
        found = self.run(index + 1)
        if found is None:
            for piece in place.spot.occupants:
                del self.occupants[piece]
            self.load -= place.spot.load
            self._toggle(place.spot, place.words)
        return found

    def _toggle(self, spot: _Spot, starts: Sequence[int]) -> None:
        for (processors, words), start in zip(spot.readers, starts, strict=False):
            self.memory.toggle(processors, start, words)

    def _places(self, block: Block) -> list[_Place]:
        """Places that fit, the preferred one first."""
        places: list[_Place] = []
        for spot in self.chip.spots[block]:
            if self.load + spot.load & self.chip.load.full:
                continue
            starts = self._kernel_words(spot)
            if starts is None:
                continue
            ends = [w + words for w, (_, words) in zip(starts, spot.readers, strict=True)]
            places.append(_Place(spot=spot, words=starts, top=max(ends, default=0)))
        choose = self.strategy.first_place
        return sorted(places, key=lambda p: (p.spot.price, *choose(p.spot.start, p.top)))

    def _kernel_words(self, spot: _Spot) -> tuple[int, ...] | None:
        """First word of each reader's kernels, or None when they do not fit."""
        found: list[int] = []
        for processors, words in spot.readers:
            start = self.memory.first_fit(processors, words)
            if start is None:
                break
            self.memory.toggle(processors, start, words)
            found.append(start)
        self._toggle(spot, found)
        return tuple(found) if len(found) == len(spot.readers) else None

    def _finish(self) -> Placement | None:
        problem = self.problem
        data: tuple[int, ...] = (0,) * len(self.occupants)
        if problem.heed_data:
            occupants = [self.occupants[piece] for piece in range(len(self.occupants))]
            found = self.chip.offsets(occupants)
            if found is None:
                self.steps -= _OFFSET_PENALTY
                return None
            data = found
        return Placement(
            starts=tuple(self.starts[tensor] for tensor in range(len(problem.tensors))),
            kernel_starts=tuple(self.kernel_starts.get(i, 0) for i in range(len(problem.layers))),
            data_starts=data,
        )
