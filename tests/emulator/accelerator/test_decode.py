"""Registers of programs that pass on silicon, decoded."""

from __future__ import annotations

import pytest

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.decode import RunMode, describe_layer
from mxdeploy.emulator.accelerator.describe import Activation, LayerDescription, Operation
from mxdeploy.emulator.accelerator.registers import RegisterFile, register_slots
from mxdeploy.emulator.accelerator.view import LayerView

ORDINARY = RunMode(rounding=False, streaming=False, independent=False)
STREAMING = RunMode(rounding=False, streaming=True, independent=False)
NAMES = {cls.mnemonic[3:]: cls for cls in (*reg.LAYER_REGISTERS, *reg.STREAM_REGISTERS)}


def decode(
    layer: int, mode: RunMode = ORDINARY, **words: int | tuple[int, int, int, int]
) -> LayerDescription:
    """Words by mnemonic: one for all quadrants, or one for each."""
    file = RegisterFile(lenient=False)
    for name, value in words.items():
        each = value if isinstance(value, tuple) else (value,) * 4
        for quadrant, word in enumerate(each):
            address = NAMES[name].address(quadrant, layer)
            file.write(register_slots()[address], word)
    return describe_layer(LayerView(file, layer, (0, 1, 2, 3)), mode)


def test_mnist_layer_0() -> None:
    layer = decode(
        0, RCNT=0x1001D, CCNT=0x1001D, WPTR_BASE=0x2800, WPTR_MOFF=0x2000, LCTRL0=0xB60,
        MCNT=0x1D8, TPTR=0x1B, EN=(0x10001, 0, 0, 0), POST=0x22000, LCTRL1=0x1D800,
    )  # fmt: skip
    assert layer.operation is Operation.CONVOLUTION
    assert layer.reading.chw
    assert (layer.reading.rows, layer.reading.columns, layer.pad) == (28, 28, (1, 1))
    assert layer.reading.processors == (0,)
    assert layer.kernels is not None
    assert (layer.kernels.size, layer.kernels.slots, layer.kernels.columns) == ((3, 3), 60, 60)
    assert layer.scaling is not None
    assert (layer.scaling.shift, layer.scaling.activation) == (-1, Activation.RELU)
    assert layer.summed == (0,)
    assert layer.pooling is None
    assert layer.out_size == (28, 28)
    # Output processors 4..63: data memory 1, byte 0x2000.
    assert layer.writing.bases[0] == (0, 1 * mem.DATA_WORDS + 0x2000 // 4)


def test_mnist_layer_1() -> None:
    layer = decode(
        1, RCNT=0x2001F, CCNT=0x2001F, PRCNT=1, PCCNT=1, STRIDE=1, WPTR_BASE=0x2000,
        WPTR_MOFF=0x2000, RPTR_BASE=0x800, LCTRL0=(0xEBA0, 0xBA0, 0xBA0, 0xBA0), MCNT=0x1D8,
        TPTR=0xF, EN=(0xFFF0FFF0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), POST=0x24000,
        LCTRL1=0x1D800,
    )  # fmt: skip
    assert (layer.reading.rows, layer.reading.columns) == (28, 28)
    assert layer.pooling is not None
    assert (layer.pooling.kind, layer.pooling.window, layer.pooling.stride) == ("max", (2, 2), 2)
    assert layer.pad == (2, 2)
    assert layer.pooled_size == (14, 14)
    assert layer.out_size == (16, 16)
    assert layer.reading.processors == tuple(range(4, 64))
    assert layer.summed == (0, 1, 2, 3)
    assert layer.scaling is not None
    assert layer.scaling.shift == -2


def test_mnist_layer_3_averages() -> None:
    layer = decode(
        3, RCNT=0x10009, CCNT=0x10009, PRCNT=1, PCCNT=1, STRIDE=1, WPTR_MOFF=0x2000,
        RPTR_BASE=0x800, LCTRL0=(0xEAA0, 0xAA0, 0xAA0, 0xAA0), MCNT=0x3A003F8, TPTR=3,
        EN=(0xFFF0FFF0, 0xFFFFFFFF, 0xFFFFFFFF, 0x0FFF0FFF), POST=0x22000, LCTRL1=0x5800,
    )  # fmt: skip
    assert layer.pooling is not None
    assert layer.pooling.kind == "average"
    assert not layer.pooling.rounding
    assert layer.kernels is not None
    assert (layer.kernels.first >> 3, layer.kernels.slots) == (116, 12)
    assert len(layer.reading.processors) == 56


def test_mnist_layer_4_flattens() -> None:
    layer = decode(
        4, ONED=0x100, WPTR_BASE=0x400, WPTR_TOFF=1, WPTR_MOFF=0x2000, LCTRL0=0x10920,
        MCNT=0x240028F8, EN=(0x0FFF0FFF, 0, 0, 0), POST=(0x1000, 0, 0, 0), LCTRL1=0x480F,
    )  # fmt: skip
    assert (layer.reading.rows, layer.reading.columns, layer.reading.passes) == (1, 1, 16)
    assert layer.kernels is not None
    assert (layer.kernels.size, layer.kernels.slots, layer.kernels.columns) == ((1, 1), 10, 10)
    assert layer.kernels.first >> 3 == 1152
    assert layer.scaling is not None
    assert layer.scaling.wide
    assert layer.scaling.bias == ((0, 0),)
    assert layer.scaling.activation is Activation.NONE
    assert not layer.flatten  # 16 passes need no flatten_en


def test_faceid_streaming_layers() -> None:
    first = decode(
        0, STREAMING, RCNT=0x100A1, CCNT=0x10079, WPTR_BASE=0x2400, WPTR_MOFF=0x2000,
        LCTRL0=0xB20, MCNT=0x78, TPTR=0x77, EN=(0x70007, 0, 0, 0), POST=0x22000, STRM0=1,
        FBUF=2, LCTRL1=0x7800,
    )  # fmt: skip
    assert first.streaming
    assert (first.reading.rows, first.reading.columns) == (160, 120)
    assert first.slots == 16
    second = decode(
        1, STREAMING, RCNT=0x100A1, CCNT=0x10079, PRCNT=1, PCCNT=1, STRIDE=1, WPTR_BASE=0x800,
        WPTR_MOFF=0x2000, RPTR_BASE=0x400, LCTRL0=(0x2BA0, 0xBA0, 0xBA0, 0xBA0), MCNT=0xF8,
        TPTR=0x7800B3, EN=(0xFFF0FFF0, 0x000F000F, 0, 0), STRM0=0x174, STRM1=0x7C0021,
        FBUF=0x1EE, LCTRL1=0xF800,
    )  # fmt: skip
    assert second.streaming
    assert second.summed == (0, 1)
    assert second.out_size == (80, 60)


def test_faceid_layer_3_is_led_by_an_empty_quadrant() -> None:
    layer = decode(
        3, STREAMING, RCNT=0x10029, CCNT=0x1001F, PRCNT=1, PCCNT=1, STRIDE=1, WPTR_BASE=0x800,
        WPTR_MOFF=0x2000, LCTRL0=(0xCBA0, 0xBA0, 0xBA0, 0xBA0), MCNT=0x1F8, TPTR=0xE,
        EN=(0, 0, 0xFFFFFFFF, 0xFFFFFFFF), LCTRL1=0x1F800,
    )  # fmt: skip
    assert not layer.streaming
    assert layer.summed == (0, 2, 3)
    assert layer.reading.processors == tuple(range(32, 64))


@pytest.mark.parametrize(
    ("number", "words", "rows", "kernel", "pad", "first_byte", "slots", "passes"),
    [
        (0, {"RCNT": 0x7F, "ONED": 0x1100, "MCNT": 0x678, "LCTRL1": 0x19811}, 128, 1, 0, 0, 104, 2),
        (1, {"RCNT": 0x7F, "ONED": 0x1300, "MCNT": 0x2400838, "LCTRL1": 0x17811},
         128, 3, 0, 216, 96, 2),
        (2, {"RCNT": 0x1007F, "ONED": 0x1300, "PRCNT": 1, "STRIDE": 1, "MCNT": 0x8400C38,
             "LCTRL1": 0x1F801, "LCTRL0": (0x6BA0, 0xBA0, 0xBA0, 0xBA0)},
         126, 3, 1, 792, 64, 2),
        (7, {"RCNT": 0x1000F, "ONED": 0x1600, "PRCNT": 1, "STRIDE": 1, "MCNT": 0xCF010E8,
             "LCTRL1": 0x1F801, "LCTRL0": (0xEBA0, 0xBA0, 0xBA0, 0xBA0)},
         14, 6, 1, 2484, 64, 2),
    ],
)  # fmt: skip
def test_keyword_network_layers(  # noqa: PLR0913 - one column of the worked table each
    *, number: int, words: dict[str, int], rows: int, kernel: int, pad: int, first_byte: int,
    slots: int, passes: int,
) -> None:  # fmt: skip
    quadrants = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    base = {"LCTRL0": (0xEB20, 0xB20, 0xB20, 0xB20), "WPTR_MOFF": 0x2000, "EN": quadrants}
    if number == 2:
        base["EN"] = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    layer = decode(number, **(base | words))
    assert layer.kernels is not None
    assert layer.kernels.size == (kernel, 1)
    assert (layer.reading.rows, layer.reading.columns) == (rows, 1)
    assert layer.pad == (pad, 0)
    assert (layer.kernels.first >> 3) * kernel + layer.kernels.skipped_bytes == first_byte
    assert (layer.slots, layer.reading.passes) == (slots, passes)


def test_passthrough() -> None:
    layer = decode(
        0, RCNT=7, CCNT=7, PRCNT=1, PCCNT=1, STRIDE=1, WPTR_BASE=(0x400, 0x8400, 0, 0),
        WPTR_TOFF=0x2000, LCTRL0=0x9A0, EN=(0xFFFF, 0xFF, 0, 0), POST=0x3000000, ONED=0x103,
    )  # fmt: skip
    assert layer.operation is Operation.PASSTHROUGH
    assert layer.kernels is None
    assert layer.time_slots == 4
    assert layer.out_size == (4, 4)
    assert layer.writing.bases[:2] == ((0, 0x400), (1, 0x8400))


def test_transposed_convolution() -> None:
    layer = decode(
        0, RCNT=0x10009, CCNT=0x10009, WPTR_BASE=0x800, WPTR_MOFF=0x2000, LCTRL0=0x920,
        LCTRL1=0x1800, MCNT=0x18, TPTR=7, POST=0x10000000, EN=(0x70007, 0, 0, 0),
    )  # fmt: skip
    assert layer.operation is Operation.TRANSPOSED
    assert (layer.reading.rows, layer.reading.columns) == (4, 4)
    assert layer.out_size == (8, 8)


@pytest.mark.parametrize(
    ("post", "maximum", "xpch", "bits"),
    [(0, 0x20, 0x2000, 8), (0xC08000, 0x10, 0x1000, 4), (0x80C000, 8, 0x800, 2),
     (0x40E000, 4, 0x400, 1)],
)  # fmt: skip
def test_weight_widths(post: int, maximum: int, xpch: int, bits: int) -> None:
    layer = decode(
        0, RCNT=0x10009, CCNT=0x10009, WPTR_MOFF=0x2000, LCTRL0=0x920, LCTRL1=xpch,
        MCNT=maximum, EN=(0x10001, 0, 0, 0), POST=post,
    )  # fmt: skip
    assert layer.kernels is not None
    assert (layer.kernels.weight_bits, layer.kernels.slots, layer.kernels.columns) == (bits, 5, 5)
    assert layer.scaling is not None
    assert layer.scaling.shift == 8 - bits  # the implicit shift of narrow weights
