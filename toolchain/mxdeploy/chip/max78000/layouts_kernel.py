"""Kernel and bias memory: from integer kernels to the words on the bus, and back.

The kernel memory of a processor is a *stream* of bytes: stream byte ``B`` is ``W[8 - B % 9]`` of
the 72-bit word ``B // 9``, where ``W[0]`` are the word's most significant eight bits. A layer reads
its kernels by the mask counter ``m = S + (slot * passes + pass) * q`` (``S`` = MCNT.SAD, ``q`` =
weight bits): kernel number ``m >> 3``, bit ``m & 7``, element ``K - 1 - j`` in stream byte
``(m >> 3) * K + ONED_SAD + j``.

All functions take any number of leading axes (usually one: the processors). Sources: running
programs; the reversed element order and the order of slots and passes are confirmed on silicon
for 8-bit kernels, the narrow widths by recorded programs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.text import count

BYTE_BITS = 8
WEIGHT_BITS = (8, 4, 2, 1)
BIAS_FACTOR = 128
"""A bias enters the accumulator times 128 (shifted left by seven), whatever the weight width."""

Bytes = npt.NDArray[np.uint8]
Stores = npt.NDArray[np.uint32]
Kernels = npt.NDArray[np.int8]


def start_kernel(kernel_offset: int, kernel_elements: int) -> tuple[int, int]:
    """Where a layer whose kernels begin at word ``kernel_offset`` starts to read.

    Args:
        kernel_offset: first 72-bit word, 0..767.
        kernel_elements: K: 9 for 3x3, 1 for 1x1, the length for 1-D.

    Returns:
        ``(start, oned_sad)``: the number of the first kernel (``MCNT.SAD = 8 * start``) and the
        remaining bytes (``ONED.oned_sad``).
    """
    return divmod(kernel_offset * mem.KERNEL_WORD_BYTES, kernel_elements)


def kernel_stream_bytes(kernels: int, kernel_elements: int, weight_bits: int) -> int:
    """Stream bytes of one processor for ``kernels`` (slots * passes) of ``kernel_elements``."""
    _check_weight_bits(weight_bits)
    return -(-kernels * weight_bits // BYTE_BITS) * kernel_elements


def kernel_words(kernels: int, kernel_elements: int, weight_bits: int) -> int:
    """72-bit words of one processor for ``kernels`` (slots * passes) of ``kernel_elements``."""
    return -(-kernel_stream_bytes(kernels, kernel_elements, weight_bits) // mem.KERNEL_WORD_BYTES)


def pack_kernels(kernels: npt.NDArray[np.integer], weight_bits: int) -> Bytes:
    """Kernels as the stream bytes that hold them, from the layer's first word on.

    Args:
        kernels: integers ``[..., slots, passes, K]``, elements in natural order (rows, columns);
            missing channels and dummy slots are zero kernels.
        weight_bits: 8, 4, 2 or 1 (two's complement; 1 bit is 0 or -1).

    Returns:
        uint8 ``[..., bytes]``; place it at stream byte ``9 * first word``.

    Raises:
        ValueError: a weight does not fit, or the width does not exist.
    """
    _check_weight_bits(weight_bits)
    *lead, slots, passes, elements = kernels.shape
    low, high = -(1 << (weight_bits - 1)), (1 << (weight_bits - 1)) - 1
    if kernels.size and (int(kernels.min()) < low or int(kernels.max()) > high):
        raise ValueError(
            f"weights {int(kernels.min())}..{int(kernels.max())} do not fit "
            f"{count(weight_bits, 'bit')} ({low}..{high})"
        )
    fields = kernels.astype(np.int8).view(np.uint8)[..., ::-1] & np.uint8((1 << weight_bits) - 1)
    fields = fields.reshape(*lead, slots * passes, elements)
    shared = BYTE_BITS // weight_bits
    if shared == 1:
        return np.ascontiguousarray(fields).reshape(*lead, -1)
    missing = -(slots * passes) % shared
    fields = np.concatenate([fields, np.zeros((*lead, missing, elements), np.uint8)], axis=-2)
    fields = fields.reshape(*lead, -1, shared, elements)
    shifts = np.arange(0, BYTE_BITS, weight_bits, dtype=np.uint8)[:, None]
    packed: Bytes = np.bitwise_or.reduce(fields << shifts, axis=-2).reshape(*lead, -1)
    return packed


def unpack_kernels(
    stream: Bytes,
    *,
    slots: int,
    passes: int,
    kernel_elements: int,
    weight_bits: int,
    mcnt_sad: int = 0,
    oned_sad: int = 0,
) -> Kernels:
    """Kernels as a layer reads them from the stream.

    Args:
        stream: uint8 ``[..., bytes]``; byte 0 is stream byte 0 of the kernel memory.
        slots: output slots (all output passes together).
        passes: input passes, the faster counter.
        kernel_elements: K.
        weight_bits: 8, 4, 2 or 1.
        mcnt_sad: MCNT.SAD, eight times the first kernel.
        oned_sad: ONED.oned_sad, bytes.

    Returns:
        int8 ``[..., slots, passes, K]``, elements in natural order.

    Raises:
        ValueError: the kernels run past the end of the stream, or ``mcnt_sad`` is not a multiple
            of the weight width.
    """
    _check_weight_bits(weight_bits)
    if mcnt_sad % weight_bits:
        raise ValueError(
            f"MCNT.SAD {mcnt_sad} is not a multiple of {count(weight_bits, 'weight bit')}"
        )
    counter = mcnt_sad + np.arange(slots * passes, dtype=np.intp) * weight_bits
    number, bit = counter >> 3, counter & 7
    element = np.arange(kernel_elements - 1, -1, -1, dtype=np.intp)
    index = number[:, None] * kernel_elements + oned_sad + element
    if index.size and int(index.max()) >= stream.shape[-1]:
        raise ValueError(
            f"kernels up to stream byte {int(index.max())} lie outside the {stream.shape[-1]} "
            "bytes of kernel memory"
        )
    up = (BYTE_BITS - weight_bits - bit).astype(np.uint8)[:, None]
    fields = (np.take(stream, index, axis=-1) << up).view(np.int8)
    fields >>= np.int8(BYTE_BITS - weight_bits)
    return fields.reshape(*stream.shape[:-1], slots, passes, kernel_elements)


def stream_to_words(stream: Bytes) -> Bytes:
    """Stream bytes ``[..., bytes]`` as words ``[..., words, 9]`` (``W[0]`` first, zero padded)."""
    missing = -stream.shape[-1] % mem.KERNEL_WORD_BYTES
    if missing:
        pad = np.zeros((*stream.shape[:-1], missing), np.uint8)
        stream = np.concatenate([stream, pad], axis=-1)
    words = stream.reshape(*stream.shape[:-1], -1, mem.KERNEL_WORD_BYTES)
    return np.ascontiguousarray(words[..., ::-1])


def words_to_stream(words: Bytes) -> Bytes:
    """Words ``[..., words, 9]`` (``W[0]`` first) as stream bytes ``[..., 9 * words]``."""
    return np.ascontiguousarray(words[..., ::-1]).reshape(*words.shape[:-2], -1)


def words_to_packed(words: Bytes) -> Stores:
    """Words ``[..., words, 9]`` as the packed loader's 32-bit stores ``[..., ceil(9n / 4)]``.

    Most significant byte first, ``W_k[0] .. W_k[8] W_k+1[0] ..``, the last store zero padded. They
    follow the byte store that sets the loader's address (``memories.kernel_loader_address``).
    """
    data = words.reshape(*words.shape[:-2], -1)
    missing = -data.shape[-1] % mem.WORD_BYTES
    data = np.concatenate([data, np.zeros((*data.shape[:-1], missing), np.uint8)], axis=-1)
    return data.view(">u4").astype(np.uint32)


def packed_to_words(stores: Stores) -> Bytes:
    """The whole words ``[..., words, 9]`` in the packed loader's stores (the rest is dropped)."""
    data = np.ascontiguousarray(stores, dtype=">u4").view(np.uint8)
    words = data.shape[-1] // mem.KERNEL_WORD_BYTES
    data = data[..., : words * mem.KERNEL_WORD_BYTES]
    return np.ascontiguousarray(data).reshape(*stores.shape[:-1], words, mem.KERNEL_WORD_BYTES)


def words_to_wide(words: Bytes) -> Stores:
    """Words ``[..., words, 9]`` in the 128-bit view: stores ``[..., words, 4]``.

    ``W[0]``; ``W[1..4]`` and ``W[5..8]`` with the lower index in the higher bits; and a zero whose
    store executes the write of the word.
    """
    shape = (*words.shape[:-1], mem.KERNEL_WORD_ADDRESS_BYTES)
    data = np.zeros(shape, np.uint8)
    data[..., 3:12] = words
    return data.view(">u4").astype(np.uint32)


def wide_to_words(stores: Stores) -> Bytes:
    """Stores ``[..., words, 4]`` of the 128-bit view as words ``[..., words, 9]``."""
    data = np.ascontiguousarray(stores, dtype=">u4").view(np.uint8)
    return np.ascontiguousarray(data[..., 3:12])


def pack_bias(biases: npt.NDArray[np.integer]) -> Stores:
    """Biases (one signed byte per output slot) as 32-bit words, one byte in each."""
    if biases.size and (int(biases.min()) < -128 or int(biases.max()) > 127):  # noqa: PLR2004
        raise ValueError(f"biases {int(biases.min())}..{int(biases.max())} do not fit 8 bits")
    return biases.astype(np.int8).view(np.uint8).astype(np.uint32)


def unpack_bias(words: Stores) -> npt.NDArray[np.int8]:
    """Bias words as signed bytes; only bits 7:0 exist."""
    return (words & np.uint32(0xFF)).astype(np.uint8).view(np.int8)


def _check_weight_bits(weight_bits: int) -> None:
    if weight_bits not in WEIGHT_BITS:
        raise ValueError(f"weights have 8, 4, 2 or 1 bits, not {weight_bits}")
