"""Which quadrant's bias memory holds which layer's biases."""

from __future__ import annotations

from collections.abc import Sequence

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.plan import BiasSlot


def place_biases(
    lengths: Sequence[int], flatten: Sequence[bool], used: Sequence[int]
) -> tuple[BiasSlot | None, ...] | None:
    """A slot for each layer with biases, or None when the bias memories are too small.

    Flatten layers come first (they need the first addresses of a bias memory), then the longest
    first. Quadrants in use are tried before others, which would have to be switched on.

    Args:
        lengths: bytes of each layer, 0 without bias.
        flatten: whether the layer is a flatten layer.
        used: quadrants in use anyway.
    """
    order = sorted(
        (i for i, length in enumerate(lengths) if length),
        key=lambda i: (not flatten[i], -lengths[i], i),
    )
    spare = [q for q in range(mem.QUADRANTS) if q not in used]
    for count in range(len(spare) + 1):
        quadrants = (*used, *spare[:count])
        for fullest in (False, True):
            slots = _fill(lengths, order, quadrants, fullest=fullest)
            if slots is not None:
                return tuple(slots.get(i) for i in range(len(lengths)))
    return None


def _fill(
    lengths: Sequence[int], order: Sequence[int], quadrants: Sequence[int], *, fullest: bool
) -> dict[int, BiasSlot] | None:
    """Each layer into the emptiest (or the fullest possible) quadrant."""
    fill = dict.fromkeys(quadrants, 0)
    slots: dict[int, BiasSlot] = {}
    for index in order:
        length = lengths[index]
        open_quadrants = [q for q in quadrants if fill[q] + length <= limits.BIAS_MEMORY_BYTES]
        if not open_quadrants:
            return None
        sign = -1 if fullest else 1
        chosen = min(open_quadrants, key=lambda q: (sign * fill[q], q))
        slots[index] = BiasSlot(quadrant=chosen, start_byte=fill[chosen], length_bytes=length)
        fill[chosen] += length
    return slots
