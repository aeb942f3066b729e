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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import limits
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
    """A place that fits: the block's first processor, and the first word of each reader."""

    start: int
    words: tuple[int, ...]
    top: int
    price: int


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


def search(problem: Problem, steps: int) -> Placement | None:
    """The first placement found, or None when every strategy gave up."""
    for strategy in _STRATEGIES:
        blocks = sorted(problem.blocks, key=strategy.first_block)
        found = _Search(problem, strategy, blocks, steps).run(0)
        if found is not None:
            return found
    return _repair(problem, steps)


def _repair(problem: Problem, steps: int) -> Placement | None:
    """Many short searches; the block that none of the places was free for comes earlier next."""
    strategy = _STRATEGIES[_DENSEST]
    blocks = sorted(problem.blocks, key=strategy.first_block)
    seen = set()
    for _ in range(steps // _REPAIR_SHARE):
        attempt = _Search(problem, strategy, blocks, steps // _REPAIR_SHARE)
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
        self, problem: Problem, strategy: _Strategy, blocks: Sequence[Block], steps: int
    ) -> None:
        self.problem = problem
        self.strategy = strategy
        self.steps = steps
        self.blocks = blocks
        self.deepest = 0
        self.memory = KernelMemory()
        self.starts: dict[int, int] = {}
        self.kernel_starts: dict[int, int] = {}
        self.occupants: dict[int, Occupant] = {}

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
        self._toggle(block, place.start, place.words)
        occupants = self.problem.occupants(block, place.start)
        self.occupants |= occupants
        self.starts |= block.starts(place.start)
        self.kernel_starts |= {
            reader.layer: word for reader, word in zip(block.readers, place.words, strict=True)
        }
        found = self.run(index + 1)
        if found is None:
            for piece in occupants:
                del self.occupants[piece]
            self._toggle(block, place.start, place.words)
        return found

    def _toggle(self, block: Block, start: int, words: Sequence[int]) -> None:
        if not self.problem.heed_kernels:
            return
        for reader, word in zip(block.readers, words, strict=False):
            self.memory.toggle(reader.on_processors(start), word, reader.words)

    def _places(self, block: Block) -> list[_Place]:
        """Places that fit, the preferred one first."""
        places: list[_Place] = []
        for start in block.legal_starts():
            words = self._kernel_words(block, start)
            if words is None or not self._data_fits(block, start):
                continue
            ends = [w + reader.words for w, reader in zip(words, block.readers, strict=True)]
            price = self.problem.price(block, start)
            places.append(_Place(start=start, words=words, top=max(ends, default=0), price=price))
        choose = self.strategy.first_place
        return sorted(places, key=lambda place: (place.price, *choose(place.start, place.top)))

    def _kernel_words(self, block: Block, start: int) -> tuple[int, ...] | None:
        """First word of each reader's kernels, or None when they do not fit."""
        if not self.problem.heed_kernels:
            return (0,) * len(block.readers)
        words: list[int] = []
        for reader in block.readers:
            word = self.memory.first_fit(reader.on_processors(start), reader.words)
            if word is None:
                break
            self.memory.toggle(reader.on_processors(start), word, reader.words)
            words.append(word)
        self._toggle(block, start, words)
        return tuple(words) if len(words) == len(block.readers) else None

    def _data_fits(self, block: Block, start: int) -> bool:
        """Whether no two pieces that meet are too large for the memories they share."""
        if not self.problem.heed_data:
            return True
        new = self.problem.occupants(block, start)
        return not any(
            self.problem.collide(piece, occupant, other, placed)
            for piece, occupant in new.items()
            for other, placed in self.occupants.items()
        )

    def _finish(self) -> Placement | None:
        problem = self.problem
        data: tuple[int, ...] = (0,) * len(self.occupants)
        if problem.heed_data:
            occupants = [self.occupants[piece] for piece in range(len(self.occupants))]
            found = allocate(occupants, _OFFSET_STEPS, problem.bundles, problem.overwriting)
            if found is None:
                self.steps -= _OFFSET_PENALTY
                return None
            data = found
        return Placement(
            starts=tuple(self.starts[tensor] for tensor in range(len(problem.tensors))),
            kernel_starts=tuple(self.kernel_starts.get(i, 0) for i in range(len(problem.layers))),
            data_starts=data,
        )
