"""Data memory: where a channel and a pixel lie, and tensors packed into memory images and back.

Channel ``c`` is in pass ``c // n`` on the ``c % n``-th set bit of the 64-bit processor mask, with
``n`` the number of set bits. Processor ``P`` reads byte lane ``P & 3`` of data memory ``P >> 2``. A
memory image is a uint32 array ``(16, 8192)``: sixteen data memories of 8192 words.

``gap`` is the number of words left free between a tensor's words: 0 normally, ``N - 1`` for an
operand of an N-operand element-wise layer (operand ``k`` then lies at ``offset_bytes + 4 * k``).
Pixels are in row order; a 1-D tensor ``[C, L]`` is one pixel per time step.

Sources: running programs (byte order, HWC, CHW, passes, 32-bit words: confirmed on silicon; gaps:
recorded programs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import memories as mem

LANES = mem.PROCESSORS_PER_MEMORY
"""Bytes of a word of data memory, one for each of the four processors that share it."""
Words = npt.NDArray[np.uint32]
Index = npt.NDArray[np.intp]
IMAGE_SHAPE = (mem.DATA_MEMORIES, mem.DATA_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryImage:
    """What a tensor puts into the data memories.

    Attributes:
        words: uint32 ``(16, 8192)``, zero where nothing is written.
        mask: uint32 ``(16, 8192)``, ones in the bits that belong to the tensor.
    """

    words: Words
    mask: Words

    def merged_into(self, memory: Words) -> Words:
        """A copy of ``memory`` with this image's bits in place."""
        return (memory & ~self.mask) | self.words

    def __or__(self, other: MemoryImage) -> MemoryImage:
        """Both images; they must not share bits."""
        if bool((self.mask & other.mask).any()):
            raise ValueError("the two memory images overlap")
        return MemoryImage(words=self.words | other.words, mask=self.mask | other.mask)

    def runs(self) -> tuple[tuple[int, Words], ...]:
        """The words that are written, as ``(bus address, words)`` of consecutive words."""
        found: list[tuple[int, Words]] = []
        for memory in np.flatnonzero(self.mask.any(axis=1)).tolist():
            used = np.flatnonzero(self.mask[memory])
            cuts = np.flatnonzero(np.diff(used) != 1) + 1
            found += [
                (mem.data_address(memory, int(part[0])), self.words[memory, part])
                for part in np.split(used, cuts)
            ]
        return tuple(found)


def processor_list(processors: int) -> tuple[int, ...]:
    """Numbers of the set bits of a 64-bit processor mask, ascending."""
    if not 0 < processors < 1 << mem.PROCESSORS:
        raise ValueError(f"processor mask {processors:#x} is empty or has more than 64 bits")
    return tuple(p for p in range(mem.PROCESSORS) if processors >> p & 1)


def processor_mask(numbers: tuple[int, ...]) -> int:
    """The 64-bit mask with these processors' bits set."""
    return sum(1 << p for p in set(numbers))


def channel_location(channel: int, processors: int) -> tuple[int, int]:
    """``(pass, processor)`` of a channel."""
    order = processor_list(processors)
    pass_number, ordinal = divmod(channel, len(order))
    return pass_number, order[ordinal]


def channel_locations(channels: int, processors: int) -> tuple[Index, Index]:
    """``(pass, processor)`` of channels 0 .. ``channels - 1``, two arrays ``[channels]``."""
    order = np.array(processor_list(processors), dtype=np.intp)
    number = np.arange(channels, dtype=np.intp)
    return number // len(order), order[number % len(order)]


