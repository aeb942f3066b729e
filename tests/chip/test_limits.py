"""Limits stand for their numbers, and the channel rules follow the documented examples."""

from __future__ import annotations

import pytest

from mxdeploy.chip.max78000 import clocks, errata, limits


def test_a_limit_compares_as_its_value():
    assert limits.MAX_LAYERS == 32
    assert limits.MAX_LAYERS != 33
    assert len(range(limits.MAX_LAYERS)) == 32
    assert int(limits.MAX_LAYERS) == 32
    assert limits.MAX_LAYERS < 33
    assert not limits.MAX_LAYERS > 32
    assert limits.MAX_LAYERS <= 32
    assert hash(limits.MAX_LAYERS) == hash(32)
    assert str(limits.KERNEL_MEMORY_WORDS) == "768 words of 9 bytes"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_PROCESSORS", 64),
        ("MAX_OUTPUT_SHIFT", 15),
        ("MAX_DIMENSION", 1023),
        ("MAX_PADDED_DIMENSION", 1024),
        ("MAX_CHANNELS", 1024),
        ("MAX_PASSES", 16),
        ("MAX_WRITE_STEP", 16),
        ("MAX_MASK_COUNT", 65535),
        ("MAX_POOL_SIZE", 16),
        ("MAX_POOL_STRIDE", 16),
        ("MAX_OPERANDS", 16),
        ("MAX_FLATTEN_PASSES", 256),
        ("MAX_FLATTEN_INPUTS", 16384),
        ("DATA_MEMORY_BYTES", 32768),
        ("BIAS_MEMORY_BYTES", 512),
        ("TRAM_ENTRIES", 3072),
        ("MAX_STREAMING_LAYERS", 8),
        ("MAX_STREAM_START", 16383),
        ("MAX_STREAM_STEP", 31),
        ("MAX_STREAM_ROW_STEP", 4095),
        ("MAX_STREAM_VOLUMES", 15),
    ],
)
def test_values_derived_from_registers_and_memories(name, value):
    assert getattr(limits, name) == value


def test_every_limit_is_listed_once_and_says_what_it_is():
    names = [limit.name for limit in limits.LIMITS]
    assert len(set(names)) == len(names) >= 40
    for limit in limits.LIMITS:
        assert getattr(limits, limit.name) is limit
        assert limit.text.endswith(".")
        assert limit.unit
        assert limit.source


@pytest.mark.parametrize(
    ("channels", "passes", "each"),
    [(3, 1, 3), (64, 1, 64), (65, 2, 36), (100, 2, 52), (128, 2, 64), (512, 8, 64), (1024, 16, 64)],
)
def test_passes_and_channels_per_pass(channels, passes, each):
    assert limits.passes(channels) == passes
    assert limits.channels_per_pass(channels) == each


def test_the_channels_per_pass_hold_all_channels():
    for channels in range(1, 1025):
        each = limits.channels_per_pass(channels)
        assert each <= 64
        assert -(-channels // each) == limits.passes(channels)


@pytest.mark.parametrize("channels", [0, 1025])
def test_impossible_channel_counts(channels):
    with pytest.raises(ValueError, match="1024"):
        limits.passes(channels)


def test_quirks_have_unique_names_and_remedies():
    names = [quirk.name for quirk in errata.QUIRKS]
    assert len(set(names)) == len(names)
    assert all(q.what.endswith(".") and q.remedy.endswith(".") for q in errata.QUIRKS)


def test_clocks():
    assert clocks.CNN_CLOCK_HZ == clocks.CNN_MAX_HZ == 50_000_000
    assert clocks.cnn_seconds(50) == pytest.approx(1e-6)
