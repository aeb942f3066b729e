"""Where layers read and write: the data memories, and the endless rings of streaming layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.memory import ALL_LANES, Bytes, Words

Index = NDArray[np.intp]
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


@dataclass(frozen=True, slots=True, eq=False)
class Addresses:
    """Where the words of all pixels go.

    Attributes:
        starts: 17-bit word addresses of the first pixel, one per written word.
        step: distance of a pixel's words from those of the pixel before it.
        pointer: the register that leads there, and how its fields are called.
    """

    starts: Index
    step: int
    pointer: reg.WritePointerBase | reg.ReadPointerBase

    def of(self, pixels: int) -> Index:
        """All addresses, (pixels, len(starts))."""
        return self.starts + np.arange(pixels, dtype=np.intp)[:, None] * self.step

    def error(self, text: str, *, memory: bool) -> StoreError:
        """The pointer leads to the wrong ``memory``, or to a wrong word in it."""
        field = "instance" if memory and isinstance(self.pointer, reg.WritePointerBase) else "word"
        return StoreError(text, type(self.pointer), field, getattr(self.pointer, field))


class Store(Protocol):
    """Sixteen memories of 32-bit words."""

    def fetch(self, memories: Index, word: int, count: int) -> Words:
        """``count`` words from ``word`` on, of each of the memories: (memories, count)."""

    def missing(self, memories: Index, word: int, count: int) -> Bytes:
        """The bytes of the same words that nobody wrote, one bit each: (memories, count)."""

    def store(self, addresses: Addresses, words: Words, lanes: Bytes) -> None:
        """Write in the order of the hardware: pixel by pixel.

        Args:
            addresses: where the words go.
            words: (pixels, words per pixel).
            lanes: the bytes of each word that mean something, one bit each: (words per pixel,).
        """


class DataMemory:
    """The data memories themselves."""

    def __init__(self, words: Words, written: Bytes | None, powered: int) -> None:
        """Layers work on the memories themselves.

        Args:
            words: (16, 8192).
            written: (16, 8192), one bit for each byte that was written; None: not known.
            powered: a bit for each usable quadrant.
        """
        self._words = words
        self._written = written
        self._powered = powered

    def fetch(self, memories: Index, word: int, count: int) -> Words:
        """See Store."""
        self._check_end(word, count)
        return self._words[memories, word : word + count]

    def missing(self, memories: Index, word: int, count: int) -> Bytes:
        """See Store."""
        self._check_end(word, count)
        if self._written is None:
            return np.zeros((len(memories), count), np.uint8)
        return self._written[memories, word : word + count] ^ np.uint8(ALL_LANES)

    def _check_end(self, word: int, count: int) -> None:
        if word + count > mem.DATA_WORDS:
            text = f"the layer reads words {word}..{word + count - 1} of {mem.DATA_WORDS}"
            raise StoreError(text, reg.ReadPointerBase, "word", word)

    def store(self, addresses: Addresses, words: Words, lanes: Bytes) -> None:
        """See Store."""
        starts = addresses.starts
        ends = starts + (len(words) - 1) * addresses.step
        outside = int(ends.max()) >= TOTAL_WORDS
        if outside or (starts // mem.DATA_WORDS != ends // mem.DATA_WORDS).any():
            text = f"writes past the {mem.DATA_WORDS} words of a data memory"
            raise addresses.error(text, memory=False)
        for quadrant in np.unique(starts // _WORDS_PER_QUADRANT).tolist():
            if not self._powered >> quadrant & 1:
                text = f"writes to quadrant {quadrant}, which has no power or clock"
                raise addresses.error(text, memory=True)
        places = addresses.of(len(words))
        self._words.reshape(-1)[places] = words
        if self._written is not None:
            self._written.reshape(-1)[places] = lanes


class RingMemory:
    """The ring between two streaming layers.

    On the chip the words circulate in a small buffer; a reader that keeps its distance sees the
    words that were written, as from memories without end.
    """

    def __init__(self) -> None:
        """Empty."""
        self._words: Words = np.zeros((mem.DATA_MEMORIES, 0), np.uint32)
        self._written: Bytes = np.zeros((mem.DATA_MEMORIES, 0), np.uint8)

    def fetch(self, memories: Index, word: int, count: int) -> Words:
        """See Store."""
        self._check_end(word, count)
        return self._words[memories, word : word + count]

    def missing(self, memories: Index, word: int, count: int) -> Bytes:
        """See Store."""
        self._check_end(word, count)
        return self._written[memories, word : word + count] ^ np.uint8(ALL_LANES)

    def _check_end(self, word: int, count: int) -> None:
        if word + count > self._words.shape[1]:
            text = f"the layer reads {count} words from {word} on; the stream ends before"
            raise StoreError(text, reg.ReadPointerBase, "word", word)

    def store(self, addresses: Addresses, words: Words, lanes: Bytes) -> None:
        """See Store."""
        memories, first = np.divmod(addresses.starts, mem.DATA_WORDS)
        pixels = np.arange(len(words), dtype=np.intp)[:, None] * addresses.step
        more = int((first + pixels).max()) + 1 - self._words.shape[1]
        if more > 0:
            self._words = np.pad(self._words, ((0, 0), (0, more)))
            self._written = np.pad(self._written, ((0, 0), (0, more)))
        self._words[memories, first + pixels] = words
        self._written[memories, first + pixels] = lanes
