"""The tables of lanes against the layouts of the chip: written by C's loops, read by the packer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts
from mxdeploy.ir.plan import DataOrder, Region, RegionPart
from mxdeploy.stages.s6_emit.lanes import check_region, lanes_of, step_bytes

PART = Region(value="p", processors=1, offset_bytes=0, passes=1)


@st.composite
def tensors(draw, *, first_lanes_only: bool = False) -> tuple[np.ndarray, int]:
    """A random tensor (C, H, W) and processors for it."""
    step = 4 if first_lanes_only else 1
    places = draw(st.sets(st.sampled_from(range(0, 64, step)), min_size=1, max_size=12))
    channels = draw(st.integers(1, 3 * len(places)))
    shape = (channels, draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(-128, 128, shape)
    return values.astype(np.int8), layouts.processor_mask(tuple(places))


def region(tensor: np.ndarray, processors: int, **rest) -> Region:
    passes = layouts.expansion(len(tensor), processors)
    return Region(value="v", processors=processors, passes=passes, **rest)


def stored(image: layouts.MemoryImage) -> dict[int, int]:
    """Bus address -> word of everything in an image."""
    return {
        address + 4 * i: int(word)
        for address, words in image.runs()
        for i, word in enumerate(words)
    }


def byte_loop(tensor: np.ndarray, place: Region) -> dict[int, int]:
    """What ``cnn_load_input`` of ``cnn.c`` stores for HWC data, line by line."""
    flat, pixels = tensor.reshape(-1), tensor[0].size
    written = {}
    for lanes in lanes_of(place, len(tensor)):
        for pixel in range(pixels):
            word = 0
            for lane, channel in enumerate(lanes.channels):
                if channel is not None:
                    word |= (int(flat[channel * pixels + pixel]) & 0xFF) << (8 * lane)
            written[lanes.address + pixel * step_bytes(place)] = word
    return written


@given(tensors(), st.integers(0, 40), st.integers(0, 2))
def test_bytes(data: tuple[np.ndarray, int], word: int, gap: int) -> None:
    tensor, processors = data
    place = region(tensor, processors, offset_bytes=4 * word, gap=gap)
    image = layouts.pack_hwc(tensor, processors=processors, offset_bytes=4 * word, gap=gap)
    assert byte_loop(tensor, place) == stored(image)


@given(tensors(), st.integers(0, 40), st.integers(0, 2))
def test_words(data: tuple[np.ndarray, int], word: int, gap: int) -> None:
    tensor, processors = data
    wide = tensor.astype(np.int32) * 1_000_003
    place = region(wide, processors, offset_bytes=4 * word, gap=gap, bits=32)
    image = layouts.pack_wide(wide, processors=processors, offset_bytes=4 * word, gap=gap)
    memory, pixels = stored(image), wide[0].size
    read = np.zeros(wide.size, np.int64)
    for lanes in lanes_of(place, len(wide)):
        for pixel in range(pixels):
            for lane, channel in enumerate(lanes.channels):
                if channel is not None:
                    address = lanes.address + pixel * step_bytes(place) + 4 * lane
                    read[channel * pixels + pixel] = memory[address]
    assert np.array_equal(read.astype(np.uint32).view(np.int32).reshape(wide.shape), wide)


@given(tensors(first_lanes_only=True), st.integers(0, 40))
def test_channels_first(data: tuple[np.ndarray, int], word: int) -> None:
    tensor, processors = data
    place = region(tensor, processors, offset_bytes=4 * word, order=DataOrder.CHW)
    check_region(place, is_output=False)
    image = layouts.pack_chw(tensor, processors=processors, offset_bytes=4 * word)
    written = {}
    for lanes in lanes_of(place, len(tensor)):
        pixels = tensor[lanes.channels[0]].reshape(-1).tobytes()
        for i in range(0, len(pixels), 4):
            address = lanes.address + i // 4 * step_bytes(place)
            written[address] = int.from_bytes(pixels[i : i + 4], "little")
    assert written == stored(image)


def test_worked_example() -> None:
    """Ten 32-bit outputs from word 0x400 on: channels 0-3, 4-7, 8-9 in data memories 0, 1, 2."""
    place = Region(value="v", processors=0x3FF, offset_bytes=0x1000, passes=1, bits=32)
    assert [(lanes.address, lanes.channels) for lanes in lanes_of(place, 10)] == [
        (0x5040_1000, (0, 1, 2, 3)),
        (0x5040_9000, (4, 5, 6, 7)),
        (0x5041_1000, (8, 9, None, None)),
    ]


def test_a_part_of_a_join_of_two_passes() -> None:
    """70 channels beside 60 others: two words of one, one of the other for every pixel."""
    first = Region(value="a", processors=0xFF_FFFF_FFFF, offset_bytes=0, passes=2, pixel_words=3)
    second = Region(value="b", processors=0xFF_FFFF_FFFF, offset_bytes=8, passes=1, pixel_words=3)
    assert step_bytes(first) == step_bytes(second) == 12
    assert [lanes.address for lanes in lanes_of(first, 70)[::10]] == [0x5040_0000, 0x5040_0004]
    assert lanes_of(second, 40)[0].address == 0x5040_0008


def test_passes_must_agree() -> None:
    place = Region(value="v", processors=0x3, offset_bytes=0, passes=1)
    with pytest.raises(ValueError, match="do not take 1 passes"):
        lanes_of(place, 3)


@pytest.mark.parametrize(
    ("rest", "is_output", "message"),
    [
        ({"order": DataOrder.CHW}, True, "HWC order"),
        ({"bits": 32}, False, "8 bits"),
        ({"parts": (RegionPart(region=PART, channels=1),)}, True, "a join"),
        ({"order": DataOrder.CHW, "processors": 0x2}, False, "first processor"),
    ],
)
def test_refusals(rest: dict, is_output: bool, message: str) -> None:
    place = Region(**({"value": "v", "processors": 1, "offset_bytes": 0, "passes": 1} | rest))
    with pytest.raises(ValueError, match=message):
        check_region(place, is_output=is_output)
