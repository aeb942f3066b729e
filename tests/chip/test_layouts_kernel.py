"""Kernel and bias memory: worked examples byte by byte, and round trips."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts as lay
from mxdeploy.chip.max78000 import memories as mem

ONE_TO_FOUR = 0xF


def words_of(kernels, weight_bits):
    """W[0..8] of every word, for kernels of one processor."""
    return lay.stream_to_words(lay.pack_kernels(np.asarray(kernels), weight_bits))


def hex_words(kernels, weight_bits):
    return [bytes(w).hex().upper() for w in words_of(kernels, weight_bits)]


def test_3x3_8_bit_words_are_the_kernels_in_reading_order():
    output0 = [51, 17, 4, 41, -10, -22, 44, -12, -9]
    output1 = [118, 14, 27, -16, -128, -32, 6, 21, 65]
    kernels = np.array([output0, output1])[:, None, :]
    assert hex_words(kernels, 8) == ["33110429F6EA2CF4F7", "760E1BF080E0061541"]
    stores = lay.words_to_packed(words_of(kernels, 8))
    assert [hex(s) for s in stores[:4]] == ["0x33110429", "0xf6ea2cf4", "0xf7760e1b", "0xf080e006"]
    assert stores[4] >> 16 == 0x1541
    assert stores[4] & 0xFFFF == 0
    assert len(stores) == 5


def test_128_bit_view():
    kernels = np.array([[[51, 17, 4, 41, -10, -22, 44, -12, -9]]])
    (store,) = lay.words_to_wide(words_of(kernels, 8))
    assert [hex(s) for s in store] == ["0x33", "0x110429f6", "0xea2cf4f7", "0x0"]


def test_flatten_first_word():
    pixels = np.zeros((1, 1, 16), np.int64)
    pixels[0, 0, :9] = [-16, 44, 94, 46, -69, -28, 12, -7, -107]
    kernels = lay.spread_flatten(pixels, source=lay.input_places(1, 1), output_processors=1)
    word = words_of(kernels, 8)[0, 0].view(np.int8)
    assert word.tolist() == [-107, -7, 12, -28, -69, 46, 94, 44, -16]
    assert lay.start_kernel(128, 1) == (1152, 0)


def test_conv1d_two_inputs_three_outputs():
    weights = np.arange(1, 19).reshape(3, 2, 3)
    kernels = lay.spread_kernels(weights, source=lay.input_places(2, 0x3), output_processors=0x7)
    words = lay.stream_to_words(lay.pack_kernels(kernels, 8))[:, 0]
    assert words[0].tolist() == [13, 14, 15, 7, 8, 9, 1, 2, 3]
    assert words[1].tolist() == [16, 17, 18, 10, 11, 12, 4, 5, 6]


def test_1x1_two_passes():
    output, channel = np.mgrid[0:5, 0:66]
    weights = (30 * output + channel - 64)[..., None]
    kernels = lay.spread_kernels(
        weights, source=lay.input_places(66, (1 << 36) - 1), output_processors=(1 << 5) - 1
    )
    assert kernels.shape == (36, 5, 2, 1)
    stream = lay.pack_kernels(kernels, 8).view(np.int8)
    assert stream[0].tolist() == [-64, -28, -34, 2, -4, 32, 26, 62, 56, 92]
    assert stream[30].tolist() == [-34, 0, -4, 0, 26, 0, 56, 0, 86, 0]
    words = lay.stream_to_words(stream[0].view(np.uint8))
    assert bytes(words[0]).hex().upper() == "383E1A20FC02DEE4C0"
    assert bytes(words[1]).hex().upper() == "00000000000000005C"


def test_4_bit_3x3():
    output0 = [5, 2, 0, 3, 6, -1, 0, 3, -7]
    output1 = [6, -4, 4, -1, -2, -8, -8, 1, -6]
    words = words_of(np.array([output0, output1])[:, None, :], 4)
    assert words.tolist() == [[101, 194, 64, 243, 230, 143, 128, 19, 169]]


def test_2_bit_3x3_five_outputs():
    outputs = [
        [0, -2, -2, -1, 0, -2, -1, -2, 1],
        [0, -1, 1, 1, -1, 1, 1, 1, 0],
        [1, -2, -2, 1, -1, -1, 0, -1, 0],
        [1, 1, -2, 1, 0, 0, -2, 1, -1],
        [1, -2, -2, 1, 0, -1, 1, 1, -2],
    ]
    assert hex_words(np.array(outputs)[:, None, :], 2) == [
        "506EA6573C368776C1",
        "010202010003010102",
    ]


def test_unaligned_outputs_begin_with_zero_slots():
    weights = np.array([1, 2, 3])[:, None, None] * np.ones((3, 1, 9), np.int64)
    kernels = lay.spread_kernels(weights, source=lay.input_places(1, 1), output_processors=0xE)
    words = words_of(kernels[0], 8)
    assert words[:, 0].tolist() == [0, 1, 2, 3]
    biases = lay.spread_bias(np.array([7, 8, 9]), output_processors=0xE)
    assert lay.pack_bias(biases).tolist() == [0, 7, 8, 9]


def test_ragged_last_output_pass_is_padded_with_zero_kernels():
    weights = np.ones((100, 1, 1), np.int64)
    kernels = lay.spread_kernels(
        weights, source=lay.input_places(1, 1), output_processors=(1 << 52) - 1
    )
    assert kernels.shape == (1, 104, 1, 1)
    assert kernels[0, :100].all()
    assert not kernels[0, 100:].any()


def test_start_kernel_of_unaligned_length():
    assert lay.start_kernel(4, 5) == (7, 1)
    assert lay.start_kernel(24, 3) == (72, 0)
    assert lay.start_kernel(276, 6) == (414, 0)
    assert lay.start_kernel(364, 1) == (3276, 0)


@pytest.mark.parametrize(
    ("kernels", "elements", "weight_bits", "words"),
    [(60, 9, 8, 60), (208, 3, 8, 70), (512, 1, 8, 57), (5, 9, 2, 2), (3, 9, 4, 2), (8, 9, 1, 1)],
)
def test_kernel_words(kernels, elements, weight_bits, words):
    assert lay.kernel_words(kernels, elements, weight_bits) == words


def signed(width):
    return st.integers(-(1 << (width - 1)), (1 << (width - 1)) - 1)


@st.composite
def kernel_sets(draw):
    """A weight width and kernels [processors, slots, passes, K] that fit it."""
    width = draw(st.sampled_from(lay.WEIGHT_BITS))
    shape = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 4)),
        draw(st.integers(1, 9)),
    )
    seed = draw(st.integers(0, 2**32 - 1))
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    return width, np.random.default_rng(seed).integers(low, high, shape, endpoint=True)


@given(kernel_sets(), st.integers(0, 30))
def test_kernels_round_trip_at_any_first_word(case, word):
    width, kernels = case
    processors, slots, passes, elements = kernels.shape
    stream = np.zeros((processors, mem.KERNEL_BYTES), np.uint8)
    packed = lay.pack_kernels(kernels, width)
    assert packed.shape[-1] == lay.kernel_stream_bytes(slots * passes, elements, width)
    stream[:, 9 * word : 9 * word + packed.shape[-1]] = packed
    start, oned_sad = lay.start_kernel(word, elements)
    read = lay.unpack_kernels(
        stream,
        slots=slots,
        passes=passes,
        kernel_elements=elements,
        weight_bits=width,
        mcnt_sad=8 * start,
        oned_sad=oned_sad,
    )
    assert np.array_equal(read, kernels)


@given(kernel_sets())
def test_reader_agrees_with_the_rule_written_out(case):
    width, kernels = case
    _, slots, passes, elements = kernels.shape
    stream = lay.pack_kernels(kernels, width)
    for slot in range(slots):
        for number in range(passes):
            counter = (slot * passes + number) * width
            for j in range(elements):
                byte = int(stream[0, (counter >> 3) * elements + j])
                value = byte >> (counter & 7) & ((1 << width) - 1)
                value -= (value >> (width - 1)) << width
                assert value == kernels[0, slot, number, elements - 1 - j]


@given(st.binary(min_size=9, max_size=90).map(lambda b: b[: len(b) // 9 * 9]))
def test_words_stores_and_streams_round_trip(data):
    stream = np.frombuffer(data, np.uint8)
    words = lay.stream_to_words(stream)
    assert all(words[b // 9, 8 - b % 9] == stream[b] for b in range(len(stream)))
    assert np.array_equal(lay.words_to_stream(words), stream)
    packed = lay.words_to_packed(words)
    assert len(packed) == -(-9 * len(words) // 4)
    assert np.array_equal(lay.packed_to_words(packed)[: len(words)], words)
    wide = lay.words_to_wide(words)
    assert wide.shape == (len(words), 4)
    assert np.array_equal(lay.wide_to_words(wide), words)


@given(st.lists(signed(8), max_size=20))
def test_bias_round_trip(biases):
    words = lay.pack_bias(np.array(biases, np.int64))
    assert all(w <= 0xFF for w in words.tolist())
    assert lay.unpack_bias(words).tolist() == biases


@pytest.mark.parametrize("width", lay.WEIGHT_BITS)
def test_weights_out_of_range_are_refused(width):
    with pytest.raises(ValueError, match="do not fit"):
        lay.pack_kernels(np.full((1, 1, 9), 1 << (width - 1)), width)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="not 3"):
        lay.pack_kernels(np.zeros((1, 1, 9), np.int8), 3)
    with pytest.raises(ValueError, match="do not fit 8 bits"):
        lay.pack_bias(np.array([128]))
    stream = np.zeros(18, np.uint8)
    with pytest.raises(ValueError, match="outside the 18 bytes"):
        lay.unpack_kernels(stream, slots=3, passes=1, kernel_elements=9, weight_bits=8)
    with pytest.raises(ValueError, match="not a multiple"):
        lay.unpack_kernels(stream, slots=1, passes=1, kernel_elements=9, weight_bits=4, mcnt_sad=2)
    with pytest.raises(ValueError, match="do not fit 8 bits"):
        lay.spread_kernels(
            np.full((1, 1, 1), 200), source=lay.input_places(1, 1), output_processors=1
        )


def test_a_large_network_packs_fast():
    weights = np.random.default_rng(0).integers(-128, 128, (512, 64, 9))
    full = (1 << 64) - 1
    started = time.process_time()
    kernels = lay.spread_kernels(weights, source=lay.input_places(64, full), output_processors=full)
    lay.words_to_packed(lay.stream_to_words(lay.pack_kernels(kernels, 8)))
    assert time.process_time() - started < 0.1
