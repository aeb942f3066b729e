"""Warnings by name: what the model computes, but the chip may not; errors when strict."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.limits import ACCUMULATOR_BITS, QUADRANT_SUM_BITS
from mxdeploy.emulator.accelerator import Accelerator
from mxdeploy.emulator.accelerator.doubts import Doubt, DoubtfulProgramError, beyond

PLAIN = {"master": 1, "maxpl_en": 1, "sramlsrc": 1}
OUT = 1024


def layer(*changes: reg.LayerRegister, size: int = 4) -> tuple[reg.LayerRegister, ...]:
    return (
        reg.RowCount(last_row=size - 1),
        reg.ColumnCount(last_column=size - 1),
        reg.OneDimensional(oned_width=1),
        reg.WritePointerBase(word=OUT),
        reg.WritePointerMaskOffset(offset_words=0x2000),
        reg.LayerControl0(**PLAIN),
        reg.PostProcessing(scale_reg=1),
        reg.Enable(pro_en=1, mask_en=1),
        *changes,
    )


def prepare(bench, *changes: reg.LayerRegister, kernel: int = 64) -> None:
    bench.initialize()
    bench.layer(0, layer(*changes))
    bench.kernels(0, [[0, 0, 0, 0, 0, 0, 0, 0, kernel]])
    bench.data(0, 0, range(16))


def names(accelerator: Accelerator) -> list[str]:
    assert all(found.severity == "warning" for found in accelerator.doubts)
    return [found.what.partition(":")[0] for found in accelerator.doubts]


def test_nothing_is_doubtful_about_a_sound_program(bench) -> None:
    prepare(bench)
    bench.start()
    assert bench.accelerator.doubts == ()


def test_data_that_nobody_wrote(bench) -> None:
    prepare(bench, reg.ReadPointerBase(word=4))
    bench.start()
    (found,) = bench.accelerator.doubts
    assert found.where == "layer 0"
    assert "never-written: reads 4 bytes" in found.what
    assert f"0x{mem.data_address(0, 16):08x}" in found.what


def test_a_self_test_leaves_zeros_that_count_as_written(bench) -> None:
    bench.accelerator.write(reg.Test.address(0), 1)
    bench.accelerator.write(reg.Test.address(0), 0)
    prepare(bench, reg.ReadPointerBase(word=4))
    bench.start()
    assert bench.accelerator.doubts == ()


def test_power_loss_forgets_what_was_written(bench) -> None:
    prepare(bench)
    bench.accelerator.set_power(power=0, ram=0xF, isolation=0, reset=0xF, clock=True)
    bench.accelerator.power_on()
    bench.initialize()
    bench.layer(0, layer(reg.PostProcessing(scale_reg=1, bptr_en=1, bptr_sad=3)))
    bench.start()
    where = [found.what.partition(" that nobody wrote")[0] for found in bench.accelerator.doubts]
    # The lost kernels read as zeros, so that the lost data do not matter.
    assert where == ["never-written: reads 1 kernel words", "never-written: reads 1 biases"]


def test_data_do_not_matter_to_zero_weights(bench) -> None:
    prepare(bench, reg.ReadPointerBase(word=100), kernel=0)
    bench.start()
    assert bench.accelerator.doubts == ()


def test_rows_outside_all_windows_do_not_matter(bench) -> None:
    """5x5 pixels pooled by 2: the fifth row and column are never read."""
    changes = (
        reg.RowCount(last_row=4), reg.ColumnCount(last_column=4), reg.PoolRowCount(last_row=1),
        reg.PoolColumnCount(last_column=1), reg.Stride(stride=1),
        reg.LayerControl0(**PLAIN, pool_en=1),
    )  # fmt: skip
    prepare(bench, *changes)
    bench.data(0, 0, range(19))  # rows 0 to 3, but for pixel (3, 4) in the fifth column
    bench.start()
    assert bench.accelerator.doubts == ()


def test_a_pass_through_hands_on_what_nobody_wrote(bench) -> None:
    """No warning where the unknown is only carried; one where a convolution reads it."""
    bench.initialize(layers=2)
    carry = (
        reg.Enable(pro_en=3, mask_en=0), reg.PostProcessing(ts_en=1, onexone_en=1),
        reg.WritePointerTimeSlotOffset(offset_words=0x2000),
    )  # fmt: skip
    bench.layer(0, layer(*carry))
    bench.kernels(0, [[64] * 9])
    bench.data(0, 0, range(8))  # the second half of the image is unknown
    bench.layer(1, layer(reg.ReadPointerBase(word=OUT), reg.WritePointerBase(word=2 * OUT)))
    bench.start()
    (found,) = bench.accelerator.doubts
    assert found.where == "layer 1"


def test_overwritten_input(bench) -> None:
    prepare(bench, reg.WritePointerBase(word=1))
    bench.start()
    (found,) = bench.accelerator.doubts
    assert found.what.startswith("overwrites-input: overwrites word 1 of its own input")


def test_an_output_in_place_of_the_input_does_not_unwrite_it(bench) -> None:
    """Two channels in, one out, in the same words: the second lane counts as written when read."""
    prepare(bench, reg.WritePointerBase(word=0), reg.Enable(pro_en=3, mask_en=3))
    bench.kernels(1, [[0, 0, 0, 0, 0, 0, 0, 0, 1]])
    bench.start()
    assert bench.accelerator.doubts == ()


@pytest.mark.parametrize(("word", "doubtful"), [(1, True), (2, True), (3, False)])
def test_a_word_of_four_pixels_is_needed_until_the_last_of_them_is_read(
    bench, word: int, doubtful: bool
) -> None:
    """Two windows of 2x3 in 2 rows of 6: word 1 holds pixels 4 and 5, which the second one reads.

    Pixels 6 and 7 in the same word belong to the first window.
    """
    pooling = (
        reg.RowCount(last_row=1), reg.ColumnCount(last_column=5), reg.PoolRowCount(last_row=1),
        reg.PoolColumnCount(last_column=2), reg.Stride(stride=2),
        reg.LayerControl0(**PLAIN, parallel=1, pool_en=1),
    )  # fmt: skip
    prepare(bench, *pooling, reg.WritePointerBase(word=word))
    bench.start()
    assert ("overwrites-input" in names(bench.accelerator)) is doubtful


def extreme(bench, channels: int, data: int) -> None:
    """A 3x3 convolution of one pixel, all weights -128, over ``channels`` of quadrant 0."""
    bench.initialize()
    passes = channels // 16
    size = (reg.RowCount(last_row=2), reg.ColumnCount(last_column=2), reg.OneDimensional())
    rest = (
        reg.Enable(pro_en=0xFFFF, mask_en=0xFFFF), reg.LayerControl1(inpchexp=passes - 1),
        reg.MaskCount(mcnt_max=8 * (passes - 1)), reg.PostProcessing(scale_reg=15, scale_shft=1),
    )  # fmt: skip
    bench.layer(0, layer(*size, *rest))
    for processor in range(16):
        bench.kernels(processor, [[0x80] * 9] * passes)
    for memory in range(4):
        bench.data(memory, 0, [data * 0x01010101] * 9 * passes)
    bench.start()


@pytest.mark.parametrize(("channels", "doubtful"), [(224, False), (256, True)])
def test_a_quadrant_sum_beyond_26_bits(bench, channels: int, doubtful: bool) -> None:
    """9 weights * 128 * 128 each: 2^25 is passed between 227 and 228 channels of a quadrant."""
    extreme(bench, channels, 0x80)
    assert (channels * 9 * 128 * 128 >= 1 << 25) is doubtful
    expected = [str(Doubt.QUADRANT_SUM)] if doubtful else []
    assert names(bench.accelerator) == expected
    if doubtful:
        assert f"first {channels * 9 * 128 * 128} at" in bench.accelerator.doubts[0].what


def test_the_warning_depends_on_the_data(bench) -> None:
    extreme(bench, 256, 0x01)
    assert bench.accelerator.doubts == ()


@pytest.mark.parametrize("limit", [QUADRANT_SUM_BITS, ACCUMULATOR_BITS])
def test_limits_are_those_of_signed_numbers(limit) -> None:
    """No register reaches the accumulator's limit (16 passes of 64 * 9 products end before)."""
    edge = 1 << limit.value - 1
    inside = np.array([[[edge - 1, -edge]]], np.int32)
    assert beyond(Doubt.ACCUMULATOR, "layer 0", inside, limit) == ()
    outside = np.array([[[0, edge]], [[-edge - 1, 0]]], np.int32)
    (found,) = beyond(Doubt.ACCUMULATOR, "layer 0", outside, limit)
    assert (
        f"2 sums leave {limit.value} bits, first {edge} at output 0, row 0, column 1" in found.what
    )


