"""Which tensors lie together: what the network's structure says before anything is placed.

Tensors are numbered: 0 is the network's input, ``i + 1`` the output of layer ``i``. Some have fixed
places relative to each other: operands of an element-wise layer interleave on the same processors,
the parts of a join lie side by side or interleave, a layer without convolution writes to the
processors it reads from. Tensors whose processors are tied form a *block*; tensors that interleave
share one *piece* of data memory; pieces that must begin at the same word form a *bundle*.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000.joining import PartPlace, join_passes
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s4_map import findings
from mxdeploy.stages.s4_map.needs import source_places
from mxdeploy.stages.s4_map.ties import Groups, Ties


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a layer reads.

    Attributes:
        tensors: the tensor, the parts of a join, or the interleaved operands.
        places: where each lies, relative to the first processor and word of the whole.
        passes: words of a pixel that the layer reads, per operand.
        operands: number of interleaved operands.
        join: name of the join, None where a tensor or operands are read.
    """

    tensors: tuple[int, ...]
    places: tuple[PartPlace, ...]
    passes: int
    operands: int = 1
    join: str | None = None

    @property
    def processors(self) -> tuple[int, ...]:
        """Processors that are read, relative to the first one, ascending."""
        numbers = {
            place.first_processor + k for place in self.places for k in range(place.processors)
        }
        return tuple(sorted(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spacing:
    """How a tensor's words lie among those of others.

    Attributes:
        step: words from a pixel to the next; 0 when the tensor lies alone.
        gap: words left free between its own words of a pixel.
        first: its first word, counted from the beginning of its piece.
    """

    step: int = 0
    gap: int = 0
    first: int = 0


ALONE = Spacing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Words of data memory that one tensor, or several interleaved ones, take.

    Attributes:
        tensors: numbers of the tensors.
        step: words from a pixel to the next; 0 for a tensor that lies alone.
        birth: number of the layer that writes first; -1 for the host's input.
        death: number of the last layer that reads; the number of layers when the host does.
    """

    tensors: tuple[int, ...]
    step: int
    birth: int
    death: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Tensors on fixed processors relative to each other.

    Attributes:
        members: pairs (tensor, its first processor relative to the block's).
        readers: layers with kernels that read these tensors, as pairs (layer, processors relative
            to the block's first).
    """

    members: tuple[tuple[int, int], ...]
    readers: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def tensors(self) -> tuple[int, ...]:
        """The members' numbers."""
        return tuple(tensor for tensor, _ in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Everything that is fixed before the search.

    Attributes:
        sources: what each layer reads.
        spacings: how each tensor's words lie.
        pieces: shares of data memory.
        bundles: numbers of pieces that begin at the same word.
        blocks: tensors with tied processors.
    """

    sources: tuple[Source, ...]
    spacings: tuple[Spacing, ...]
    pieces: tuple[Piece, ...]
    bundles: tuple[tuple[int, ...], ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Tensors that would have to lie at two places at once.

    Attributes:
        layer: number of the layer that reads them.
        value: the one that cannot lie where this layer needs it.
        finding: in words.
    """

    layer: int
    value: str
    finding: Diagnostic


def arrange(network: QuantNetwork) -> Arrangement | tuple[Conflict, ...]:
    """Derive the arrangement of a network that keeps the contract of legalized networks.

    Returns:
        The arrangement, or what stands against it.
    """
    number = {network.input: 0}
    number |= {layer.output: i + 1 for i, layer in enumerate(network.layers)}
    sources = tuple(_source(network, layer, number) for layer in network.layers)
    spacings, conflicts = _spacings(network, sources)
    pieces = _pieces(network, number, sources, spacings)
    blocks, more = _blocks(network, sources, len(number))
    bundles = _bundles(sources, pieces)
    conflicts = [*conflicts, *more]
    if not conflicts:
        conflicts = list(_crowded(network, sources, pieces, bundles, blocks))
    if conflicts:
        return tuple(conflicts)
    return Arrangement(
        sources=sources, spacings=spacings, pieces=pieces, bundles=bundles, blocks=blocks
    )


def _source(network: QuantNetwork, layer: QuantLayer, number: dict[str, int]) -> Source:
    places = source_places(network, layer)
    join = network.join(layer.inputs[0])
    names = layer.inputs if join is None else join.inputs
    if layer.spec.operands > 1:
        places = places * layer.spec.operands
    return Source(
        tensors=tuple(number[name] for name in names),
        places=places,
        passes=join_passes(places),
        operands=layer.spec.operands,
        join=None if join is None else join.output,
    )


def _spacings(
    network: QuantNetwork, sources: tuple[Source, ...]
) -> tuple[tuple[Spacing, ...], list[Conflict]]:
    """Operands and parts of joins of several passes interleave."""
    names = tensor_names(network)
    spacings = [ALONE] * len(names)
    conflicts = []
    for index, source in enumerate(sources):
        for tensor, wanted in _interleaved(source):
            if spacings[tensor] not in (ALONE, wanted):
                conflicts.append(_conflict(network, index, names[tensor], "its words"))
            spacings[tensor] = wanted
    for index, (layer, spacing) in enumerate(zip(network.layers, spacings[1:], strict=True)):
        passes = sources[index].passes
        even = passes == 1 or spacing.step == passes * (spacing.gap + 1)
        if layer.spec.kind is Kind.PASSTHROUGH and spacing.step and not even:
            conflicts.append(_conflict(network, index, layer.output, "its passes"))
    return tuple(spacings), conflicts


def tensor_names(network: QuantNetwork) -> tuple[str, ...]:
    """Names of the tensors by number."""
    return (network.input, *(layer.output for layer in network.layers))


def _conflict(network: QuantNetwork, layer: int, value: str, what: str) -> Conflict:
    found = findings.two_places(network.layers[layer].name, value, what)
    return Conflict(layer=layer, value=value, finding=found)


def _interleaved(source: Source) -> Iterator[tuple[int, Spacing]]:
    if source.operands > 1:
        count = source.operands
        for k, tensor in enumerate(source.tensors):
            yield tensor, Spacing(step=source.passes * count, gap=count - 1, first=k)
    elif source.join is not None and source.passes > 1:
        for tensor, place in zip(source.tensors, source.places, strict=True):
            yield tensor, Spacing(step=source.passes, first=place.first_pass)


def _pieces(
    network: QuantNetwork,
    number: dict[str, int],
    sources: tuple[Source, ...],
    spacings: tuple[Spacing, ...],
) -> tuple[Piece, ...]:
    kept = {number[name] for name in network.outputs}
    last = {tensor: i for i, source in enumerate(sources) for tensor in source.tensors}
    last |= dict.fromkeys(kept, len(sources))
    together: dict[int, tuple[int, ...]] = {}
    for source in sources:
        if spacings[source.tensors[0]].step:
            together |= dict.fromkeys(source.tensors, tuple(sorted(set(source.tensors))))
    groups = dict.fromkeys(together.get(tensor, (tensor,)) for tensor in range(len(spacings)))
    return tuple(
        Piece(
            tensors=tensors,
            step=spacings[tensors[0]].step,
            birth=tensors[0] - 1,
            death=max(last.get(tensor, tensor - 1) for tensor in tensors),
        )
        for tensors in groups
    )


def _bundles(sources: tuple[Source, ...], pieces: tuple[Piece, ...]) -> tuple[tuple[int, ...], ...]:
    """Parts of a join begin at the same word."""
    piece_of = {tensor: i for i, piece in enumerate(pieces) for tensor in piece.tensors}
    ties = Ties(len(pieces))
    for source in sources:
        for tensor in source.tensors[1:]:
            ties.tie(piece_of[source.tensors[0]], piece_of[tensor], 0)
    return tuple(tuple(member for member, _ in group) for group in ties.groups())


def _blocks(
    network: QuantNetwork, sources: tuple[Source, ...], tensors: int
) -> tuple[tuple[Block, ...], list[Conflict]]:
    names = tensor_names(network)
    ties = Ties(tensors)
    conflicts = []
    for index, (layer, source) in enumerate(zip(network.layers, sources, strict=True)):
        first, place = source.tensors[0], source.places[0].first_processor
        wanted = [
            (tensor, other.first_processor - place)
            for tensor, other in zip(source.tensors[1:], source.places[1:], strict=True)
        ]
        if layer.spec.kind is Kind.PASSTHROUGH:
            wanted.append((index + 1, 0))
        for tensor, offset in wanted:
            if not ties.tie(first, tensor, offset):
                conflicts.append(_conflict(network, index, names[tensor], "its processors"))
    groups = ties.groups()
    if not conflicts:
        conflicts = list(_too_wide(network, sources, groups))
    blocks = tuple(
        Block(members=members, readers=_readers(network, sources, dict(members)))
        for members in groups
    )
    return blocks, conflicts


def _too_wide(
    network: QuantNetwork, sources: tuple[Source, ...], groups: Groups
) -> Iterator[Conflict]:
    """Tied tensors need more processors than there are."""
    names = tensor_names(network)
    for members in groups:
        place = dict(members)
        widths = [
            first + limits.channels_per_pass(network.value(names[tensor]).shape[0])
            for tensor, first in members
        ]
        if max(widths) <= limits.MAX_PROCESSORS:
            continue
        finding = findings.tied_too_wide([names[t] for t in place], max(widths))
        layer, tensor = _weakest_tie(network, sources, set(place))
        yield Conflict(layer=layer, value=names[tensor], finding=finding)


def _weakest_tie(
    network: QuantNetwork, sources: tuple[Source, ...], block: set[int]
) -> tuple[int, int]:
    """The tie of a block that is given up: its layer, and the tensor that gets a copy for it.

    Layers that pass through may as well convolve. Otherwise a tensor is copied that other layers
    tie, too: a copy of any other would be tied like the tensor itself.
    """
    tying = [i for i, s in enumerate(sources) if s.tensors[-1] in block and _ties(network, i)]
    passing = [i for i in tying if network.layers[i].spec.kind is Kind.PASSTHROUGH]
    for index in passing:
        if sources[index].operands == 1:
            return index, sources[index].tensors[-1]
    tied = {i: {*sources[i].tensors, *((i + 1,) if i in passing else ())} for i in tying}
    for index in tying:
        for tensor in reversed(sources[index].tensors):
            if any(tensor in tied[other] for other in tying if other != index):
                return index, tensor
    return tying[0], sources[tying[0]].tensors[-1]


def _ties(network: QuantNetwork, index: int) -> bool:
    """Whether a layer ties tensors together."""
    layer = network.layers[index]
    passes_through = layer.spec.kind is Kind.PASSTHROUGH
    return passes_through or len(layer.inputs) > 1 or network.join(layer.inputs[0]) is not None


def _crowded(
    network: QuantNetwork,
    sources: tuple[Source, ...],
    pieces: tuple[Piece, ...],
    bundles: tuple[tuple[int, ...], ...],
    blocks: tuple[Block, ...],
) -> Iterator[Conflict]:
    """Pieces that must begin at one word, on the same processors, while both are in use.

    That is so when a value is the same part of two joins, beside others: the later join gets a
    copy of it.
    """
    names = tensor_names(network)
    taken = {
        tensor: range(
            first, first + limits.channels_per_pass(network.value(names[tensor]).shape[0])
        )
        for block in blocks
        for tensor, first in block.members
    }
    block_of = {tensor: i for i, block in enumerate(blocks) for tensor in block.tensors}
    for one, other in (pair for bundle in bundles for pair in itertools.combinations(bundle, 2)):
        first, second = sorted((pieces[one], pieces[other]), key=lambda piece: piece.birth)
        if second.birth > first.death:
            continue
        for a, b in itertools.product(first.tensors, second.tensors):
            if block_of[a] == block_of[b] and set(taken[a]) & set(taken[b]):
                for layer, value in _shared_parts(sources, b):
                    yield _conflict(network, layer, names[value], "its processors")


def _shared_parts(sources: tuple[Source, ...], tensor: int) -> Iterator[tuple[int, int]]:
    """Layers that read ``tensor`` beside a part of another join, and that part."""
    for index, source in enumerate(sources):
        if source.join is None or tensor not in source.tensors:
            continue
        others = [s for s in sources if s.join not in (None, source.join)]
        for part in source.tensors:
            if part != tensor and any(part in s.tensors for s in others):
                yield index, part


def _readers(
    network: QuantNetwork, sources: tuple[Source, ...], place: dict[int, int]
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    found = []
    for index, source in enumerate(sources):
        if source.tensors[0] not in place or network.layers[index].spec.kind is Kind.PASSTHROUGH:
            continue
        begin = place[source.tensors[0]] - source.places[0].first_processor
        found.append((index, tuple(begin + processor for processor in source.processors)))
    return tuple(found)
