"""Starts, completion, repeated runs, FIFOs, streaming, four independent quadrants, self-tests."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import NotModelledError
from mxdeploy.emulator.accelerator.locate import origin_of

PLAIN = {"master": 1, "maxpl_en": 1, "sramlsrc": 1}
OUT = 1024
FIFO_0 = 0x5000_0008
FAST_FIFO = 0x400C_0410


def copy_layer(  # a 1x1 convolution with weight 64 and left shift 1: output = input
    *, word: int = 0, out: int = OUT, size: tuple[int, int] = (4, 4), outputs: int = 1
) -> tuple[reg.LayerRegister, ...]:
    return (
        reg.RowCount(last_row=size[0] - 1),
        reg.ColumnCount(last_column=size[1] - 1),
        reg.OneDimensional(oned_width=1),
        reg.ReadPointerBase(word=word),
        reg.WritePointerBase(word=out),
        reg.WritePointerMaskOffset(offset_words=0x2000),
        reg.LayerControl0(**PLAIN),
        reg.LayerControl1(xpch_max=8 * (outputs - 1)),
        reg.MaskCount(mcnt_max=8 * (outputs - 1)),
        reg.PostProcessing(scale_reg=1),
        reg.Enable(pro_en=1, mask_en=1),
    )


def prepare_copy(bench, layers: int = 1) -> None:
    bench.initialize(layers)
    bench.kernels(0, [[0, 0, 0, 0, 0, 0, 0, 0, 64]])
    for number in range(layers):
        bench.layer(number, copy_layer(word=number * OUT, out=(number + 1) * OUT))


def test_completion_and_interrupt(bench) -> None:
    prepare_copy(bench)
    bench.data(0, 0, range(16))
    accelerator = bench.accelerator
    assert accelerator.busy_cycles is None
    accelerator.complete()  # nothing runs: nothing happens
    assert not accelerator.interrupt
    bench.start()
    # 4 rows of 4 pixels: 2 cycles to read each, 1 per output, 1 more per row; 1 for the start.
    assert accelerator.busy_cycles == 4 * (4 * 2 + 4 * 1 + 1) + 1
    assert not accelerator.interrupt
    accelerator.complete()
    assert accelerator.interrupt
    assert accelerator.busy_cycles is None
    control = accelerator.read(reg.Ctrl.address(0))
    assert control >> 12 & 1
    accelerator.write(reg.Ctrl.address(0), control & ~(1 << 12 | 1))
    assert not accelerator.interrupt
    assert bench.bytes_at(0, OUT, 16) == list(range(16))
    (result,) = accelerator.layers
    assert result.output.tolist() == [np.arange(16).reshape(4, 4).tolist()]


def test_an_interrupt_can_be_forced(bench) -> None:
    bench.put(reg.Ctrl(clk_en=1, cnn_irq=1), 2)
    assert bench.accelerator.interrupt


def test_each_start_needs_an_edge(bench) -> None:
    prepare_copy(bench)
    bench.data(0, 0, [5])
    bench.start()
    bench.accelerator.complete()
    bench.data(0, 0, [7])
    bench.put(reg.Ctrl(clk_en=1, cnn_en=1, mexpress=1))  # still enabled: no edge
    assert bench.bytes_at(0, OUT, 1) == [5]
    bench.start()
    assert bench.bytes_at(0, OUT, 1) == [7]


def test_a_run_that_is_stopped_goes_on(bench) -> None:
    """Before completion cnn_en stops and continues; only then it starts anew."""
    prepare_copy(bench)
    bench.data(0, 0, [5])
    bench.start()
    cycles = bench.accelerator.busy_cycles
    bench.data(0, 0, [7])
    bench.put(reg.Ctrl(clk_en=1, mexpress=1))
    bench.put(reg.Ctrl(clk_en=1, cnn_en=1, mexpress=1))
    assert bench.accelerator.busy_cycles == cycles
    assert bench.bytes_at(0, OUT, 1) == [5]
    bench.accelerator.complete()
    bench.start()
    assert bench.bytes_at(0, OUT, 1) == [7]


def test_repeated_runs_see_new_weights_biases_and_registers(bench) -> None:
    prepare_copy(bench)
    bench.data(0, 0, [10] * 16)

    def run() -> int:
        bench.start()
        bench.accelerator.complete()
        return bench.bytes_at(0, OUT, 1)[0]

    assert run() == 10
    assert run() == 10
    bench.kernels(0, [[0, 0, 0, 0, 0, 0, 0, 0, 0xC0]])  # -64
    assert run() == -10
    bench.put(reg.PostProcessing(scale_reg=1, bptr_en=1, bptr_sad=3), 0, 0)
    bench.accelerator.write(mem.bias_address(0, 3), 4)
    assert run() == -2  # -10 + 2 * 4
    bench.accelerator.write(mem.bias_address(0, 3), 0xFF)
    assert run() == -12
    bench.put(reg.LayerControl0(**PLAIN, act_en=1), 0, 0)
    assert run() == 0


def test_layers_follow_each_other(bench) -> None:
    prepare_copy(bench, layers=3)
    bench.data(0, 0, range(100, 116))
    bench.start()
    assert bench.bytes_at(0, 3 * OUT, 16) == list(range(100, 116))
    assert [layer.description.number for layer in bench.accelerator.layers] == [0, 1, 2]
    assert bench.accelerator.busy_cycles == 1 + sum(x.cycles for x in bench.accelerator.layers)


def test_writing_onto_the_own_input(bench) -> None:
    """In place is safe for one word per pixel."""
    prepare_copy(bench)
    bench.put(reg.WritePointerBase(word=0), 0, 0)
    bench.data(0, 0, range(16))
    bench.start()
    assert bench.bytes_at(0, 0, 16) == list(range(16))
    assert bench.accelerator.doubts == ()


def test_row_cache_pointer(bench) -> None:
    prepare_copy(bench)
    bench.put(reg.TramPointer(tptr_max=3), 0, 0)
    with pytest.raises(NotModelledError, match="row cache needs 0") as caught:
        bench.start()
    assert (caught.value.register, caught.value.field, caught.value.value) == (
        "Ly_TPTR", "tptr_max", 3,
    )  # fmt: skip


def test_fifo_frame(bench) -> None:
    """The run begins when the frame is complete; the words lie in data memory then."""
    prepare_copy(bench)
    bench.put(reg.InputFrame(ifrm_reg=16))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    assert bench.accelerator.read(0x5000_0004) >> 4 & 1  # empty
    bench.start(fifo_en=1)
    assert bench.accelerator.busy_cycles is None
    assert bench.accelerator.waiting_for_input
    bench.accelerator.write_block(FIFO_0, np.arange(15, dtype=np.uint32), 0)
    assert bench.accelerator.busy_cycles is None
    bench.accelerator.write(FIFO_0, 15)
    assert bench.accelerator.busy_cycles is not None
    assert bench.bytes_at(0, OUT, 16) == list(range(16))
    assert bench.bytes_at(0, 0, 16) == list(range(16))


def test_fifos_in_lock_step(bench) -> None:
    """Two FIFOs feed processors 0 and 16; both quadrants' products are added."""
    bench.initialize(quadrants=(0, 1))
    for processor in (0, 16):
        bench.kernels(processor, [[0, 0, 0, 0, 0, 0, 0, 0, 64]])
    bench.layer(0, copy_layer(size=(1, 2)), (0, 1))
    bench.put(reg.LayerControl0(**PLAIN, cnnsi_en=2), 0, 0)
    for quadrant in (0, 1):
        bench.put(reg.InputFrame(ifrm_reg=2), quadrant)
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=3))
    bench.start((0, 1), fifo_en=1)
    for fifo, value in ((0, 1), (0, 2), (1, 30)):
        bench.accelerator.write(FIFO_0 + 4 * fifo, value)
    assert bench.accelerator.waiting_for_input
    bench.accelerator.write(FIFO_0 + 4, 40)
    assert bench.bytes_at(0, OUT, 2) == [31, 42]


