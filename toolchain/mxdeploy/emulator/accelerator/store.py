"""Where layers read and write: the data memories, and the endless rings of streaming layers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.memory import Words

Index = NDArray[np.intp]
LANES = mem.PROCESSORS_PER_MEMORY
TOTAL_WORDS = mem.DATA_MEMORIES * mem.DATA_WORDS
_WORDS_PER_QUADRANT = TOTAL_WORDS // mem.QUADRANTS


class StoreError(ValueError):
    """A layer reads or writes outside the memories.

    Attributes:
        register: the register that leads there.
        field: its field.
        value: the field's value.
    """

    def __init__(self, text: str, register: type[Register], field: str, value: int) -> None:
        """Keep what leads outside."""
        super().__init__(text)
        self.register = register
        self.field = field
        self.value = value


class Store(Protocol):
    """Sixteen memories of 32-bit words."""

    def fetch(self, memories: Index, word: int, count: int) -> Words:
        """``count`` words from ``word`` on, of each of the memories: (memories, count)."""

    def store(self, starts: Index, step: int, words: Words) -> None:
        """Write in the order of the hardware: pixel by pixel.

        Args:
            starts: 17-bit word addresses of the first pixel, one per written word.
            step: distance of a pixel's words from those of the pixel before it.
            words: (pixels, len(starts)).
        """


class DataMemory:
    """The data memories themselves."""

    def __init__(self, words: Words, powered: int) -> None:
        """Layers work on ``words`` (16, 8192); ``powered`` has a bit for each usable quadrant."""
        self._words = words
        self._powered = powered

    def fetch(self, memories: Index, word: int, count: int) -> Words:
        """See Store."""
        if word + count > mem.DATA_WORDS:
            text = f"the layer reads words {word}..{word + count - 1} of {mem.DATA_WORDS}"
            raise StoreError(text, reg.ReadPointerBase, "word", word)
        return self._words[memories, word : word + count]

    def store(self, starts: Index, step: int, words: Words) -> None:
        """See Store."""
        ends = starts + (len(words) - 1) * step
        if (
            int(ends.max()) >= TOTAL_WORDS
            or (starts // mem.DATA_WORDS != ends // mem.DATA_WORDS).any()
        ):
            first = int(starts.max()) % mem.DATA_WORDS
            text = f"the layer writes past the {mem.DATA_WORDS} words of a data memory"
            raise StoreError(text, reg.WritePointerBase, "word", first)
        for quadrant in np.unique(starts // _WORDS_PER_QUADRANT).tolist():
            if not self._powered >> quadrant & 1:
                text = f"the layer writes to quadrant {quadrant}, which has no power or clock"
                raise StoreError(text, reg.WritePointerBase, "instance", quadrant * LANES)
        addresses = starts + np.arange(len(words), dtype=np.intp)[:, None] * step
        self._words.reshape(-1)[addresses] = words


class RingMemory:
    """The ring between two streaming layers.

    On the chip the words circulate in a small buffer; a reader that keeps its distance sees the
    words that were written, as from memories without end.
    """

    def __init__(self) -> None:
        """Empty."""
        self._words: Words = np.zeros((mem.DATA_MEMORIES, 0), np.uint32)

    def fetch(self, memories: Index, word: int, count: int) -> Words:
        """See Store."""
        if word + count > self._words.shape[1]:
            text = f"the layer reads {count} words from {word} on; the stream ends before"
            raise StoreError(text, reg.ReadPointerBase, "word", word)
        return self._words[memories, word : word + count]

    def store(self, starts: Index, step: int, words: Words) -> None:
        """See Store."""
        memories, first = np.divmod(starts, mem.DATA_WORDS)
        end = int(first.max()) + (len(words) - 1) * step + 1
        if end > self._words.shape[1]:
            longer = np.zeros((mem.DATA_MEMORIES, end), np.uint32)
            longer[:, : self._words.shape[1]] = self._words
            self._words = longer
        pixels = np.arange(len(words), dtype=np.intp)[:, None] * step
        self._words[memories, first + pixels] = words
