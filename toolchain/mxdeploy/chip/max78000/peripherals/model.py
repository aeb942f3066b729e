"""How peripherals are declared: registers of a block, instances of a block, interrupts, regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mxdeploy import text
from mxdeploy.chip.bits import Register

HEADERS = "device register headers; user guide"
"""Source of nearly all register tables of the microcontroller."""


class PeripheralRegister(Register):
    """A register of a peripheral block; each instance of the block has it."""

    block: ClassVar[str]
    offset: ClassVar[int]
    count: ClassVar[int]
    stride: ClassVar[int]
    access: ClassVar[str]

    def __init_subclass__(
        cls,
        *,
        block: str = "",
        offset: int = -1,
        count: int = 1,
        stride: int = 4,
        access: str = "rw",
        source: str = HEADERS,
        **kwargs: str,
    ) -> None:
        """Record the place in the block; ``count`` registers lie ``stride`` bytes apart."""
        super().__init_subclass__(source=source, **kwargs)
        cls.block = block
        cls.offset = offset
        cls.count = count
        cls.stride = stride
        cls.access = access

    @classmethod
    def address(cls, base: int, index: int = 0) -> int:
        """Bus address in the instance at ``base``; ``index`` counts repeated registers."""
        if not 0 <= index < cls.count:
            there = text.count(cls.count, "time")
            raise ValueError(f"{cls.mnemonic} exists {there}, not at {index}")
        return base + cls.offset + index * cls.stride


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A kind of peripheral.

    Attributes:
        name: as in the user guide.
        title: what it is.
        registers: its registers; empty when they are not described here.
    """

    name: str
    title: str
    registers: tuple[type[PeripheralRegister], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A peripheral at its address.

    Attributes:
        name: as in the user guide, e.g. UART0.
        block: name of its Block.
        base: first bus address.
        size_bytes: length of its address window.
    """

    name: str
    block: str
    base: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt:
    """An interrupt line.

    Attributes:
        name: source.
        number: NVIC number of the Arm core.
        riscv_number: line of the RISC-V core, None where it has none.
    """

    name: str
    number: int
    riscv_number: int | None = None

    @property
    def vector(self) -> int:
        """Exception number of the Arm core."""
        return self.number + 16

    @property
    def vector_offset(self) -> int:
        """Byte offset of its entry in the vector table."""
        return 4 * self.vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A memory, or a window of the address map, that is not a peripheral.

    Attributes:
        name: short name.
        base: first address.
        size_bytes: length.
        kind: ``rom``, ``flash``, ``sram``, ``alias`` or ``window``.
        text: what it is.
    """

    name: str
    base: int
    size_bytes: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """What lies at an address of a peripheral.

    Attributes:
        instance: the peripheral.
        offset: byte offset in it.
        register: the register, None when none is described there.
        index: number of a repeated register.
    """

    instance: Instance
    offset: int
    register: type[PeripheralRegister] | None
    index: int = 0
