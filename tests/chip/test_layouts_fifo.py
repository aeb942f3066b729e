"""Words for the FIFOs, byte by byte."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.chip.max78000.layouts import pack_fifo


def tensor(channels: int, rows: int, columns: int) -> np.ndarray:
    count = channels * rows * columns
    return np.arange(count, dtype=np.int64).astype(np.int8).reshape(channels, rows, columns)


def test_four_channels_of_a_pixel_in_each_word():
    x = tensor(6, 2, 3)
    words = pack_fifo(x, processors=0x0000_0000_0003_000F)
    assert sorted(words) == [0, 1]
    for pixel in range(6):
        byte = [int(v) & 0xFF for v in x[:, pixel // 3, pixel % 3]]
        assert words[0][pixel] == byte[0] | byte[1] << 8 | byte[2] << 16 | byte[3] << 24
        assert words[1][pixel] == byte[4] | byte[5] << 8


def test_four_pixels_of_a_channel_in_each_word():
    x = tensor(2, 3, 3)
    words = pack_fifo(x, processors=0x0000_0001_0000_0001, chw=True)
    assert sorted(words) == [0, 2]
    for fifo, channel in ((0, 0), (2, 1)):
        data = words[fifo].astype("<u4").tobytes()
        assert data == x[channel].tobytes() + bytes(3)


@pytest.mark.parametrize(("processors", "chw"), [(0x30, False), (0x3, True), (0x1F, False)])
def test_processors_that_no_fifo_reaches(processors, chw):
    with pytest.raises(ValueError, match="do not reach"):
        pack_fifo(tensor(processors.bit_count(), 2, 2), processors=processors, chw=chw)
