"""The placement problem: what is to be placed, and what of it may not meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map.arrangement import Arrangement, Piece
from mxdeploy.stages.s4_map.data_memory import Occupant, Overwriting
from mxdeploy.stages.s4_map.in_place import overwriting
from mxdeploy.stages.s4_map.needs import LayerNeed, TensorNeed, layer_need, tensor_needs
from mxdeploy.stages.s4_map.streaming import Flow

_GROUP = mem.PROCESSORS_PER_MEMORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A layer with kernels, on the processors of a block.

    Attributes:
        layer: its number.
        processors: those that hold its kernels, relative to the block's first one.
        words: kernel words on each of them.
    """

    layer: int
    processors: tuple[int, ...]
    words: int

    def on_processors(self, start: int) -> Sequence[int]:
        """The processors when the block begins at ``start``; as a range where none is left out."""
        first, last = self.processors[0], self.processors[-1]
        if last - first + 1 == len(self.processors):
            return range(start + first, start + last + 1)
        return tuple(start + processor for processor in self.processors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Tensors whose processors are tied, with all that depends on where they lie.

    Attributes:
        members: for each tensor its processors, relative to the block's first one.
        readers: layers that read them.
        pieces: numbers of the shares of data memory.
        data_words: words of the largest piece.
        step: distance of the processors at which it may begin.
        idle: for each layer without kernels its processors and the cycles of a time slot.
    """

    members: tuple[tuple[int, tuple[int, ...]], ...]
    readers: tuple[Reader, ...]
    pieces: tuple[int, ...]
    data_words: int = 0
    step: int = _GROUP
    idle: tuple[tuple[tuple[int, ...], int], ...] = ()

    @property
    def tensors(self) -> tuple[int, ...]:
        """The tensors' numbers."""
        return tuple(tensor for tensor, _ in self.members)

    @property
    def width(self) -> int:
        """Processors from the first to the last."""
        return 1 + max(processors[-1] for _, processors in self.members)

    @property
    def words(self) -> int:
        """Kernel words of all readers."""
        return sum(reader.words for reader in self.readers)

    def legal_starts(self) -> range:
        """First processors: whole data memories, the last processor exists."""
        return range(0, mem.PROCESSORS + 1 - self.width, self.step)

    def starts(self, start: int) -> dict[int, int]:
        """First processor of each tensor."""
        return {tensor: start + processors[0] for tensor, processors in self.members}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Everything the search needs.

    Attributes:
        tensors: the input, then each layer's output.
        layers: what each layer needs.
        blocks: tensors with tied processors.
        pieces: shares of data memory.
        words: words of each piece.
        bundles: numbers of pieces that begin at the same word.
        overwriting: for pairs of pieces (input, output), layers that may write over their input.
        input_order: order of tensor 0 in data memory.
        heed_kernels: whether kernel memory counts (off to find out what is in the way).
        heed_data: whether data memory counts.
        heed_cycles: whether places at which layers take fewer cycles come first.
    """

    tensors: tuple[TensorNeed, ...]
    layers: tuple[LayerNeed, ...]
    blocks: tuple[Block, ...]
    pieces: tuple[Piece, ...]
    words: tuple[int, ...]
    bundles: tuple[tuple[int, ...], ...]
    overwriting: Overwriting = field(default_factory=dict)
    input_order: DataOrder = DataOrder.HWC
    heed_kernels: bool = True
    heed_data: bool = True
    heed_cycles: bool = True

    def order(self, tensor: int) -> DataOrder:
        """Order of a tensor in data memory."""
        return self.input_order if tensor == 0 else DataOrder.HWC

    def occupants(self, block: Block, start: int) -> dict[int, Occupant]:
        """The block's claims on data memory, by number of the piece."""
        processors = dict(block.members)
        found = {}
        for number in block.pieces:
            piece = self.pieces[number]
            memories = {(start + p) // _GROUP for t in piece.tensors for p in processors[t]}
            found[number] = Occupant(
                memories=sum(1 << memory for memory in memories),
                words=self.words[number],
                birth=piece.birth,
                death=piece.death,
            )
        return found

    def price(self, block: Block, start: int) -> int:
        """Cycles of layers without kernels: they write four processors of each quadrant at once."""
        if not self.heed_cycles:
            return 0
        return sum(
            cycles * time_slots(start + p for p in processors) for processors, cycles in block.idle
        )


def time_slots(processors: Iterable[int]) -> int:
    """Groups of four processors in the quadrant that has the most."""
    counts = [0] * mem.QUADRANTS
    for processor in processors:
        counts[processor // mem.PROCESSORS_PER_QUADRANT] += 1
    return -(-max(counts) // _GROUP)


def make_problem(flow: Flow, arrangement: Arrangement) -> Problem:
    """The problem of placing the network of ``flow``."""
    network = flow.network
    tensors = tensor_needs(network)
    layers = tuple(layer_need(network, layer) for layer in network.layers)
    words = tuple(_words(tensors, piece, flow) for piece in arrangement.pieces)
    in_place = {} if flow.order is DataOrder.CHW else overwriting(network, arrangement)
    return Problem(
        tensors=tensors,
        layers=layers,
        blocks=_blocks(flow, arrangement, (tensors, layers), words),
        pieces=tuple(flow.lifetime(piece) for piece in arrangement.pieces),
        words=words,
        bundles=arrangement.bundles,
        overwriting={
            pair: traffic
            for pair, traffic in in_place.items()
            if arrangement.pieces[pair[0]].tensors[0] >= flow.streams
        },
        input_order=flow.order,
    )


def _words(tensors: tuple[TensorNeed, ...], piece: Piece, flow: Flow) -> int:
    first = piece.tensors[0]
    if first < flow.streams:
        return flow.claim_words(first)
    if piece.step:
        return tensors[first].pixels * piece.step
    return tensors[first].words(flow.order if piece.tensors == (0,) else DataOrder.HWC)


def _blocks(
    flow: Flow,
    arrangement: Arrangement,
    needs: tuple[tuple[TensorNeed, ...], tuple[LayerNeed, ...]],
    words: tuple[int, ...],
) -> tuple[Block, ...]:
    tensors, layers = needs
    blocks = []
    for block in arrangement.blocks:
        place = flow.place if 0 in block.tensors else _as_it_is
        pieces = tuple(
            i for i, piece in enumerate(arrangement.pieces) if piece.tensors[0] in block.tensors
        )
        members = tuple(
            (tensor, tuple(place(first + k) for k in range(tensors[tensor].width)))
            for tensor, first in block.members
        )
        readers = tuple(
            Reader(
                layer=layer,
                processors=tuple(place(processor) for processor in processors),
                words=layers[layer].kernel_words,
            )
            for layer, processors in block.readers
        )
        blocks.append(
            Block(
                members=members,
                readers=tuple(sorted(readers, key=lambda r: (-r.words, r.layer))),
                pieces=pieces,
                data_words=max(words[piece] for piece in pieces),
                step=flow.input_step if 0 in block.tensors else _GROUP,
                idle=tuple(_idle(flow.network, arrangement, dict(members))),
            )
        )
    return tuple(blocks)


def _as_it_is(processor: int) -> int:
    return processor


def _idle(
    network: QuantNetwork, arrangement: Arrangement, members: dict[int, tuple[int, ...]]
) -> Iterable[tuple[tuple[int, ...], int]]:
    """Layers without kernels: processors read, and cycles of each time slot."""
    for layer, source in zip(network.layers, arrangement.sources, strict=True):
        processors = members.get(source.tensors[0])
        if layer.spec.kind is Kind.PASSTHROUGH and processors is not None:
            rows, columns = layer.spec.pooled_size
            yield processors, rows * columns * source.passes


def chw_possible(network: QuantNetwork, arrangement: Arrangement) -> bool:
    """Whether the input may be in CHW order.

    It has few enough channels, and the first layer alone reads it, by itself, with a convolution.
    """
    first, rest = network.layers[0].spec, arrangement.sources[1:]
    memories = mem.PROCESSORS // int(limits.CHW_PROCESSOR_STEP)
    return (
        first.in_channels <= memories
        and first.kind is not Kind.PASSTHROUGH
        and arrangement.sources[0].tensors == (0,)
        and not any(0 in source.tensors for source in rest)
    )
