"""Where the host finds a tensor in data memory, as tables for the C loops."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import layouts, memories
from mxdeploy.ir.plan import DataOrder, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Lanes:
    """Channels that share a data memory and a pass.

    Attributes:
        address: bus address of pixel 0.
        channels: channel in each byte lane (32-bit data: in each of four words), None where there
            is none; CHW data use the first entry only.
    """

    address: int
    channels: tuple[int | None, int | None, int | None, int | None]


def step_bytes(region: Region) -> int:
    """Bytes from a pixel's word to the next one's (CHW: from one word to the next)."""
    return region.step_words * memories.WORD_BYTES * region.words_per_pass


def lanes_of(region: Region, channels: int) -> tuple[Lanes, ...]:
    """The region's data memories and passes that hold channels, in channel order.

    Raises:
        ValueError: the channels take another number of passes than the region says.
    """
    if layouts.expansion(channels, region.processors) != region.passes:
        raise ValueError(
            f"{region.value}: {channels} channels on processors {region.processors:#x} do not take "
            f"{region.passes} passes"
        )
    groups: dict[tuple[int, int], list[int | None]] = {}
    passes, places = layouts.channel_locations(channels, region.processors)
    for channel, (number, place) in enumerate(zip(passes.tolist(), places.tolist(), strict=True)):
        memory, lane = divmod(place, memories.PROCESSORS_PER_MEMORY)
        members = groups.setdefault((number, memory), [None] * memories.PROCESSORS_PER_MEMORY)
        members[lane] = channel
    return tuple(
        Lanes(address=_address(region, *key), channels=(a, b, c, d))
        for key, (a, b, c, d) in groups.items()
    )


def _address(region: Region, number: int, memory: int) -> int:
    skip = number * (region.gap + 1) * region.words_per_pass
    return memories.data_address(memory, region.offset_bytes // memories.WORD_BYTES + skip)


def check_region(region: Region, *, is_output: bool) -> None:
    """Refuse what the generated loops cannot move.

    Raises:
        ValueError: a CHW output, a 32-bit input, a join, or CHW data beside the first lane.
    """
    if region.parts:
        raise ValueError(f"{region.value}: a join lies where its parts lie")
    if is_output and region.order is not DataOrder.HWC:
        raise ValueError(f"{region.value}: outputs are stored in HWC order, not {region.order}")
    if not is_output and region.is_wide:
        raise ValueError(f"{region.value}: the input has 8 bits")
    if region.order is DataOrder.CHW and any(
        p % memories.PROCESSORS_PER_MEMORY for p in layouts.processor_list(region.processors)
    ):
        raise ValueError(f"{region.value}: CHW data use the first processor of each data memory")
