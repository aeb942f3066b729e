"""The search: on which processors each tensor lies, and in which kernel words each layer.

A layer's kernels lie in the processors of its input. Where a tensor has fewer than 64 channels per
pass, its first processor is free (a multiple of four); the search spreads such tensors so that the
kernel memories fill evenly and tensors that are too large to share data memories do not meet.
Strategies are tried from the simplest map to the densest one; each is a depth-first search with
first fit and a bounded number of steps. What still cannot be placed then is moved to the front and
the search is repeated. There is no chance in any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import DataOrder
from mxdeploy.stages.s4_map.data_memory import Occupant, allocate
from mxdeploy.stages.s4_map.kernel_memory import KernelMemory
from mxdeploy.stages.s4_map.needs import LayerNeed, TensorNeed

_GROUP = mem.PROCESSORS_PER_MEMORY
_DENSEST = 1
"""The strategy whose searches are repaired."""
_REPAIR_SHARE = 12
"""Repairs take a twelfth of the steps each, and there are as many of them."""
_OFFSET_STEPS = 8 * int(limits.MAX_LAYERS)
"""Steps for the offsets of one placement; a chain whose neighbours fit together needs few."""
_OFFSET_PENALTY = 16
"""Steps that a placement without offsets counts for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A chain of layers: layer ``i`` reads tensor ``i`` and writes tensor ``i + 1``.

    Attributes:
        tensors: the input, then each layer's output.
        layers: what each layer needs.
        tied: for each layer, whether its output must lie on its input's processors.
        kept: tensors (by number) that the host reads after the last layer.
        input_order: order of tensor 0 in data memory.
        heed_kernels: whether kernel memory counts (off to find out what is in the way).
        heed_data: whether data memory counts.
    """

    tensors: tuple[TensorNeed, ...]
    layers: tuple[LayerNeed, ...]
    tied: tuple[bool, ...]
    kept: frozenset[int]
    input_order: DataOrder
    heed_kernels: bool = True
    heed_data: bool = True

    def order(self, tensor: int) -> DataOrder:
        """Order of a tensor in data memory."""
        return self.input_order if tensor == 0 else DataOrder.HWC

    def processors(self, tensor: int, start: int) -> range:
        """Processors of a tensor whose first one is ``start``."""
        step = _GROUP if self.order(tensor) is DataOrder.CHW else 1
        return range(start, start + step * self.tensors[tensor].width, step)

    def starts(self, tensor: int) -> range:
        """Legal first processors: whole data memories, the last processor exists."""
        return range(0, mem.PROCESSORS - self.processors(tensor, 0)[-1], _GROUP)

    def occupant(self, tensor: int, start: int) -> Occupant:
        """The tensor as a claim on data memory."""
        memories = {processor // _GROUP for processor in self.processors(tensor, start)}
        return Occupant(
            memories=sum(1 << memory for memory in memories),
            words=self.tensors[tensor].words(self.order(tensor)),
            birth=tensor - 1,
            death=len(self.layers) if tensor in self.kept else tensor,
        )

    def blocks(self) -> tuple[Block, ...]:
        """Tensors that must lie on the same processors, together."""
        blocks: list[list[int]] = [[0]]
        for layer, tied in enumerate(self.tied):
            if tied:
                blocks[-1].append(layer + 1)
            else:
                blocks.append([layer + 1])
        return tuple(
            Block(
                tensors=tuple(block),
                width=self.tensors[block[0]].width,
                words=self.layers[block[-1]].kernel_words if block[-1] < len(self.layers) else 0,
            )
            for block in blocks
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Tensors on the same processors, and the kernel words of the layer that reads the last one."""

    tensors: tuple[int, ...]
    width: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """An answer of the search.

    Attributes:
        starts: first processor of each tensor.
        kernel_starts: first kernel word of each layer (0 for layers without kernels).
        data_starts: first word of each tensor in its data memories.
    """

    starts: tuple[int, ...]
    kernel_starts: tuple[int, ...]
    data_starts: tuple[int, ...]


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
)


def search(problem: Problem, steps: int) -> Placement | None:
    """The first placement found, or None when every strategy gave up."""
    for strategy in _STRATEGIES:
        blocks = sorted(problem.blocks(), key=strategy.first_block)
        found = _Search(problem, strategy, blocks, steps).run(0)
        if found is not None:
            return found
    return _repair(problem, steps)


def _repair(problem: Problem, steps: int) -> Placement | None:
    """Many short searches; the block that none of the places was free for comes earlier next."""
    strategy = _STRATEGIES[_DENSEST]
    blocks = sorted(problem.blocks(), key=strategy.first_block)
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

    def run(self, index: int) -> Placement | None:
        if index == len(self.blocks):
            return self._finish()
        self.deepest = max(self.deepest, index)
        block = self.blocks[index]
        for start, word in self._places(block):
            if self.steps <= 0:
                return None
            self.steps -= 1
            found = self._descend(index, block, start, word)
            if found is not None:
                return found
        return None

    def _descend(self, index: int, block: Block, start: int, word: int) -> Placement | None:
        last = block.tensors[-1]
        processors = self.problem.processors(last, start)
        if self.problem.heed_kernels:
            self.memory.toggle(processors, word, block.words)
        self.starts.update(dict.fromkeys(block.tensors, start))
        self.kernel_starts[last] = word
        found = self.run(index + 1)
        if found is None:
            for tensor in block.tensors:
                del self.starts[tensor]
            if self.problem.heed_kernels:
                self.memory.toggle(processors, word, block.words)
        return found

    def _places(self, block: Block) -> list[tuple[int, int]]:
        """Places that fit, as (first processor, first kernel word), the preferred one first."""
        places: list[tuple[int, int]] = []
        last = block.tensors[-1]
        for start in self.problem.starts(block.tensors[0]):
            word: int | None = 0
            if block.words and self.problem.heed_kernels:
                word = self.memory.first_fit(self.problem.processors(last, start), block.words)
            if word is not None and self._data_fits(block, start):
                places.append((start, word))
        choose = self.strategy.first_place
        return sorted(places, key=lambda place: choose(place[0], place[1] + block.words))

    def _data_fits(self, block: Block, start: int) -> bool:
        """Whether no two tensors that meet are too large for the memories they share."""
        if not self.problem.heed_data:
            return True
        placed = {**self.starts, **dict.fromkeys(block.tensors, start)}
        for tensor in block.tensors:
            new = self.problem.occupant(tensor, start)
            rivals: Sequence[int] = sorted({tensor - 1, tensor + 1} | self.problem.kept)
            for rival in rivals:
                if rival == tensor or rival not in placed:
                    continue
                old = self.problem.occupant(rival, placed[rival])
                if new.meets(old) and new.words + old.words > mem.DATA_WORDS:
                    return False
        return True

    def _finish(self) -> Placement | None:
        count = len(self.problem.tensors)
        starts = tuple(self.starts[tensor] for tensor in range(count))
        occupants = [self.problem.occupant(t, start) for t, start in enumerate(starts)]
        data = (0,) * count
        if self.problem.heed_data:
            found = allocate(occupants, steps=_OFFSET_STEPS)
            if found is None:
                self.steps -= _OFFSET_PENALTY
                return None
            data = found
        return Placement(
            starts=starts,
            kernel_starts=tuple(self.kernel_starts.get(i, 0) for i in range(count - 1)),
            data_starts=data,
        )