def expansion(channels: int, processors: int) -> int:
    """Passes that ``channels`` take on these processors."""
    return -(-channels // len(processor_list(processors)))


def first_column(processors: int) -> int:
    """The aligned-down first processor of an output mask: column 0 of the output slots."""
    return processor_list(processors)[0] // LANES * LANES


def output_columns(processors: int) -> int:
    """Columns of the output slots: last processor - aligned first processor + 1."""
    return processor_list(processors)[-1] - first_column(processors) + 1


def output_slots(channels: int, processors: int) -> Index:
    """Output slot of each output channel: ``pass * columns + column``, array ``[channels]``.

    Slots that belong to no channel (unaligned first processor, holes, a ragged last pass) hold
    zero kernels and zero biases.
    """
    passes, places = channel_locations(channels, processors)
    slots: Index = passes * output_columns(processors) + (places - first_column(processors))
    return slots


def write_words(  # noqa: PLR0913 - one argument per register of the write pointer
    *,
    base: int,
    mask_offset: int,
    channel_offset: int,
    increment: int,
    columns: int,
    slots: int,
    pixels: int,
    wide: bool = False,
) -> Index:
    """Word addresses a convolution writes, by the equation of the write pointer.

    Args:
        base: WPTR_BASE, 17-bit word address (``memory * 8192 + word``).
        mask_offset: WPTR_MOFF, words per group of four columns.
        channel_offset: WPTR_CHOFF, words per output pass.
        increment: LCTRL1.wptr_inc.
        columns: LCTRL1.xpch_max / weight bits + 1.
        slots: output slots of all passes.
        pixels: output pixels.
        wide: 32-bit output (four words per group and pixel).

    Returns:
        Word addresses ``[slots, pixels]``; for 8-bit output the byte lane is ``column & 3``. They
        are not wrapped: an address of 2**17 or more lies outside all memories.
    """
    slot = np.arange(slots, dtype=np.intp)
    output_pass, column = np.divmod(slot, columns)
    start = base + (column >> 2) * mask_offset + output_pass * channel_offset
    if wide:
        start = start + (column & 3)
    step = (LANES if wide else 1) * (1 + increment)
    words: Index = start[:, None] + np.arange(pixels, dtype=np.intp) * step
    return words


def passthrough_words(
    *,
    base: int,
    time_slot_offset: int,
    increment: int,
    time_slots: int,
    passes: int,
    pixels: int,
) -> Index:
    """Word addresses one quadrant writes in pass-through, ``[time slots, passes, pixels]``.

    A quadrant packs its own enabled processors in ascending order, four per time slot (word).

    Args:
        base: the quadrant's WPTR_BASE.
        time_slot_offset: WPTR_TOFF.
        increment: LCTRL1.wptr_inc.
        time_slots: enabled processors of the quadrant divided by four, rounded up.
        passes: input (= output) passes.
        pixels: output pixels.
    """
    slot = np.arange(time_slots, dtype=np.intp)[:, None, None]
    index = np.arange(pixels, dtype=np.intp) * passes
    word = index[None, :] + np.arange(passes, dtype=np.intp)[:, None]
    return base + slot * time_slot_offset + word * (1 + increment)


def pack_hwc(
    tensor: npt.NDArray[np.integer], *, processors: int, offset_bytes: int, gap: int = 0
) -> MemoryImage:
    """An 8-bit tensor with four channels of one pixel per word (HWC, "little data").

    The word of pixel ``p`` and pass ``e`` is ``offset_bytes / 4 + (p * passes + e) * (gap + 1)``.

    Args:
        tensor: integers -128..127, ``[C, H, W]`` or ``[C, L]``.
        processors: 64-bit mask.
        offset_bytes: first byte inside each data memory, multiple of 4.
        gap: words left free between the tensor's words.

    Raises:
        ValueError: values out of range, or the tensor passes the end of a data memory.
    """
    return _pack_bytes(tensor, _hwc(tensor.shape, processors, offset_bytes, gap))


def unpack_hwc(
    memory: Words, shape: tuple[int, ...], *, processors: int, offset_bytes: int, gap: int = 0
) -> npt.NDArray[np.int8]:
    """Read an 8-bit HWC tensor of ``shape`` from data memories uint32 ``(16, 8192)``."""
    place = _hwc(shape, processors, offset_bytes, gap)
    return _bytes_of(memory)[place].view(np.int8).reshape(shape)


def pack_chw(tensor: npt.NDArray[np.integer], *, processors: int, offset_bytes: int) -> MemoryImage:
    """An 8-bit tensor with four pixels of one channel per word (CHW, "big data"; first layer).

    Byte ``p`` of a channel lies in word ``offset_bytes / 4 + (p // 4) * passes + e``, lane
    ``p % 4``. Each processor must be the first one of its data memory.
    """
    return _pack_bytes(tensor, _chw(tensor.shape, processors, offset_bytes))


def unpack_chw(
    memory: Words, shape: tuple[int, ...], *, processors: int, offset_bytes: int
) -> npt.NDArray[np.int8]:
    """Read an 8-bit CHW tensor of ``shape`` from data memories uint32 ``(16, 8192)``."""
    place = _chw(shape, processors, offset_bytes)
    return _bytes_of(memory)[place].view(np.int8).reshape(shape)


def pack_wide(
    tensor: npt.NDArray[np.integer], *, processors: int, offset_bytes: int, gap: int = 0
) -> MemoryImage:
    """A 32-bit tensor as a layer writes it: one word per channel, four words per group and pixel.

    The word of pixel ``p``, pass ``e`` and lane ``b`` is
    ``offset_bytes / 4 + (p * passes + e) * 4 * (gap + 1) + b``.
    """
    memory, word = _wide(tensor.shape, processors, offset_bytes, gap)
    words, mask = np.zeros(IMAGE_SHAPE, np.uint32), np.zeros(IMAGE_SHAPE, np.uint32)
    values = tensor.astype(np.int32).view(np.uint32).reshape(tensor.shape[0], -1)
    words[memory, word], mask[memory, word] = values, 0xFFFF_FFFF
    return MemoryImage(words=words, mask=mask)


def unpack_wide(
    memory: Words, shape: tuple[int, ...], *, processors: int, offset_bytes: int, gap: int = 0
) -> npt.NDArray[np.int32]:
    """Read a 32-bit tensor of ``shape`` from data memories uint32 ``(16, 8192)``."""
    return memory[_wide(shape, processors, offset_bytes, gap)].view(np.int32).reshape(shape)


def end_bytes(
    channels: int,
    pixels: int,
    *,
    processors: int,
    offset_bytes: int,
    gap: int = 0,
    kind: Literal["hwc", "chw", "wide"] = "hwc",
) -> int:
    """Byte after the last one a tensor reserves in a data memory (free gap words included)."""
    passes = expansion(channels, processors)
    if kind == "chw":
        return offset_bytes + -(-pixels // LANES) * passes * mem.WORD_BYTES
    words = pixels * passes * (gap + 1) * (LANES if kind == "wide" else 1)
    return offset_bytes + words * mem.WORD_BYTES


def _pixels(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape[1:], dtype=np.int64))


def _hwc(
    shape: tuple[int, ...], processors: int, offset_bytes: int, gap: int
) -> tuple[Index, Index, Index]:
    """Data memory, word and lane of every element, broadcastable to ``[C, pixels]``."""
    passes, place = channel_locations(shape[0], processors)
    step = expansion(shape[0], processors) * (gap + 1)
    pixel = np.arange(_pixels(shape), dtype=np.intp)
    word = _first_word(offset_bytes) + pixel * step + (passes * (gap + 1))[:, None]
    _check_end(word)
    return (place // LANES)[:, None], word, (place % LANES)[:, None]


def _chw(shape: tuple[int, ...], processors: int, offset_bytes: int) -> tuple[Index, Index, Index]:
    if any(p % LANES for p in processor_list(processors)):
        raise ValueError(
            f"CHW data need the first processor of each data memory, not {processors:#x}"
        )
    passes, place = channel_locations(shape[0], processors)
    pixel = np.arange(_pixels(shape), dtype=np.intp)
    word = pixel // LANES * expansion(shape[0], processors) + passes[:, None]
    word += _first_word(offset_bytes)
    _check_end(word)
    return (place // LANES)[:, None], word, np.broadcast_to(pixel % LANES, word.shape)


def _wide(
    shape: tuple[int, ...], processors: int, offset_bytes: int, gap: int
) -> tuple[Index, Index]:
    passes, place = channel_locations(shape[0], processors)
    pixel = np.arange(_pixels(shape), dtype=np.intp)
    group = pixel * expansion(shape[0], processors) + passes[:, None]
    word = _first_word(offset_bytes) + group * (LANES * (gap + 1)) + (place % LANES)[:, None]
    _check_end(word)
    return (place // LANES)[:, None], word


def _pack_bytes(tensor: npt.NDArray[np.integer], place: tuple[Index, Index, Index]) -> MemoryImage:
    if tensor.size and (int(tensor.min()) < -128 or int(tensor.max()) > 127):  # noqa: PLR2004
        raise ValueError(f"data {int(tensor.min())}..{int(tensor.max())} do not fit signed bytes")
    data = np.zeros((*IMAGE_SHAPE, LANES), np.uint8)
    mask = np.zeros_like(data)
    data[place] = tensor.astype(np.int8).view(np.uint8).reshape(tensor.shape[0], -1)
    mask[place] = 0xFF
    return MemoryImage(words=_words_of(data), mask=_words_of(mask))


def _bytes_of(memory: Words) -> npt.NDArray[np.uint8]:
    """Little-endian bytes ``[..., 4]`` of words."""
    data = np.ascontiguousarray(memory, dtype="<u4").view(np.uint8)
    return data.reshape(*memory.shape, LANES)


def _words_of(data: npt.NDArray[np.uint8]) -> Words:
    return np.ascontiguousarray(data).view("<u4").reshape(data.shape[:-1]).astype(np.uint32)


def _first_word(offset_bytes: int) -> int:
    if offset_bytes % mem.WORD_BYTES or not 0 <= offset_bytes < mem.DATA_BYTES:
        raise ValueError(
            f"offset {offset_bytes:#x} is not a multiple of {mem.WORD_BYTES} in "
            f"0..{mem.DATA_BYTES - mem.WORD_BYTES:#x}"
        )
    return offset_bytes // mem.WORD_BYTES


def _check_end(word: Index) -> None:
    if word.size and int(word.max()) >= mem.DATA_WORDS:
        raise ValueError(
            f"word {int(word.max())} lies behind the {mem.DATA_WORDS} words of a data memory"
        )