def test_a_frame_that_leaves_words_behind(bench) -> None:
    prepare(bench)
    bench.put(reg.InputFrame(ifrm_reg=16))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    bench.start(fifo_en=1)
    bench.accelerator.write_block(0x5000_0008, np.arange(18, dtype=np.uint32), 0)
    (found,) = bench.accelerator.doubts
    assert found.what == "fifo-surplus: FIFO 0 keeps 2 words"


def test_how_many_words_a_fifo_lacks(bench) -> None:
    prepare(bench)
    bench.put(reg.InputFrame(ifrm_reg=16))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=5))
    bench.start(fifo_en=1)
    bench.accelerator.write_block(0x5000_0008, np.arange(16, dtype=np.uint32), 0)
    bench.accelerator.write_block(0x5000_0010, np.arange(9, dtype=np.uint32), 0)
    assert bench.accelerator.waiting_for_input
    assert bench.accelerator.shortage == "FIFO 2 is 7 words short (it got 9 of 16)"


def stream(bench, *, start=39, ring=60, words=(0, 64, 128), window=1) -> tuple[str, ...]:
    """Two layers that stream 16x16 pixels; the second one pools with steps of 1.

    ``words``: where the rings and the output begin.
    """
    bench.initialize(2)
    bench.kernels(0, [[0, 0, 0, 0, 64, 0, 0, 0, 0]])
    for number in range(2):
        changes = (
            reg.RowCount(last_row=17, pad=1), reg.ColumnCount(last_column=17, pad=1),
            reg.OneDimensional(), reg.ReadPointerBase(word=words[number]),
            reg.WritePointerBase(word=words[number + 1]), reg.StreamBuffer(fbuf_max=ring),
            reg.TramPointer(tptr_sad=16 * number, tptr_max=16 * number + 15),
        )  # fmt: skip
        bench.layer(number, layer(*changes))
    if window > 1:
        size = window - 1
        bench.put(reg.PoolRowCount(last_row=size), 0, 1)
        bench.put(reg.PoolColumnCount(last_column=size), 0, 1)
        bench.put(reg.LayerControl0(**PLAIN, pool_en=1), 0, 1)
        bench.put(reg.TramPointer(tptr_sad=16, tptr_max=31 - size), 0, 1)
    bench.put(reg.Stream0(strm_isval=start), 0, 1)
    bench.put(reg.InputFrame(ifrm_reg=256))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    bench.start(fifo_en=1, stream_en=1, lilbuf=1)
    bench.accelerator.write_block(0x5000_0008, np.zeros(256, np.uint32), 0)
    return tuple(found.what for found in bench.accelerator.doubts)


