"""What is written to the accelerator: ordered register writes and memory images, with origins."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import Plan
from mxdeploy.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One 32-bit register write.

    Attributes:
        address: bus address.
        value: the word.
        text: the register and its fields in words, e.g. ``RowCount(last_row=29, pad=1)``.
        origin: what it is for: a layer's name, or a step of the sequence.
    """

    address: int
    value: int
    text: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelImage:
    """A run of kernel words of one processor.

    Attributes:
        processor: 0..63.
        start_word: first 72-bit word.
        words: uint32 stores of the packed loader (most significant byte first, padded with
            zeros), as they go to the bus after the loader's address byte.
        kernel_words: number of 72-bit words.
        layers: names of the layers whose kernels lie in the run.
    """

    processor: int
    start_word: int
    words: Tensor
    kernel_words: int
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasImage:
    """Bias bytes of one quadrant: uint8 from ``start_byte`` on."""

    quadrant: int
    start_byte: int
    data: Tensor


@cache
def _registers() -> dict[int, type[Register]]:
    """Bus address -> register of the accelerator."""
    found: dict[int, type[Register]] = {cls.address(): cls for cls in reg.BLOCK_REGISTERS}
    for quadrant in range(mem.QUADRANTS):
        found |= {cls.address(quadrant): cls for cls in reg.QUADRANT_REGISTERS}
        for layered in (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS):
            found |= {layered.address(quadrant, n): layered for n in range(layered.count)}
    return found


class Phase(StrEnum):
    """Steps of the sequence that are register writes."""

    INIT = "init"
    CONFIGURE = "configure"
    START = "start"
    ACKNOWLEDGE = "acknowledge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Everything a host does to the accelerator, in order.

    power on, ``init``, kernels, biases, ``configure``, then for each inference: input data,
    ``start``, wait for the interrupt, ``acknowledge``, read the outputs.
    """

    plan: Plan
    init: tuple[Write, ...]
    kernels: tuple[KernelImage, ...]
    biases: tuple[BiasImage, ...]
    configure: tuple[Write, ...]
    start: tuple[Write, ...]
    acknowledge: tuple[Write, ...]

    def verify(self) -> None:
        """Check that writes and images lie in registers and memories of the chip.

        Raises:
            ValueError: an address is no register's, a word sets undeclared bits or differs from
                its text, or an image does not fit or overlaps another one.
        """
        self.plan.verify()
        for write in (*self.init, *self.configure, *self.start, *self.acknowledge):
            register = _registers().get(write.address)
            if register is None:
                raise ValueError(f"{write.origin}: 0x{write.address:08x} is no register")
            if str(register.decode(write.value)) != write.text:
                raise ValueError(f"{write.origin}: 0x{write.value:08x} is not {write.text}")
        self._verify_kernels()
        for bias in self.biases:
            mem.bias_address(bias.quadrant, bias.start_byte)
            mem.bias_address(bias.quadrant, bias.start_byte + bias.data.array.size - 1)

    def _verify_kernels(self) -> None:
        ends = dict.fromkeys(range(mem.PROCESSORS), 0)
        for image in self.kernels:
            end = image.start_word + image.kernel_words
            stores = -(-image.kernel_words * mem.KERNEL_WORD_BYTES // mem.WORD_BYTES)
            if not ends[image.processor] <= image.start_word < end <= mem.KERNEL_WORDS:
                raise ValueError(
                    f"kernels of processor {image.processor}: words {image.start_word}..{end - 1}"
                )
            if image.words.array.size != stores:
                raise ValueError(
                    f"kernels of processor {image.processor}: {image.words.array.size} stores for "
                    f"{image.kernel_words} words"
                )
            ends[image.processor] = end

    @property
    def digest(self) -> str:
        """SHA-256 over all addresses and words, hexadecimal."""
        state = hashlib.sha256()
        for phase in (self.init, self.configure, self.start, self.acknowledge):
            for write in phase:
                state.update(
                    write.address.to_bytes(4, "little") + write.value.to_bytes(4, "little")
                )
            state.update(b"|")
        for image in self.kernels:
            state.update(f"{image.processor}:{image.start_word}:{image.words.digest}".encode())
        for bias in self.biases:
            state.update(f"{bias.quadrant}:{bias.start_byte}:{bias.data.digest}".encode())
        return state.hexdigest()

    def to_text(self) -> str:
        """Stable text: every register write; memory images by size and digest."""
        lines = [f"program {self.plan.network.name} {self.digest}"]
        for name in (Phase.INIT, Phase.CONFIGURE, Phase.START, Phase.ACKNOWLEDGE):
            lines.append(f"{name}:")
            lines += [
                f"  0x{w.address:08x} 0x{w.value:08x} {w.text} # {w.origin}"
                for w in getattr(self, name)
            ]
        lines += [
            f"kernels processor {i.processor} words {i.start_word}+{i.kernel_words} "
            f"{i.words.digest[:16]}"
            for i in self.kernels
        ]
        lines += [
            f"bias quadrant {b.quadrant} bytes {b.start_byte}+{b.data.array.size} "
            f"{b.data.digest[:16]}"
            for b in self.biases
        ]
        return "\n".join(lines) + "\n"
