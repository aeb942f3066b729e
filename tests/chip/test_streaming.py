"""When streaming layers work, against a program that is known to pass on silicon."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.chip.max78000.streaming import StreamLayer, cadences, whole_frame

# The first two layers of the vendor's face recognition: 3 x 160 x 120, then pooled 2x2.
FACEID = (
    StreamLayer(rows=160, columns=120, pooled_columns=120, pad_columns=1),
    StreamLayer(
        rows=160, columns=120, window=(2, 2), stride=2, pooled_columns=60, pad_columns=1
    ),
)  # fmt: skip


def test_a_program_known_to_work():
    """Registers as the program sets them: STRM0 1 and 0x174, STRM1 0 and 0x007C0021, FBUF 2 and
    0x1EE, TPTR from 0 and from 120 on; the frame has 0x4B00 words.
    """
    first, second = cadences(FACEID)
    assert (first.start, first.step, first.row_step, first.ring_words) == (1, 0, 0, 2)
    assert (second.start, second.step, second.row_step) == (0x174, 2, 0x7C)
    assert (second.passes_before, second.ring_words, second.cache_start) == (1, 0x1EE, 120)
    assert FACEID[0].frame_words == 0x4B00
    assert whole_frame(FACEID[0]).start == 0x4B00


def test_chw_words_hold_four_pixels():
    layer = replace(FACEID[0], rows=5, columns=5, chw=True)
    assert layer.frame_words == whole_frame(layer).start == 7
    assert cadences([layer])[0].ring_words == 12


layers = st.builds(
    StreamLayer,
    rows=st.integers(4, 100),
    columns=st.integers(4, 100),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.integers(1, 4),
    pooled_columns=st.integers(1, 100),
    pad_columns=st.integers(0, 2),
    passes=st.integers(1, 4),
)


@given(st.lists(layers, min_size=1, max_size=8))
def test_rings_hold_whole_passes_and_caches_lie_one_behind_the_other(chain):
    found = cadences(chain)
    assert [c.passes_before for c in found] == [
        sum(layer.passes for layer in chain[:i]) for i in range(len(chain))
    ]
    for layer, cadence, after in zip(chain, found, [*found[1:], None], strict=True):
        assert cadence.ring_words % layer.passes == 0
        assert cadence.ring_words > (layer.window[0] - 1) * layer.columns + layer.window[1]
        if after is not None:
            kept = layer.cache_entries * layer.passes
            assert after.cache_start == cadence.cache_start + kept
