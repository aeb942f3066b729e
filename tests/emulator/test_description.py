"""What the registers of recorded programs spell, in words, against what the programs are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.description import ProgramWords, describe
from mxdeploy.emulator.trace import load_trace
from tests.emulator.test_replay import small_program


def words_of(path: Path) -> ProgramWords:
    return describe(load_trace(path))


def steps(program: ProgramWords, number: int) -> dict[str, str]:
    return dict(program.layers[number].steps)


@pytest.mark.shared
def test_a_known_network(shared: Path) -> None:
    """mnist: its layers and places as the vendor's example documents them."""
    program = words_of(shared / "traces" / "sdk-mnist.npz")
    assert program.summary[:2] == ("5 layers on quadrants 0-3", "input in data memory")
    assert program.summary[2].startswith("70,157 cycles = 1.403 ms at 50 MHz, about 1.410 ms")
    assert [layer.cycles for layer in program.layers] == [48_956, 16_664, 4_012, 332, 192]
    first, second, last = steps(program, 0), steps(program, 1), steps(program, 4)
    assert first["reads"] == (
        "1 channel of 28x28 (CHW) on processors 0, from byte 0x0000 of data memories 0"
    )
    assert first["writes"] == "60 channels of 28x28 for processors 4-63 from byte 0x2000"
    assert second["pools"] == "max 2x2 stride 2, to 14x14"
    assert (
        second["convolves"] == "3x3, padding 2, 60 output slots, 8-bit weights from kernel word 0"
    )
    assert second["sums"] == "quadrants 0-3"
    assert steps(program, 3)["pools"] == "average 2x2 stride 2, fraction dropped, to 4x4"
    assert last["adds"] == "biases from byte 0 of quadrant 0, times 128"
    assert last["keeps"] == "the 32-bit sums"
    assert "8-bit weights from kernel word 128" in last["convolves"]


@pytest.mark.shared
def test_streaming_is_marked_as_an_estimate(shared: Path) -> None:
    program = words_of(shared / "traces" / "d-faceid.npz")
    assert "input through FIFO 0, 19200 words each frame" in program.summary
    assert "estimate" in program.summary[-1]
    assert "starts after 372 entries" in steps(program, 1)["streams"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "layer", "verb", "text"),
    [
        ("t-resnet-4l", 4, "combines", "2 operands by add, saturated to 8 bits"),
        ("t-resnet-4l~xor", 4, "combines", "2 operands by xor, saturated to 8 bits"),
        ("t-upsample", 0, "spreads", "each pixel to 2x2 with zeros, to 8x8"),
        ("t-conv1d-5", 0, "convolves", "5 taps"),
        ("t-cifar10-abs", 0, "scales", "absolute value"),
        ("r-324-poolstrideonly", 0, "samples", "row and column, to "),
        ("r-254-riscv-csv-qfastfifostream-cifar2-hwc-s2", 0, "shares", "each fourth output"),
        ("t-wideout-q4", 0, "convolves", "4-bit weights"),
        ("t-pooling16x16s16", 0, "pools", "16x16 stride 16"),
    ],
)
def test_single_features(shared: Path, name: str, layer: int, verb: str, text: str) -> None:
    found = steps(words_of(shared / "traces" / f"{name}.npz"), layer)
    assert text in found[verb]


def test_pool_order_is_that_of_the_steps(tmp_path: Path) -> None:
    for first in (0, 1):
        recorder = small_program()
        one = reg.OneDimensional(
            oned_width=1, ewise_en=1, ewise_func=1, ewise_cnt=1, two_d_conv=1, prepool=first
        )
        control = reg.LayerControl0(master=1, sramlsrc=1, maxpl_en=1, pool_en=1)
        size = (reg.RowCount(last_row=1), reg.ColumnCount(last_column=1))
        window = (reg.PoolRowCount(last_row=1), reg.PoolColumnCount(last_column=1))
        for register in (one, control, *size, *window, reg.Stride(stride=1)):
            recorder.put(register)
        recorder.start()
        program = words_of(recorder.save(tmp_path / "a.npz", {}))
        verbs = [verb for verb, _ in program.layers[0].steps]
        assert verbs[1:3] == (["pools", "combines"] if first else ["combines", "pools"])


def test_layers_that_cannot_be_decoded_are_named_beside_those_that_can(tmp_path: Path) -> None:
    recorder = small_program()
    recorder.put(reg.LayerCountMax(lcnt=1))
    recorder.start()
    program = words_of(recorder.save(tmp_path / "a.npz", {0x50400190: 42}))
    assert steps(program, 0)["writes"] == "1 channel of 1x1 for processors 0 from byte 0x0190"
    assert program.layers[1].steps == ()
    assert "no-processors" in program.layers[1].refusal
    assert "does not run" in program.summary[-1]
    assert "layer 1\n  error[MX7002] layer 1: Ly_EN" in program.to_text()


def test_modes_that_concern_all_layers(tmp_path: Path) -> None:
    recorder = small_program()
    recorder.start(simple1b=1)
    program = words_of(recorder.save(tmp_path / "a.npz", {}))
    assert program.layers == ()
    assert "simple1b" in program.summary[0]


def test_a_program_that_waits(tmp_path: Path) -> None:
    recorder = small_program()
    program = words_of(recorder.save(tmp_path / "a.npz", {}))
    assert program.summary[-1] == "was not started or waits for its input"
    assert program.layers[0].cycles is None
    assert np.all([verb for verb, _ in program.layers[0].steps])
