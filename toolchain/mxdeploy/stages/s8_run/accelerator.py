"""The second of the three machines: a program on the register-level accelerator model.

Everything goes over the model's bus, in the order in which the firmware does it; the model never
sees the network. Only the names and the channel order of its results come from the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.emulator.accelerator import Accelerator, LayerResult
from mxdeploy.ir.host_input import InputWords, input_words
from mxdeploy.ir.plan import DataOrder, LayerPlan, Region
from mxdeploy.ir.program import KernelImage, Program, Write
from mxdeploy.ir.result import RunResult
from mxdeploy.ir.tensor import Tensor

_LOADER_SET_ADDRESS = 1
_ALL_QUADRANTS = (1 << mem.QUADRANTS) - 1
IntArray = NDArray[np.int8] | NDArray[np.int32]


class AcceleratorMachine:
    """An accelerator with a program's weights and configuration loaded, for any number of inputs.

    Quadrants that the program does not use stay without power.

    Args:
        program: what the accelerator is told.
        lenient: ignore undeclared bits and addresses, as the chip does, instead of raising.

    Raises:
        AcceleratorAccessError: the program writes where nothing is.
    """

    def __init__(self, program: Program, *, lenient: bool = False) -> None:
        """Switch on, initialise, load kernels and biases, configure."""
        self._program = program
        self._plan = program.plan
        self._accelerator = Accelerator(lenient=lenient, strict=not lenient)
        self._power_on()
        self._write_all(program.init)
        for image in program.kernels:
            self._load(image)
        for bias in program.biases:
            address = mem.bias_address(bias.quadrant, bias.start_byte)
            words = bias.data.array.astype(np.uint32)
            self._accelerator.write_block(address, words, mem.WORD_BYTES)
        self._write_all(program.configure)

    def run(self, x: NDArray[np.int8]) -> RunResult:
        """One inference.

        Args:
            x: int8 (C, H, W), the network's input as the chip gets it.

        Returns:
            Every layer's tensor, the outputs as read back from data memory, and cycles.

        Raises:
            ValueError: wrong type or shape.
            NotModelledError: the program uses what the model does not know.
        """
        stores = input_words(self._plan, x)
        if not self._plan.fifo:
            self._write_input(stores)
        self._write_all(self._program.start)
        if self._plan.fifo:
            self._write_input(stores)
        self._accelerator.complete()
        time = self._accelerator.time
        if time is None or not self._accelerator.interrupt:
            raise RuntimeError("the accelerator did not run to its end; is a start missing?")
        self._write_all(self._program.acknowledge)
        results = self._accelerator.layers
        return RunResult(
            machine="accelerator",
            layers=tuple(
                (placed.output.value, Tensor(self._tensor(placed, result)))
                for placed, result in zip(self._plan.layers, results, strict=True)
            ),
            outputs=tuple((r.value, Tensor(self._read(r))) for r in self._plan.outputs),
            layer_cycles=tuple(result.cycles for result in results),
            cycles=time.cycles,
        )

    def _power_on(self) -> None:
        """Only the quadrants in use: reset, power, release of isolation and reset, clock."""
        used = sum(1 << quadrant for quadrant in self._plan.quadrants)
        isolated = _ALL_QUADRANTS & ~used
        for reset, clock in ((_ALL_QUADRANTS, False), (0, True)):
            self._accelerator.set_power(
                power=used, ram=used, isolation=isolated, reset=reset, clock=clock
            )

    def _write_input(self, stores: Iterable[InputWords]) -> None:
        for store in stores:
            self._accelerator.write_block(store.address, store.words, store.step_bytes)

    def _write_all(self, writes: Iterable[Write]) -> None:
        for write in writes:
            self._accelerator.write(write.address, write.value)

    def _load(self, image: KernelImage) -> None:
        loader = mem.kernel_loader_address(image.processor, image.start_word)
        self._accelerator.write(loader, _LOADER_SET_ADDRESS, size=1)
        words = image.words.array.astype(np.uint32)
        self._accelerator.write_block(mem.kernel_address(image.processor), words, mem.WORD_BYTES)

    def _tensor(self, placed: LayerPlan, result: LayerResult) -> IntArray:
        """A layer's result with its channels in order, without dummy slots."""
        shape = self._plan.network.value(placed.output.value).shape
        output = result.output
        if placed.kernels is None:
            # Where the passes of a pixel were read as further pixels, they follow each other.
            by_pixel = output.reshape(len(output), shape[1] * shape[2], -1)
            by_pass: IntArray = by_pixel.transpose(2, 0, 1).reshape(-1, *shape[1:])
            return by_pass[: shape[0]]
        return output[layouts.output_slots(shape[0], placed.output.processors)].reshape(shape)

    def _read(self, region: Region) -> IntArray:
        """A tensor, read word by word from the data memories."""
        shape = self._plan.network.value(region.value).shape
        kind = _layout(region)
        end = layouts.end_bytes(
            shape[0],
            shape[1] * shape[2],
            processors=region.processors,
            offset_bytes=region.offset_bytes,
            gap=region.gap,
            kind=kind,
        )
        first, last = region.offset_bytes // mem.WORD_BYTES, end // mem.WORD_BYTES
        memory = np.zeros((mem.DATA_MEMORIES, mem.DATA_WORDS), np.uint32)
        for number in {
            p // mem.PROCESSORS_PER_MEMORY for p in layouts.processor_list(region.processors)
        }:
            address = mem.data_address(number, first)
            memory[number, first:last] = self._accelerator.read_block(address, last - first)
        place = {"processors": region.processors, "offset_bytes": region.offset_bytes}
        if kind == "chw":
            return layouts.unpack_chw(memory, shape, **place)
        if kind == "wide":
            return layouts.unpack_wide(memory, shape, **place, gap=region.gap)
        return layouts.unpack_hwc(memory, shape, **place, gap=region.gap)


def _layout(region: Region) -> Literal["hwc", "chw", "wide"]:
    if region.order is DataOrder.CHW:
        return "chw"
    return "wide" if region.is_wide else "hwc"
