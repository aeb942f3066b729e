"""Where the accelerator's registers lie: per quadrant, per layer, per stream, or once."""

from __future__ import annotations

from typing import ClassVar

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem


class QuadrantRegister(Register):
    """A register that exists once in each quadrant."""

    offset: ClassVar[int]

    def __init_subclass__(cls, *, offset: int = -1, **kwargs: str) -> None:
        """Record the byte offset from the quadrant's base."""
        super().__init_subclass__(**kwargs)
        cls.offset = offset

    @classmethod
    def address(cls, quadrant: int) -> int:
        """Bus address of this register in ``quadrant`` (0..3)."""
        return mem.quadrant_base(quadrant) + cls.offset


class LayerRegister(Register):
    """A register that exists for each quadrant and each of the 32 hardware layers."""

    index: ClassVar[int]
    count: ClassVar[int] = mem.LAYERS

    def __init_subclass__(cls, *, index: int = -1, **kwargs: str) -> None:
        """Record the number of the register's 128-byte block."""
        super().__init_subclass__(**kwargs)
        cls.index = index

    @classmethod
    def offset_of(cls, layer: int) -> int:
        """Byte offset from the quadrant's base for ``layer``."""
        if not 0 <= layer < cls.count:
            raise ValueError(f"{cls.__name__} exists for layers 0..{cls.count - 1}, not {layer}")
        first = mem.LAYER_REGISTERS_OFFSET + cls.index * mem.LAYER_REGISTER_STRIDE
        return first + mem.WORD_BYTES * layer

    @classmethod
    def address(cls, quadrant: int, layer: int) -> int:
        """Bus address for ``quadrant`` (0..3) and ``layer`` (0..31, streams 0..7)."""
        return mem.quadrant_base(quadrant) + cls.offset_of(layer)


class StreamRegister(LayerRegister):
    """A register that exists for each quadrant and each of the first eight layers (streams)."""

    count: ClassVar[int] = mem.STREAMS


class BlockRegister(Register):
    """A register that exists once for the whole accelerator."""

    fixed_address: ClassVar[int]

    def __init_subclass__(cls, *, address: int = -1, **kwargs: str) -> None:
        """Record the absolute bus address."""
        super().__init_subclass__(**kwargs)
        cls.fixed_address = address

    @classmethod
    def address(cls) -> int:
        """Bus address."""
        return cls.fixed_address
