"""A powered accelerator and a short way to write programs for it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator

CONTROL = reg.Ctrl(clk_en=1, rdy_sel=0, mexpress=1)
PLAIN = reg.LayerControl0(master=1, maxpl_en=1, sramlsrc=1)


class Bench:
    """Writes programs register by register, as a driver would."""

    def __init__(self) -> None:
        self.accelerator = Accelerator()
        self.accelerator.power_on()

    def initialize(self, layers: int = 1, quadrants: Iterable[int] = (0,)) -> None:
        for quadrant in quadrants:
            self.put(CONTROL, quadrant)
            self.put(reg.LayerCountMax(lcnt=layers - 1), quadrant)

    def put(self, value: Register, quadrant: int = 0, layer: int | None = None) -> None:
        if isinstance(value, reg.BlockRegister):
            address = value.address()
        elif isinstance(value, reg.LayerRegister):
            address = value.address(quadrant, layer or 0)
        else:
            address = value.address(quadrant)
        self.accelerator.write(address, value.encode())

    def layer(
        self, number: int, values: Iterable[Register], quadrants: Iterable[int] = (0,)
    ) -> None:
        for quadrant in quadrants:
            for value in values:
                self.put(value, quadrant, number)

    def kernels(self, processor: int, words: list[list[int]], first: int = 0) -> None:
        """72-bit words, W[0] first, through the packed loader."""
        base = mem.kernel_address(processor)
        self.accelerator.write(base + 4 * first + 1, 1, 1)
        data = bytes(byte & 0xFF for word in words for byte in word)
        data += bytes(-len(data) % 4)
        for place in range(0, len(data), 4):
            value = int.from_bytes(data[place : place + 4], "big")
            self.accelerator.write(base + place, value)

    def start(self, quadrants: tuple[int, ...] = (0,), **mode: int) -> None:
        fields = {"clk_en": 1, "rdy_sel": 0, "mexpress": 1} | mode
        for quadrant in quadrants:
            value = reg.Ctrl(ext_sync_en=1, cnn_en=int(quadrant != 0), **fields)
            self.put(value, quadrant)
        self.put(reg.Ctrl(cnn_en=1, **fields), 0)

    def data(self, memory: int, first: int, words: Iterable[int]) -> None:
        for index, word in enumerate(words):
            self.accelerator.write(mem.data_address(memory, first + index), word & 0xFFFF_FFFF)

    def bytes_at(self, memory: int, first: int, count: int, lane: int = 0) -> list[int]:
        words = self.accelerator.read_block(mem.data_address(memory, first), count)
        return words.view(np.int8).reshape(-1, 4)[:, lane].tolist()


@pytest.fixture
def bench() -> Bench:
    """A powered accelerator."""
    return Bench()
