"""Reshapes and Transposes in a row that make channels of blocks of pixels, or the other way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Reshape, Transpose
from mxdeploy.stages.s2_legalize.graph import Graph, Shape

_MAP = 3
Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Blocks of ``size`` x ``size`` pixels that are channels on the other side.

    ``channels[c, i, j]`` is the channel, on the side with more channels, of the pixel in row ``i``
    and column ``j`` of the blocks of channel ``c`` on the side with more pixels.
    """

    size: int
    channels: Positions


def chain_of(graph: Graph, node: Node) -> tuple[Node, ...]:
    """The Reshapes and Transposes, each read by the next alone, that end with ``node``."""
    chain: list[Node] = []
    current: Node | None = node
    while current is not None and isinstance(current.op, Reshape | Transpose):
        chain.insert(0, current)
        current = graph.private_source(current)
    return tuple(chain)


def to_pixels(graph: Graph, chain: tuple[Node, ...]) -> Blocks | None:
    """The blocks that ``chain`` makes of channels; None when it does something else."""
    before, after = graph.shape(chain[0].inputs[0]), graph.shape(chain[-1].output)
    if not _is_enlarged(before, after):
        return None
    return _blocks(positions(before, chain), before, after)


def to_channels(graph: Graph, chain: tuple[Node, ...]) -> Blocks | None:
    """The blocks of which ``chain`` makes channels; None when it does something else."""
    before, after = graph.shape(chain[0].inputs[0]), graph.shape(chain[-1].output)
    if not _is_enlarged(after, before):
        return None
    moved = positions(before, chain).reshape(-1)
    back = np.empty_like(moved)
    back[moved] = np.arange(moved.size)
    return _blocks(back.reshape(before), after, before)


def _is_enlarged(small: Shape, large: Shape) -> bool:
    """Whether blocks of the channels of ``small`` can be the pixels of ``large``."""
    if len(small) != _MAP or len(large) != _MAP:
        return False
    size = large[1] // small[1]
    shape = (small[0] // (size * size) if size else 0, small[1] * size, small[2] * size)
    return size > 1 and small[0] % (size * size) == 0 and large == shape


def positions(shape: Shape, chain: tuple[Node, ...]) -> Positions:
    """Where every element of the result stands in a value of ``shape``."""
    places = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    for node in chain:
        if isinstance(node.op, Transpose):
            places = places.transpose(node.op.axes)
        elif isinstance(node.op, Reshape):
            places = places.reshape(node.op.shape)
    return places


def _blocks(places: Positions, small: Shape, large: Shape) -> Blocks | None:
    """The blocks if every pixel of ``large`` comes from the pixel of ``small`` it belongs to."""
    size = large[1] // small[1]
    channel, pixel = np.divmod(places, small[1] * small[2])
    rows, columns = (np.arange(n) // size for n in large[1:])
    if (pixel != rows[:, np.newaxis] * small[2] + columns).any():
        return None
    channels = channel[:, :size, :size]
    tiles = (1, large[1] // size, large[2] // size)
    if (channel != np.tile(channels, tiles)).any():
        return None
    return Blocks(size=size, channels=channels)


def factors(size: int, known: tuple[int, ...]) -> tuple[int, ...] | None:
    """``size`` as a product of ``known`` numbers; None when it is none."""
    found: list[int] = []
    for factor in known:
        while size % factor == 0:
            size //= factor
            found.append(factor)
    return tuple(found) if size == 1 else None
