"""How the parts of a concatenation lie side by side so that a layer reads them as one tensor.

A part keeps its channels on consecutive processors from a multiple of four on. Parts share a pass
as long as the processors last; a part of several passes begins a pass of its own. A layer that
reads the join has zero weights for processors without a channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlace:
    """Where a part lies in its join.

    Attributes:
        first_pass: first word of a pixel that is the part's.
        passes: words of a pixel.
        first_processor: counted from the join's first processor, a multiple of four.
        processors: number of processors.
    """

    first_pass: int
    passes: int
    first_processor: int
    processors: int


def join_layout(channels: Sequence[int]) -> tuple[PartPlace, ...]:
    """Places of parts with these numbers of channels, in order.

    Raises:
        ValueError: a part has fewer than 1 or more than 1024 channels.
    """
    group = mem.PROCESSORS_PER_MEMORY
    places: list[PartPlace] = []
    row, column = 0, 0
    for count in channels:
        width, passes = limits.channels_per_pass(count), limits.passes(count)
        if column and (passes > 1 or column + width > mem.PROCESSORS):
            row, column = row + 1, 0
        places.append(
            PartPlace(first_pass=row, passes=passes, first_processor=column, processors=width)
        )
        if passes > 1:
            row += passes
        else:
            column += -(-width // group) * group
    return tuple(places)


def join_passes(places: Sequence[PartPlace]) -> int:
    """Words of a pixel of the whole join."""
    return max(place.first_pass + place.passes for place in places)
