"""Streaming: the two published measurements, the two bounds, and the order of the rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000.latency import FIRMWARE_OVERHEAD_SECONDS
from mxdeploy.chip.max78000.stream_latency import (
    ERROR_SHARE,
    FAST_STORE_CYCLES,
    StreamShape,
    stream_time,
    word_cycles,
)

# Two streaming layers each; their own work as the published cycle model gives it without its
# factor for streaming, the start conditions as programmed, the cycles of the layers that follow.
FACEID = (
    StreamShape(
        cycles=347_292, rows=160, columns=120, pad=(1, 1), window_rows=1, stride=1, start=1
    ),
    StreamShape(
        cycles=178_452, rows=80, columns=60, pad=(1, 1), window_rows=2, stride=2, start=372
    ),
)
CATS_DOGS = (
    StreamShape(
        cycles=296_460, rows=128, columns=128, pad=(1, 1), window_rows=1, stride=1, start=1
    ),
    StreamShape(
        cycles=152_332, rows=64, columns=64, pad=(1, 1), window_rows=2, stride=2, start=396
    ),
)


@pytest.mark.parametrize(
    ("layers", "words", "rest", "microseconds"),
    [(FACEID, 19_200, 88_221, 14_001), (CATS_DOGS, 16_384, 84_721, 12_481)],
)
def test_measured_on_a_board(layers, words, rest, microseconds):
    """Loading and inference, published for a board with the Arm core."""
    time = stream_time(
        layers, words=words, input_rows=layers[0].rows, cycles_per_word=word_cycles(1, fast=False)
    )
    seconds = clocks.cnn_seconds(1 + time.cycles + rest) + FIRMWARE_OVERHEAD_SECONDS
    assert seconds == pytest.approx(microseconds * 1e-6, rel=ERROR_SHARE)


def test_a_fast_host_leaves_the_work():
    time = stream_time(FACEID, words=19_200, input_rows=160, cycles_per_word=0.0)
    assert time.cycles == time.after_input_cycles == 347_292 + 178_452


def test_a_slow_host_leaves_the_last_rows():
    """What remains after the last word.

    Of layer 0 the last row and the padding below it; of layer 1, whose start condition is a little
    more than three rows, the last two rows and the padding.
    """
    time = stream_time(FACEID, words=19_200, input_rows=160, cycles_per_word=1000.0)
    rows = 347_292 / 162 * 2 + 178_452 / 82 * 3
    assert time.after_input_cycles == pytest.approx(rows, abs=2)
    assert time.cycles == 19_200_000 + time.after_input_cycles


def test_words_take_longer_with_more_fifos():
    assert word_cycles(1, fast=False) < word_cycles(3, fast=False) < 3 * word_cycles(1, fast=False)
    assert word_cycles(1, fast=True) == FAST_STORE_CYCLES


def test_a_late_start_condition_holds_a_layer_back():
    """The second layer may not begin before the whole first one is through."""
    late = (FACEID[0], replace(FACEID[1], start=162 * 122))
    time = stream_time(late, words=19_200, input_rows=160, cycles_per_word=32.0)
    on_time = stream_time(FACEID, words=19_200, input_rows=160, cycles_per_word=32.0)
    assert time.after_input_cycles >= 178_452 > on_time.after_input_cycles


shapes = st.builds(
    StreamShape,
    cycles=st.integers(1, 10_000),
    rows=st.integers(1, 20),
    columns=st.integers(1, 20),
    pad=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    window_rows=st.integers(1, 3),
    stride=st.integers(1, 3),
    start=st.integers(0, 400),
)


@given(st.lists(shapes, min_size=1, max_size=8), st.integers(1, 500), st.floats(0, 100))
def test_bounds(layers, words, cycles_per_word):
    """It ends, not before the work is done nor the input there, and not later than one by one."""
    time = stream_time(
        layers, words=words, input_rows=layers[0].rows, cycles_per_word=cycles_per_word
    )
    work = sum(layer.cycles for layer in layers)
    assert time.cycles >= work - 1
    assert time.cycles <= words * cycles_per_word + work + 1
    assert time.after_input_cycles <= time.cycles
