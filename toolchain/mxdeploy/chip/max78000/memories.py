"""Memories of the MAX78000 CNN accelerator: sizes, addresses and who reads what.

Sources: user guide chapter 27 (figure 27-3) and running programs; where they differ, programs win.
"""

from __future__ import annotations

WORD_BYTES = 4
"""Bytes of a bus word; data memory, biases, row caches and registers are reached in words."""
QUADRANTS = 4
PROCESSORS_PER_QUADRANT = 16
PROCESSORS = QUADRANTS * PROCESSORS_PER_QUADRANT
PROCESSORS_PER_MEMORY = 4
"""Four processors share one data memory; each owns one byte lane of its 32-bit words."""
DATA_MEMORIES = PROCESSORS // PROCESSORS_PER_MEMORY
LAYERS = 32
STREAMS = 8

CNN_BASE = 0x5000_0000
QUADRANT_BASE = 0x5010_0000
QUADRANT_STRIDE = 0x0040_0000

LAYER_REGISTERS_OFFSET = 0x10
LAYER_REGISTER_STRIDE = 0x80

BIAS_OFFSET = 0x8000
BIAS_BYTES = 512
"""Bias entries per quadrant, one byte in each 32-bit word."""

TRAM_OFFSET = 0x1_0000
TRAM_STRIDE = 0x4000
TRAM_ENTRIES = 3072

KERNEL_OFFSET = 0x8_0000
KERNEL_STRIDE = 0x4000
KERNEL_WORDS = 768
"""72-bit words of kernel memory per processor."""
KERNEL_WORD_BYTES = 9
KERNEL_WORD_STORES = 4
"""Stores per kernel word in the 128-bit view (mexpress = 0); the fourth executes the write."""
KERNEL_WORD_ADDRESS_BYTES = KERNEL_WORD_STORES * WORD_BYTES
"""Address bytes of a kernel word in the 128-bit view."""
KERNEL_BYTES = KERNEL_WORDS * KERNEL_WORD_BYTES
TOTAL_KERNEL_BYTES = PROCESSORS * KERNEL_BYTES

DATA_OFFSET = 0x30_0000
DATA_STRIDE = 0x8000
DATA_WORDS = 8192
DATA_BYTES = DATA_WORDS * WORD_BYTES
"""Bytes of one data memory (shared by four processors)."""
TOTAL_DATA_BYTES = DATA_MEMORIES * DATA_BYTES

FLASH_BASE = 0x1000_0000
FLASH_BYTES = 512 * 1024
FLASH_PAGE_BYTES = 8192
FLASH_WRITE_BYTES = 16
"""The flash controller writes 128 bits at a time, at a multiple of that."""
SRAM_BASE = 0x2000_0000
SRAM_BYTES = 128 * 1024


def quadrant_base(quadrant: int) -> int:
    """Bus address of quadrant 0..3."""
    if not 0 <= quadrant < QUADRANTS:
        raise ValueError(f"there are quadrants 0..{QUADRANTS - 1}, not {quadrant}")
    return QUADRANT_BASE + quadrant * QUADRANT_STRIDE


def _index(value: int, count: int, what: str) -> int:
    if not 0 <= value < count:
        raise ValueError(f"{what} {value} is outside 0..{count - 1}")
    return value


def _processor_base(processor: int, offset: int, stride: int) -> int:
    quadrant, local = divmod(_index(processor, PROCESSORS, "processor"), PROCESSORS_PER_QUADRANT)
    return quadrant_base(quadrant) + offset + local * stride


def bias_address(quadrant: int, entry: int) -> int:
    """Bus address of bias ``entry`` (0..511) of ``quadrant``."""
    return (
        quadrant_base(quadrant) + BIAS_OFFSET + WORD_BYTES * _index(entry, BIAS_BYTES, "bias entry")
    )


def tram_address(processor: int, entry: int) -> int:
    """Bus address of TRAM ``entry`` (0..3071) of ``processor`` (0..63)."""
    base = _processor_base(processor, TRAM_OFFSET, TRAM_STRIDE)
    return base + WORD_BYTES * _index(entry, TRAM_ENTRIES, "TRAM entry")


def kernel_address(processor: int, word: int = 0) -> int:
    """Bus address of kernel ``word`` (0..767) of ``processor`` in the 128-bit view."""
    base = _processor_base(processor, KERNEL_OFFSET, KERNEL_STRIDE)
    return base + KERNEL_WORD_ADDRESS_BYTES * _index(word, KERNEL_WORDS, "kernel word")


def kernel_loader_address(processor: int, word: int = 0) -> int:
    """Where a one-byte store of 1 points the packed loader at kernel ``word`` (mexpress = 1).

    The 32-bit stores that follow start at ``kernel_address(processor)``.
    """
    return kernel_address(processor) + WORD_BYTES * _index(word, KERNEL_WORDS, "kernel word") + 1


def data_address(memory: int, word: int = 0, lane: int = 0) -> int:
    """Bus address of byte ``lane`` of ``word`` (0..8191) in data ``memory`` (0..15)."""
    per_quadrant = DATA_MEMORIES // QUADRANTS
    quadrant, local = divmod(_index(memory, DATA_MEMORIES, "data memory"), per_quadrant)
    base = quadrant_base(quadrant) + DATA_OFFSET + local * DATA_STRIDE
    return base + WORD_BYTES * _index(word, DATA_WORDS, "word") + lane
