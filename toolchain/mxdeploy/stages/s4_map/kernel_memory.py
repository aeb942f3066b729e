"""Free space in the kernel memories: which words of which processors are taken."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem

_STEP = int(limits.KERNEL_START_ALIGNMENT)
_ROWS = int(limits.KERNEL_MEMORY_WORDS) // _STEP
_ALL = (1 << _ROWS) - 1


class KernelMemory:
    """Taken words of the 64 kernel memories, in steps of the alignment of kernel starts.

    One integer per processor; bit ``r`` stands for the words ``4 r .. 4 r + 3``.
    """

    def __init__(self) -> None:
        """All memories empty."""
        self._taken = [0] * mem.PROCESSORS

    def first_fit(self, processors: Sequence[int], words: int) -> int | None:
        """Lowest legal start of ``words`` free words, the same on all processors; None if full."""
        rows = -(-words // _STEP)
        if rows > _ROWS:
            return None
        if isinstance(processors, range):
            taken = self._taken[processors.start : processors.stop : processors.step]
        else:
            taken = [self._taken[processor] for processor in processors]
        starts = ~reduce(or_, taken) & _ALL
        done = 1
        while done < rows and starts:
            shift = min(done, rows - done)
            starts &= starts >> shift
            done += shift
        return _STEP * ((starts & -starts).bit_length() - 1) if starts else None

    def toggle(self, processors: Sequence[int], start: int, words: int) -> None:
        """Take free words, or give the same words back."""
        mask = ((1 << -(-words // _STEP)) - 1) << start // _STEP
        for processor in processors:
            self._taken[processor] ^= mask
