"""The memories of the accelerator and their loaders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem

Words = NDArray[np.uint32]
Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]

ALL_LANES = (1 << mem.PROCESSORS_PER_MEMORY) - 1
"""All bytes of a word of data memory, one bit each."""


class KernelMemory:
    """Kernel memories of the 64 processors.

    Attributes:
        stream: uint8 (64, 6912), the byte streams that layers read.
        written: bool (64, 768), the words that were written or zeroed since power-up.
        version: changes whenever the content does.
    """

    def __init__(self) -> None:
        """All zero, nothing written."""
        self.stream: Bytes = np.zeros((mem.PROCESSORS, mem.KERNEL_BYTES), np.uint8)
        self.written: Flags = np.zeros((mem.PROCESSORS, mem.KERNEL_WORDS), np.bool_)
        self.version = 0
        self._pointer = [0] * mem.PROCESSORS
        self._pending = [b""] * mem.PROCESSORS
        self._latch: Words = np.zeros((mem.PROCESSORS, mem.KERNEL_WORD_STORES), np.uint32)

    def clear(self, quadrant: int, *, known: bool) -> None:
        """Zero the memories of a quadrant: on purpose (``known``), or because power was lost."""
        first = quadrant * mem.PROCESSORS_PER_QUADRANT
        self.stream[first : first + mem.PROCESSORS_PER_QUADRANT] = 0
        self.written[first : first + mem.PROCESSORS_PER_QUADRANT] = known
        self.version += 1

    def set_address(self, processor: int, word: int) -> None:
        """Packed loader: the next store goes to ``word`` (0..767)."""
        self._pointer[processor] = word
        self._pending[processor] = b""

    def store_packed(self, processor: int, data: bytes) -> None:
        """Packed loader: nine bytes write a word; the rest waits for more.

        Args:
            processor: 0..63.
            data: the bytes of one or more 32-bit stores, most significant first.

        Raises:
            ValueError: the loader runs past the last word.
        """
        data = self._pending[processor] + data
        count = len(data) // mem.KERNEL_WORD_BYTES
        self._pending[processor] = data[count * mem.KERNEL_WORD_BYTES :]
        if count:
            words = np.frombuffer(data, np.uint8, count * mem.KERNEL_WORD_BYTES)
            self._put(processor, self._pointer[processor], words.reshape(count, -1))
            self._pointer[processor] += count

    def store_wide(self, processor: int, first_store: int, stores: Words) -> None:
        """128-bit view: every fourth store writes the word that the three before it hold.

        Args:
            processor: 0..63.
            first_store: number of the first 32-bit store, counted from word 0.
            stores: 32-bit values at consecutive addresses.
        """
        whole = 0
        if first_store % mem.KERNEL_WORD_STORES == 0:
            whole = len(stores) // mem.KERNEL_WORD_STORES * mem.KERNEL_WORD_STORES
            words = layouts.wide_to_words(stores[:whole].reshape(-1, mem.KERNEL_WORD_STORES))
            self._put(processor, first_store // mem.KERNEL_WORD_STORES, words)
        for index, value in enumerate(stores[whole:].tolist(), first_store + whole):
            word, part = divmod(index, mem.KERNEL_WORD_STORES)
            self._latch[processor, part] = value
            if part == mem.KERNEL_WORD_STORES - 1:
                self._put(processor, word, layouts.wide_to_words(self._latch[processor])[None])

    def load(self, processor: int, store: int) -> int:
        """Read a 32-bit part of the 128-bit view."""
        word, part = divmod(store, mem.KERNEL_WORD_STORES)
        first = word * mem.KERNEL_WORD_BYTES
        stream = self.stream[processor, first : first + mem.KERNEL_WORD_BYTES]
        return int(layouts.words_to_wide(stream[None, ::-1])[0, part])

    def _put(self, processor: int, word: int, words: Bytes) -> None:
        """Write ``words`` (count, 9), W[0] first."""
        first = word * mem.KERNEL_WORD_BYTES
        if first + words.size > mem.KERNEL_BYTES:
            raise ValueError(f"processor {processor} has no kernel word {word + len(words) - 1}")
        self.stream[processor, first : first + words.size] = words[:, ::-1].reshape(-1)
        self.written[processor, word : word + len(words)] = True
        self.version += 1


class BiasMemory:
    """Bias memories of the four quadrants.

    Attributes:
        entries: int8 (4, 512).
        written: bool (4, 512), the entries that were written or zeroed since power-up.
        version: changes whenever the content does.
    """

    BITS = 8

    def __init__(self) -> None:
        """All zero, nothing written."""
        self.entries: NDArray[np.int8] = np.zeros((mem.QUADRANTS, mem.BIAS_BYTES), np.int8)
        self.written: Flags = np.zeros((mem.QUADRANTS, mem.BIAS_BYTES), np.bool_)
        self.version = 0

    def clear(self, quadrant: int, *, known: bool) -> None:
        """Zero the memory of a quadrant: on purpose (``known``), or because power was lost."""
        self.entries[quadrant] = 0
        self.written[quadrant] = known
        self.version += 1

    def store(self, quadrant: int, first: int, words: Words) -> None:
        """Write consecutive entries, one byte in each 32-bit word."""
        self.entries[quadrant, first : first + len(words)] = layouts.unpack_bias(words)
        self.written[quadrant, first : first + len(words)] = True
        self.version += 1

    def load(self, quadrant: int, entry: int) -> int:
        """Read an entry; the other bits are zero."""
        return int(self.entries[quadrant, entry]) & 0xFF


class Tram:
    """Row caches of the 64 processors: written and read back, without effect on the result.

    Attributes:
        entries: uint16 (64, 3072).
    """

    BITS = 16

    def __init__(self) -> None:
        """All zero."""
        self.entries: NDArray[np.uint16] = np.zeros((mem.PROCESSORS, mem.TRAM_ENTRIES), np.uint16)

    def clear(self, quadrant: int) -> None:
        """Zero the row caches of a quadrant."""
        first = quadrant * mem.PROCESSORS_PER_QUADRANT
        self.entries[first : first + mem.PROCESSORS_PER_QUADRANT] = 0

    def store(self, processor: int, first: int, words: Words) -> None:
        """Write consecutive entries."""
        self.entries[processor, first : first + len(words)] = words.astype(np.uint16)

    def store_bytes(self, processor: int, first_byte: int, values: Bytes) -> None:
        """Byte stores reach the two existing bytes of an entry; programs clear the TRAM so."""
        entries, lanes = np.divmod(first_byte + np.arange(len(values)), mem.WORD_BYTES)
        exist = lanes < self.BITS // 8
        halves = self.entries.view(np.uint8).reshape(mem.PROCESSORS, mem.TRAM_ENTRIES, -1)
        halves[processor, entries[exist], lanes[exist]] = values[exist]

    def load(self, processor: int, entry: int) -> int:
        """Read an entry; the other bits are zero."""
        return int(self.entries[processor, entry])


def data_words(buffer: Words | None) -> Words:
    """The sixteen data memories: a new array, or the caller's buffer after a check.

    Raises:
        ValueError: the buffer is not a C-contiguous uint32 array (16, 8192).
    """
    shape = (mem.DATA_MEMORIES, mem.DATA_WORDS)
    if buffer is None:
        return np.zeros(shape, np.uint32)
    if buffer.shape != shape or buffer.dtype != np.uint32 or not buffer.flags.c_contiguous:
        raise ValueError(
            f"the data memory must be a C-contiguous uint32 array {shape}, not "
            f"{buffer.dtype} {buffer.shape}"
        )
    return buffer
