"""S-record files that the ROM bootloader surely takes.

One S0, S3 records of 16 bytes at multiples of 16 (flash is written 128 bits at a time), one S7; no
gaps, and nothing but flash addresses, because a record for RAM makes the loader fail.
"""

from __future__ import annotations

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.stages.s7_compile.images import ERASED, s_records


def srec_lines(address: int, data: bytes) -> tuple[bytes, ...]:
    """The file, line by line, each with its CR LF.

    Args:
        address: where in flash ``data`` goes.
        data: the content; its start and end are filled up to multiples of 16 with 0xFF.

    Raises:
        ValueError: nothing to write, or it does not lie in flash.
    """
    if not data:
        raise ValueError("there is nothing to write")
    before = address % mem.FLASH_WRITE_BYTES
    first, end = address - before, address + len(data)
    if first < mem.FLASH_BASE or end > mem.FLASH_BASE + mem.FLASH_BYTES:
        raise ValueError(f"0x{address:08x} and {len(data)} bytes do not lie in flash")
    fill = bytes([ERASED])
    padded = fill * before + data + fill * (-end % mem.FLASH_WRITE_BYTES)
    text = s_records(padded, first, first)
    return tuple(line.encode("ascii") + b"\r\n" for line in text.splitlines())


END_LINE = srec_lines(mem.FLASH_BASE, b"\0")[-1]
"""A line that ends a file, however it went so far; no command of the bootloader."""
