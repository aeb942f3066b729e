"""Flash images: plain binary, Intel HEX and Motorola S-records.

All three hold the same bytes: from the first to the last byte that is loaded, gaps filled with the
value of erased flash, padded to whole 128-bit words (what the flash controller writes). Records
hold 16 bytes and start at multiples of 16, which also suits the ROM's loader.
"""

from __future__ import annotations

from collections.abc import Iterator

from mxdeploy.chip.max78000.memories import FLASH_WRITE_BYTES
from mxdeploy.stages.s7_compile.elf import Elf

ERASED = 0xFF
_HEX_DATA, _HEX_END, _HEX_UPPER, _HEX_START = 0, 1, 4, 5


def flash_image(elf: Elf, base: int, limit_bytes: int) -> bytes:
    """The flash content from ``base`` on.

    Raises:
        ValueError: something would be loaded outside ``base`` .. ``base + limit_bytes``.
    """
    loaded = [s for s in elf.segments if s.content]
    end = max((s.load_address + len(s.content) for s in loaded), default=base)
    if any(s.load_address < base for s in loaded) or end > base + limit_bytes:
        raise ValueError(f"the program loads outside the flash memory at 0x{base:08x}")
    padded = -(-(end - base) // FLASH_WRITE_BYTES) * FLASH_WRITE_BYTES
    image = bytearray([ERASED]) * padded
    for segment in loaded:
        start = segment.load_address - base
        image[start : start + len(segment.content)] = segment.content
    return bytes(image)


def intel_hex(image: bytes, base: int, entry: int) -> str:
    """Intel HEX with 32-bit addresses."""
    lines, upper = [], None
    for address, data in _records(image, base):
        if address >> 16 != upper:
            upper = address >> 16
            lines.append(_hex_record(_HEX_UPPER, 0, upper.to_bytes(2, "big")))
        lines.append(_hex_record(_HEX_DATA, address & 0xFFFF, data))
    lines.append(_hex_record(_HEX_START, 0, entry.to_bytes(4, "big")))
    lines.append(_hex_record(_HEX_END, 0, b""))
    return "\n".join(lines) + "\n"


def s_records(image: bytes, base: int, entry: int, title: str = "mxdeploy") -> str:
    """Motorola S-records: S0, S3 with 32-bit addresses, S7."""
    lines = [_s_record("0", (0).to_bytes(2, "big"), title.encode("ascii"))]
    lines += [_s_record("3", a.to_bytes(4, "big"), data) for a, data in _records(image, base)]
    lines.append(_s_record("7", entry.to_bytes(4, "big"), b""))
    return "\n".join(lines) + "\n"


def _records(image: bytes, base: int) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(image), FLASH_WRITE_BYTES):
        yield base + start, image[start : start + FLASH_WRITE_BYTES]


def _hex_record(kind: int, address: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return f":{body.hex()}{-sum(body) & 0xFF:02x}".upper()


def _s_record(kind: str, address: bytes, data: bytes) -> str:
    body = bytes([len(address) + len(data) + 1]) + address + data
    return f"S{kind}{body.hex()}{~sum(body) & 0xFF:02x}".upper()
