"""What the host writes to the accelerator to hand over an input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import DataOrder, Plan


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputWords:
    """32-bit stores, one after the other.

    Attributes:
        address: bus address of the first one.
        words: uint32, one per store.
        step_bytes: distance of the addresses; 0 for a FIFO.
    """

    address: int
    words: NDArray[np.uint32]
    step_bytes: int


def input_words(plan: Plan, x: NDArray[np.int8]) -> tuple[InputWords, ...]:
    """The stores for an input int8 (C, H, W); through FIFOs (word by word to all) after the start.

    Raises:
        ValueError: wrong type or shape.
    """
    shape = plan.network.value(plan.network.input).shape
    if x.dtype != np.int8 or x.shape != shape:
        raise ValueError(f"input {x.dtype} {x.shape}, the network takes int8 {shape}")
    further = plan.hardware.value(plan.network.input).shape[0] - shape[0]
    fill = np.full((further, *shape[1:]), plan.input_fill, np.int8)
    tensor = np.concatenate([x, fill])
    region = plan.input
    if plan.fifo:
        chw = region.order is DataOrder.CHW
        fifos = layouts.pack_fifo(tensor, processors=region.processors, chw=chw)
        return tuple(
            InputWords(address=reg.FIFO_WRITE[fifo].address(), words=words, step_bytes=0)
            for fifo, words in fifos.items()
        )
    place = {"processors": region.processors, "offset_bytes": region.offset_bytes}
    if region.order is DataOrder.CHW:
        image = layouts.pack_chw(tensor, **place)
    else:
        image = layouts.pack_hwc(tensor, **place, gap=region.gap)
    return tuple(
        InputWords(address=address, words=words, step_bytes=mem.WORD_BYTES)
        for address, words in image.runs()
    )