@pytest.mark.parametrize("group", [0, 1])
def test_fast_fifo(bench, group: int) -> None:
    """Grouped: the word's bytes go to processors 0-3; not grouped: to 0, 16, 32, 48."""
    quadrants = (0,) if group else (0, 1)
    bench.initialize(quadrants=quadrants)
    second = 1 if group else 16
    for processor in (0, second):
        bench.kernels(processor, [[0, 0, 0, 0, 0, 0, 0, 0, 64]])
    bench.layer(0, copy_layer(size=(1, 1)), quadrants)
    if group:
        bench.put(reg.Enable(pro_en=3, mask_en=3), 0, 0)
    else:
        bench.put(reg.LayerControl0(**PLAIN, cnnsi_en=2), 0, 0)
    for quadrant in quadrants:
        bench.put(reg.InputFrame(ifrm_reg=1), quadrant)
    bench.start(quadrants, fifo_en=1, ffifo_en=1, fifogrp=group)
    bench.accelerator.write(FAST_FIFO, 0x64_32_05_03)
    assert bench.bytes_at(0, OUT, 1) == [8]


def test_independent_quadrants(bench) -> None:
    """Quadrant g computes output channels g, g + 4, ... with its own kernels and biases."""
    every = (0, 1, 2, 3)
    bench.initialize(quadrants=every)
    for quadrant in every:
        # stream bytes: kernels of slots 0 and 1
        weights = [16 * (quadrant + 1), -16 * (quadrant + 1)]
        bench.kernels(16 * quadrant, [[0] * 7 + [weights[1], weights[0]]])
        for slot in (0, 1):
            bench.accelerator.write(mem.bias_address(quadrant, slot), 4 * slot + quadrant)
    bench.layer(0, copy_layer(size=(1, 1)), every)
    for quadrant in every:
        bench.put(reg.LayerControl1(xpch_max=7 * 8), quadrant, 0)
        bench.put(reg.MaskCount(mcnt_max=8), quadrant, 0)
        bench.put(reg.PostProcessing(bptr_en=1), quadrant, 0)
        bench.put(reg.InputFrame(ifrm_reg=1), quadrant)
    mode = {"fifo_en": 1, "clk_en": 1, "mexpress": 1, "qupac": 1, "ext_sync_en": 1}
    for quadrant in (0, 1, 2, 3, 0):
        lead = {"ffifo_en": 1, "fifogrp": 1} if quadrant == 0 else {}
        enable = int(quadrant != 0 or bool(bench.accelerator.read(reg.Ctrl.address(3)) & 1))
        bench.put(reg.Ctrl(cnn_en=enable, **mode, **lead), quadrant)
    bench.accelerator.write(FAST_FIFO, 8)
    lanes = [bench.bytes_at(channel // 4, OUT, 1, channel % 4)[0] for channel in range(8)]
    expected = [1 + 0, 2 + 1, 3 + 2, 4 + 3, -1 + 4, -2 + 5, -3 + 6, -4 + 7]
    assert lanes == expected


def test_streaming_layers_hand_over_more_than_a_memory_holds(bench) -> None:
    """Layer 0 passes 128 x 128 pixels through a ring of a few words; layer 1 subsamples."""
    bench.initialize(2)
    bench.kernels(0, [[0, 0, 0, 0, 64, 0, 0, 0, 0]])  # the centre of a 3x3 kernel
    for number, pad in ((0, 1), (1, 1)):
        layer = (
            *copy_layer(word=2048 * number, out=2048 * (number + 1), size=(128, 128)),
            reg.RowCount(last_row=127 + 2 * pad, pad=pad),
            reg.ColumnCount(last_column=127 + 2 * pad, pad=pad),
            reg.OneDimensional(),
            reg.StreamBuffer(fbuf_max=300),
        )
        bench.layer(number, layer)
    bench.put(reg.Stride(stride=3), 0, 1)
    bench.put(reg.TramPointer(tptr_max=127), 0, 0)
    bench.put(reg.TramPointer(tptr_sad=128, tptr_max=159), 0, 1)
    bench.put(reg.InputFrame(ifrm_reg=128 * 128))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    bench.start(fifo_en=1, stream_en=1, lilbuf=1)
    image = np.random.default_rng(3).integers(0, 256, (128, 128)).astype(np.uint32)
    bench.accelerator.write_block(FIFO_0, image.reshape(-1), 0)
    got = np.array(bench.bytes_at(0, 4096, 32 * 32), np.int8).reshape(32, 32)
    np.testing.assert_array_equal(got, image[::4, ::4].astype(np.uint8).view(np.int8))


def test_streaming_bias_of_layer_0_skips_one_entry(bench) -> None:
    prepare_copy(bench)
    bench.put(reg.PostProcessing(scale_reg=1, bptr_en=1, bptr_sad=5), 0, 0)
    bench.accelerator.write(mem.bias_address(0, 5), 99)
    bench.accelerator.write(mem.bias_address(0, 6), 3)
    bench.put(reg.StreamBuffer(fbuf_max=2), 0, 0)
    bench.put(reg.InputFrame(ifrm_reg=16))
    bench.put(reg.FifoControl(rdy_sel=0, fifo_cpl=1, fifo_en=1))
    bench.start(fifo_en=1, stream_en=1, lilbuf=1)
    bench.accelerator.write_block(FIFO_0, np.zeros(16, np.uint32), 0)
    assert bench.bytes_at(0, OUT, 1) == [6]


def test_self_tests_zero_the_memories(bench) -> None:
    accelerator = bench.accelerator
    bench.initialize()
    bench.kernels(0, [[1] * 9])
    bench.data(0, 3, [7])
    bench.data(4, 3, [8])  # quadrant 1
    for address in (mem.bias_address(0, 0), mem.tram_address(0, 0)):
        accelerator.write(address, 9)
    content = (mem.data_address(0, 3), mem.kernel_address(0), mem.tram_address(0, 0),
               mem.bias_address(0, 0))  # fmt: skip
    for step, (run, done) in enumerate(((0, 18), (2, 19), (4, 20), (6, 21))):
        accelerator.write(reg.Test.address(0), 1 << run)
        status = accelerator.read(reg.Test.address(0))
        assert status & (1 << 27 | 1 << done) == 1 << 27 | 1 << done
        values = [accelerator.read(address) for address in content]
        assert [value == 0 for value in values] == [index <= step for index in range(4)]
        accelerator.write(reg.Test.address(0), 0)
        assert accelerator.read(reg.Test.address(0)) == 0
    assert accelerator.read(mem.data_address(4, 3)) == 8


def test_a_self_test_runs_on_the_edge(bench) -> None:
    accelerator = bench.accelerator
    accelerator.write(reg.Test.address(0), 1)
    bench.data(0, 0, [1])
    accelerator.write(reg.Test.address(0), 1)
    assert accelerator.read(mem.data_address(0)) == 1


@pytest.mark.parametrize(("channel", "row", "column"), [(0, 0, 0), (5, 3, 2), (9, 1, 3)])
def test_origin_of_a_byte(bench, channel: int, row: int, column: int) -> None:
    bench.initialize()
    bench.layer(0, copy_layer(outputs=10))
    bench.start()
    layers = [layer.description for layer in bench.accelerator.layers]
    address = mem.data_address(channel // 4, OUT + 4 * row + column)
    origin = origin_of(layers, address, channel % 4)
    assert origin is not None
    assert (origin.layer, origin.index, origin.row, origin.column) == (0, channel, row, column)
    assert origin_of(layers, mem.data_address(2, OUT), 2) is None  # a lane of no channel
    assert origin_of(layers, mem.data_address(0, OUT - 1), 0) is None
    assert origin_of(layers, mem.bias_address(0, 0), 0) is None
