"""Data memory: worked examples word by word, round trips, and the write-pointer equation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts as lay
from mxdeploy.chip.max78000 import memories as mem

ALL = (1 << 64) - 1


def random_tensor(shape, seed=0, low=-128, high=127):
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True)


@pytest.mark.parametrize(
    ("channel", "processors", "place"),
    [
        (51, (1 << 52) - 1, (0, 51)),
        (52, (1 << 52) - 1, (1, 0)),
        (99, (1 << 52) - 1, (1, 47)),
        (511, ALL, (7, 63)),
        (2, 0x111, (0, 8)),
        (70, ALL, (1, 6)),
    ],
)
def test_channel_location(channel, processors, place):
    assert lay.channel_location(channel, processors) == place
    passes, places = lay.channel_locations(channel + 1, processors)
    assert (passes[-1], places[-1]) == place


def test_rgb_image_takes_one_word_per_pixel():
    image = random_tensor((3, 4, 5))
    packed = lay.pack_hwc(image, processors=0x7, offset_bytes=0)
    for row in range(4):
        for column in range(5):
            word = int(packed.words[0, 5 * row + column]).to_bytes(4, "little")
            assert np.frombuffer(word, np.int8)[:3].tolist() == image[:, row, column].tolist()
            assert word[3] == 0
    assert set(packed.mask[0, :20].tolist()) == {0x00FFFFFF}
    assert not packed.mask[0, 20:].any()
    assert not packed.mask[1:].any()
    ((address, words),) = packed.runs()
    assert address == 0x50400000
    assert len(words) == 20


def test_128_channels_one_dimensional():
    tensor = random_tensor((128, 128))
    packed = lay.pack_hwc(tensor, processors=ALL, offset_bytes=0)
    assert int(packed.mask.astype(bool).sum()) == 16 * 256
    # channel 70 at time step 5: pass 1, processor 6 -> memory 1, lane 2, word 2 * 5 + 1
    assert mem.data_address(1, 11, 2) == 0x5040802E
    byte = int(packed.words[1, 11]) >> 16 & 0xFF
    assert np.uint8(byte).view(np.int8) == tensor[70, 5]
    assert [a for a, _ in packed.runs()][:2] == [0x50400000, 0x50408000]


def test_chw_is_linear_bytes():
    image = random_tensor((1, 28, 28))
    packed = lay.pack_chw(image, processors=1, offset_bytes=0)
    ((address, words),) = packed.runs()
    assert (address, len(words)) == (0x50400000, 196)
    assert words.astype("<u4").tobytes() == image.astype(np.int8).tobytes()


def test_first_mnist_layer_output_addresses():
    omap = ALL & ~0xF
    assert lay.first_column(omap) == 4
    assert lay.output_columns(omap) == 60
    words = lay.write_words(
        base=0x2800,
        mask_offset=0x2000,
        channel_offset=0,
        increment=0,
        columns=60,
        slots=60,
        pixels=784,
    )
    for channel in (0, 1, 4, 37, 59):
        row, column = 13, 20
        word = int(words[channel, 28 * row + column])
        memory, place = divmod(word, mem.DATA_WORDS)
        assert memory == (4 + channel) >> 2
        assert place == 0x800 + 28 * row + column
    assert mem.data_address(*divmod(int(words[0, 0]), mem.DATA_WORDS)) == 0x5040A000


def test_wide_output_addresses():
    words = lay.write_words(
        base=0x400,
        mask_offset=0x2000,
        channel_offset=0,
        increment=0,
        columns=10,
        slots=10,
        pixels=1,
        wide=True,
    )
    addresses = [mem.data_address(*divmod(int(w), mem.DATA_WORDS)) for w in words[:, 0]]
    expected = [0x50401000 + 4 * i for i in range(4)] + [0x50409000 + 4 * i for i in range(4)]
    assert addresses == [*expected, 0x50411000, 0x50411004]
    packed = lay.pack_wide(np.arange(10)[:, None] - 5, processors=0x3FF, offset_bytes=0x1000)
    assert [int(packed.words[divmod(int(w), 8192)]) for w in words[:, 0]] == [
        v & 0xFFFFFFFF for v in range(-5, 5)
    ]


def test_eight_output_passes():
    words = lay.write_words(
        base=0x100,
        mask_offset=0x2000,
        channel_offset=1,
        increment=7,
        columns=64,
        slots=512,
        pixels=3,
    )
    for channel in (0, 63, 64, 300, 511):
        output_pass, processor = divmod(channel, 64)
        for pixel in range(3):
            word = (processor >> 2) * 8192 + 0x100 + pixel * 8 + output_pass
            assert words[channel, pixel] == word


def test_passthrough_packs_each_quadrant_by_itself():
    words = lay.passthrough_words(
        base=0x2000 * 4 + 16, time_slot_offset=0x2000, increment=0, time_slots=3, passes=2, pixels=5
    )
    assert words.shape == (3, 2, 5)
    assert words[2, 1, 4] == 0x2000 * 6 + 16 + 4 * 2 + 1


def masks(step=1):
    places = st.sets(st.sampled_from(range(0, 64, step)), min_size=1, max_size=12)
    return places.map(lambda s: lay.processor_mask(tuple(s)))


@st.composite
def placements(draw, step=1):
    processors = draw(masks(step))
    count = len(lay.processor_list(processors))
    channels = draw(st.integers(1, 3 * count))
    spatial = draw(st.sampled_from([(1, 1), (3, 4), (7, 2), (11,)]))
    gap = draw(st.integers(0, 3))
    offset = 4 * draw(st.integers(0, 4000))
    seed = draw(st.integers(0, 1000))
    return processors, (channels, *spatial), gap, offset, seed


@given(placements())
def test_hwc_round_trip_and_size(case):
    processors, shape, gap, offset, seed = case
    tensor = random_tensor(shape, seed)
    packed = lay.pack_hwc(tensor, processors=processors, offset_bytes=offset, gap=gap)
    noise = random_tensor(packed.words.shape, seed, 0, 2**32 - 1).astype(np.uint32)
    memory = packed.merged_into(noise)
    read = lay.unpack_hwc(memory, shape, processors=processors, offset_bytes=offset, gap=gap)
    assert np.array_equal(read, tensor)
    assert np.array_equal(memory & ~packed.mask, noise & ~packed.mask)
    last = 4 * int(np.flatnonzero(packed.mask.any(axis=0)).max()) + 4
    pixels = int(np.prod(shape[1:]))
    end = lay.end_bytes(shape[0], pixels, processors=processors, offset_bytes=offset, gap=gap)
    assert (
        last + 4 * gap
        <= end
        <= last + 4 * gap + 4 * (gap + 1) * lay.expansion(shape[0], processors)
    )


@given(placements(step=4))
def test_chw_round_trip(case):
    processors, shape, _, offset, seed = case
    tensor = random_tensor(shape, seed)
    memory = lay.pack_chw(tensor, processors=processors, offset_bytes=offset).words
    read = lay.unpack_chw(memory, shape, processors=processors, offset_bytes=offset)
    assert np.array_equal(read, tensor)


@given(placements())
def test_wide_round_trip(case):
    processors, shape, gap, offset, seed = case
    tensor = random_tensor(shape, seed, -(2**29), 2**29)
    memory = lay.pack_wide(tensor, processors=processors, offset_bytes=offset, gap=gap).words
    read = lay.unpack_wide(memory, shape, processors=processors, offset_bytes=offset, gap=gap)
    assert np.array_equal(read, tensor)


@given(placements(), st.booleans())
def test_written_words_are_where_the_tensor_is_read(case, wide):
    """The write equation with the usual register values puts outputs where a reader looks."""
    processors, shape, gap, offset, seed = case
    pixels = int(np.prod(shape[1:]))
    passes = lay.expansion(shape[0], processors)
    columns = lay.output_columns(processors)
    words = lay.write_words(
        base=offset // 4 + (lay.first_column(processors) // 4 << 13),
        mask_offset=0x2000,
        channel_offset=(4 if wide else 1) * (gap + 1),
        increment=passes * (gap + 1) - 1,
        columns=columns,
        slots=passes * columns,
        pixels=pixels,
        wide=wide,
    )
    slot = lay.output_slots(shape[0], processors)
    tensor = random_tensor(shape, seed).reshape(shape[0], -1)
    memory = np.zeros(16 * 8192, np.uint32)
    if wide:
        memory[words[slot]] = tensor.astype(np.int32).view(np.uint32)
    else:
        lane = 8 * (slot % columns & 3).astype(np.uint32)[:, None]
        value = tensor.astype(np.int8).view(np.uint8).astype(np.uint32) << lane
        np.bitwise_or.at(memory, words[slot], value)
    unpack = lay.unpack_wide if wide else lay.unpack_hwc
    read = unpack(
        memory.reshape(16, 8192), shape, processors=processors, offset_bytes=offset, gap=gap
    )
    assert np.array_equal(read, tensor.reshape(shape))


def test_interleaved_operands_share_no_word():
    first, second = random_tensor((5, 3, 3), 1), random_tensor((5, 3, 3), 2)
    images = [
        lay.pack_hwc(t, processors=0x1F, offset_bytes=64 + 4 * k, gap=1)
        for k, t in enumerate((first, second))
    ]
    both = images[0] | images[1]
    for k, tensor in enumerate((first, second)):
        read = lay.unpack_hwc(
            both.words, tensor.shape, processors=0x1F, offset_bytes=64 + 4 * k, gap=1
        )
        assert np.array_equal(read, tensor)
    assert both.mask[0, 16:34].all()
    with pytest.raises(ValueError, match="overlap"):
        _ = images[0] | images[0]


def test_bad_places_are_refused():
    tensor = np.zeros((3, 4, 4), np.int8)
    with pytest.raises(ValueError, match="multiple of 4"):
        lay.pack_hwc(tensor, processors=7, offset_bytes=2)
    with pytest.raises(ValueError, match="behind the 8192 words"):
        lay.pack_hwc(tensor, processors=7, offset_bytes=0x7FF0)
    with pytest.raises(ValueError, match="empty"):
        lay.pack_hwc(tensor, processors=0, offset_bytes=0)
    with pytest.raises(ValueError, match="more than 64"):
        lay.processor_list(1 << 64)
    with pytest.raises(ValueError, match="do not fit"):
        lay.pack_hwc(np.full((3, 4, 4), 200), processors=7, offset_bytes=0)
    with pytest.raises(ValueError, match="first processor"):
        lay.pack_chw(tensor, processors=7, offset_bytes=0)
