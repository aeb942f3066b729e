"""Flash memory of a chip, for tests of both sides of the bootloader."""

from __future__ import annotations

from mxdeploy.chip.max78000 import memories as mem

CELL_BYTES = 16


class MemoryFlash:
    """512 KB: pages of 8 KB are erased, 16 bytes are written, bits are only cleared."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content.ljust(mem.FLASH_BYTES, b"\xff"))
        self.erased: list[int] = []
        self.programmed = 0

    def read(self, address: int, size: int) -> bytes:
        offset = address - mem.FLASH_BASE
        assert 0 <= offset <= offset + size <= mem.FLASH_BYTES
        return bytes(self.content[offset : offset + size])

    def erase_page(self, address: int) -> None:
        offset = address - mem.FLASH_BASE
        assert offset in range(0, mem.FLASH_BYTES, mem.FLASH_PAGE_BYTES)
        self.content[offset : offset + mem.FLASH_PAGE_BYTES] = b"\xff" * mem.FLASH_PAGE_BYTES
        self.erased.append(address)

    def program(self, address: int, data: bytes) -> None:
        offset = address - mem.FLASH_BASE
        assert len(data) == CELL_BYTES
        assert offset in range(0, mem.FLASH_BYTES, CELL_BYTES)
        before = self.content[offset : offset + CELL_BYTES]
        self.content[offset : offset + CELL_BYTES] = bytes(
            a & b for a, b in zip(before, data, strict=True)
        )
        self.programmed += 1