def test_a_stream_that_starts_too_early(bench) -> None:
    """Two rows of 18 and three more entries are needed."""
    assert stream(bench, start=38) == (
        "stream-start: starts after 38 entries, its first window needs 39",
    )


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((0, 64, 128), None),
        ((0, 59, 128), "the ring of layer 0 and the ring of layer 1 share words"),
        ((0, 64, 100), "the ring of layer 1 and the output of layer 1 share words"),
        ((300, 64, 128), "the ring of layer 0 and the output of layer 1 share words"),
        ((0, 8140, 128), "its ring ends at word 8200"),
    ],
)
def test_rings_that_meet_or_leave_their_memory(bench, words, what) -> None:
    found = stream(bench, words=words)
    if what is None:
        assert found == ()
    else:
        assert len(found) == 1
        assert found[0].startswith(f"stream-ring: {what} of")


def test_a_ring_that_does_not_hold_a_window(bench) -> None:
    assert stream(bench, ring=1, window=2, start=60) == (
        "stream-ring: its ring has 1 words, a window needs 18",
    )


def test_strict_raises_all_of_them() -> None:
    accelerator = Accelerator(strict=True)
    accelerator.power_on()
    for value in layer(reg.WritePointerBase(word=1)):
        accelerator.write(value.address(0, 0), value.encode())
    with pytest.raises(DoubtfulProgramError) as caught:
        accelerator.write(reg.Ctrl.address(0), reg.Ctrl(clk_en=1, cnn_en=1).encode())
    assert caught.value.exit_code == 3
    assert {found.code for found in caught.value.diagnostics} == {"MX7010", "MX7011"}
    assert all(found.severity == "error" for found in caught.value.diagnostics)
