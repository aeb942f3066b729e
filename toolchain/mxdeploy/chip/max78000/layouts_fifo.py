"""The input as words for the FIFOs: one FIFO for each quadrant, all in lock step.

A word holds four channels of one pixel, for the first four processors of the quadrant (HWC), or
four pixels of the one channel of the quadrant's first processor (CHW). Lanes without a channel hold
zeros, as do the pixels that the last CHW word lacks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.layouts_data import LANES, Words, channel_locations


def pack_fifo(
    tensor: npt.NDArray[np.int8], *, processors: int, chw: bool = False
) -> dict[int, Words]:
    """The words of each FIFO, in the order in which they are written.

    Args:
        tensor: int8 ``[C, H, W]``.
        processors: 64-bit mask of the processors that read the input.
        chw: four pixels per word.

    Raises:
        ValueError: a processor that no FIFO reaches.
    """
    lanes = _lanes(tensor.shape[0], processors, 1 if chw else LANES)
    pixels = tensor.reshape(tensor.shape[0], -1).view(np.uint8)
    if chw:
        pixels = np.pad(pixels, ((0, 0), (0, -pixels.shape[1] % LANES)))
    found = {}
    for fifo in sorted({fifo for fifo, _ in lanes}):
        data = np.zeros((pixels.shape[1] // (LANES if chw else 1), LANES), np.uint8)
        for channel, (owner, lane) in enumerate(lanes):
            if owner == fifo and chw:
                data[:] = pixels[channel].reshape(-1, LANES)
            elif owner == fifo:
                data[:, lane] = pixels[channel]
        found[fifo] = data.view("<u4").reshape(-1).astype(np.uint32)
    return found


def _lanes(channels: int, processors: int, reached: int) -> list[tuple[int, int]]:
    """FIFO and byte of each channel; a FIFO reaches the first processors of its quadrant."""
    passes, places = channel_locations(channels, processors)
    lanes = [divmod(place, mem.PROCESSORS_PER_QUADRANT) for place in places.tolist()]
    if passes.any() or any(lane >= reached for _, lane in lanes):
        raise ValueError(f"the FIFOs do not reach processors {processors:#x}")
    return lanes
