"""All memories of the accelerator behind their places on the bus."""

from __future__ import annotations

import logging

import numpy as np

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.accelerator.addresses import Place, Region
from mxdeploy.emulator.accelerator.errors import (
    loader_overrun,
    undeclared_memory_bits,
    wrong_access,
)
from mxdeploy.emulator.accelerator.memory import (
    ALL_LANES,
    BiasMemory,
    Bytes,
    KernelMemory,
    Tram,
    Words,
    data_words,
)

_log = logging.getLogger(__name__)


class Memories:
    """Data, kernel and bias memories and row caches of the four quadrants.

    Attributes:
        data: uint32 (16, 8192).
        lanes: uint8 (16, 8192), one bit for each byte of ``data`` that was written or zeroed since
            power-up; None when others write to the data memory as well, unseen.
        kernels: kernel memories.
        biases: bias memories.
        tram: row caches.
    """

    def __init__(self, *, lenient: bool, data: Words | None) -> None:
        """All zero, or with the caller's data memory."""
        self._lenient = lenient
        self.data: Words = data_words(data)
        self.lanes: Bytes | None = None if data is not None else np.zeros(self.data.shape, np.uint8)
        self.kernels = KernelMemory()
        self.biases = BiasMemory()
        self.tram = Tram()
        self._by_quadrant = self.data.reshape(mem.QUADRANTS, -1)

    def lose(self, quadrant: int) -> None:
        """A quadrant's power is gone: its memories hold nothing (the model takes zeros)."""
        self.clear_data(quadrant, known=False)
        self.kernels.clear(quadrant, known=False)
        self.biases.clear(quadrant, known=False)
        self.tram.clear(quadrant)

    def clear_data(self, quadrant: int, *, known: bool) -> None:
        """Zero a quadrant's data memories: on purpose (``known``), or because power was lost."""
        self._by_quadrant[quadrant] = 0
        if self.lanes is not None:
            self.lanes.reshape(mem.QUADRANTS, -1)[quadrant] = ALL_LANES if known else 0

    def store(self, address: int, place: Place, values: Words, *, mexpress: bool) -> None:
        """32-bit stores at consecutive addresses from ``place`` on, inside one memory.

        Args:
            address: bus address of the first one.
            place: its place.
            values: one word per store.
            mexpress: the packed kernel loader is on (CTRL.mexpress of the quadrant).
        """
        entry = place.offset_bytes // mem.WORD_BYTES
        if place.region is Region.DATA:
            self._by_quadrant[place.quadrant, entry : entry + len(values)] = values
            if self.lanes is not None:
                lanes = self.lanes.reshape(mem.QUADRANTS, -1)
                lanes[place.quadrant, entry : entry + len(values)] = ALL_LANES
        elif place.region is Region.BIAS:
            self._check_bits(address, values, BiasMemory.BITS)
            self.biases.store(place.quadrant, entry, values)
        elif place.region is Region.TRAM:
            self._check_bits(address, values, Tram.BITS)
            self.tram.store(place.unit, entry, values)
        elif mexpress:
            self.load_kernels(address, place, values.astype(">u4").tobytes())
        else:
            self.kernels.store_wide(place.unit, entry, values)

    def load_kernels(self, address: int, place: Place, data: bytes) -> None:
        """Stores of the packed kernel loader, most significant byte first."""
        try:
            self.kernels.store_packed(place.unit, data)
        except ValueError as error:
            raise loader_overrun(address, str(error)) from error

    def store_bytes(self, address: int, place: Place, values: Bytes, *, mexpress: bool) -> None:
        """One-byte stores at consecutive addresses: TRAM, or the kernel loader's address."""
        if place.region is Region.TRAM:
            self.tram.store_bytes(place.unit, place.offset_bytes, values)
            return
        word, low = divmod(place.offset_bytes, mem.WORD_BYTES)
        loader = place.region is Region.KERNEL and mexpress and low == 1
        if not loader or word >= mem.KERNEL_WORDS or len(values) != 1:
            raise wrong_access(address, 1, f"store to the {place.region.value}")
        self.kernels.set_address(place.unit, word)

    def load(self, place: Place) -> int:
        """A 32-bit load from a memory."""
        entry = place.offset_bytes // mem.WORD_BYTES
        if place.region is Region.DATA:
            return int(self._by_quadrant[place.quadrant, entry])
        if place.region is Region.KERNEL:
            return self.kernels.load(place.unit, entry)
        if place.region is Region.BIAS:
            return self.biases.load(place.quadrant, entry)
        return self.tram.load(place.unit, entry)

    def load_data(self, place: Place, count: int) -> Words | None:
        """``count`` words of data memory; None when they leave the quadrant."""
        first = place.offset_bytes // mem.WORD_BYTES
        if first + count > self._by_quadrant.shape[1]:
            return None
        return self._by_quadrant[place.quadrant, first : first + count].copy()

    def _check_bits(self, address: int, values: Words, bits: int) -> None:
        """Entries must not have more bits than the memory."""
        excess = np.flatnonzero(values >> np.uint32(bits))
        if not excess.size:
            return
        index = int(excess[0])
        error = undeclared_memory_bits(address + index * mem.WORD_BYTES, int(values[index]), bits)
        if not self._lenient:
            raise error
        _log.warning("%s (ignored)", error)
