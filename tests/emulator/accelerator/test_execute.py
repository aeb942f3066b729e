"""Whole layers, from registers to words in memory, against plain loops over the written rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import Accelerator

OUT_WORD = 4096


@dataclass(frozen=True)
class Case:
    """A random layer: processors 0.. of quadrants 0 and 1, outputs from processor 0 on."""

    seed: int
    processors: tuple[int, ...]
    rows: int
    columns: int
    passes: int
    operands: int
    function: str
    kernel: int  # 3, 1, or 0 for a pass-through
    pad: int
    window: tuple[int, int]
    stride: int
    average: bool
    pool_first: bool
    outputs: int
    out_columns: int
    bits: int
    shift: int
    activation: str
    bias: bool
    wide: bool
    gap: int

    @property
    def out_passes(self) -> int:
        return -(-self.outputs // self.out_columns)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kernel = draw(st.sampled_from([3, 1, 0]))
    operands = draw(st.sampled_from([1, 1, 2, 3]))
    passes = draw(st.integers(1, 3)) if operands == 1 else 1
    window = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    stride = draw(st.integers(1, 3))
    wide = kernel > 0 and draw(st.booleans())
    outputs = draw(st.integers(1, 9))
    activation = "none" if wide or kernel == 0 else draw(st.sampled_from(["none", "relu", "abs"]))
    return Case(
        seed=draw(st.integers(0, 2**32 - 1)),
        processors=tuple(sorted(draw(st.sets(st.integers(0, 31), min_size=1, max_size=6)))),
        rows=window[0] + draw(st.integers(0, 4)) + 2 * stride,
        columns=window[1] + draw(st.integers(0, 4)) + 2 * stride,
        passes=passes,
        operands=operands,
        function=draw(st.sampled_from(["add", "sub", "or", "xor"])),
        kernel=kernel,
        pad=draw(st.integers(0, 2)) if kernel == 3 else 0,
        window=window,
        stride=stride,
        average=draw(st.booleans()),
        pool_first=draw(st.booleans()),
        outputs=outputs,
        out_columns=draw(st.integers(-(-outputs // 2), outputs)),
        bits=draw(st.sampled_from([8, 4, 2, 1])),
        shift=0 if wide or kernel == 0 else draw(st.integers(-6, 9)),
        activation=activation,
        bias=kernel > 0 and draw(st.booleans()),
        wide=wide,
        gap=draw(st.integers(0, 2)),
    )


def enables(case: Case, quadrant: int) -> int:
    return sum(1 << p % 16 for p in case.processors if p // 16 == quadrant)


def one_dimensional(case: Case) -> reg.OneDimensional:
    fields: dict[str, int] = {"oned_width": int(case.kernel == 1)}
    if not case.kernel:
        most = max(enables(case, quadrant).bit_count() for quadrant in (0, 1))
        fields = {"oned_width": int(case.operands == 1), "tscnt_max": (most - 1) // 4}
    if case.operands > 1:
        code = {"sub": 0, "add": 1, "or": 2, "xor": 3}[case.function]
        fields |= {"ewise_en": 1, "ewise_func": code, "ewise_cnt": case.operands - 1}
        fields |= {"prepool": int(case.pool_first), "two_d_conv": int(case.kernel > 0)}
    return reg.OneDimensional(**fields)


def shared_registers(case: Case) -> tuple[reg.LayerRegister, ...]:
    conv = case.kernel > 0
    out_columns = -(-(case.columns - case.window[1] + 1) // case.stride) + 2 * case.pad - 2
    per_pixel = case.out_passes if conv else 1
    last = (case.outputs * case.passes - 1) * case.bits if conv else 8 * (case.passes - 1)
    return (
        reg.RowCount(last_row=case.rows - 1 + 2 * case.pad, pad=case.pad),
        reg.ColumnCount(last_column=case.columns - 1 + 2 * case.pad, pad=case.pad),
        one_dimensional(case),
        reg.PoolRowCount(last_row=case.window[0] - 1),
        reg.PoolColumnCount(last_column=case.window[1] - 1),
        reg.Stride(stride=case.stride - 1),
        reg.WritePointerTimeSlotOffset(offset_words=0x2000),
        reg.WritePointerMaskOffset(offset_words=0x2000),
        reg.WritePointerChannelOffset(offset_words=(4 if case.wide else 1) * (case.gap + 1)),
        reg.LayerControl1(
            inpchexp=case.passes - 1,
            wptr_inc=per_pixel * (case.gap + 1) - 1,
            xpch_max=(case.out_columns - 1) * case.bits,
        ),
        reg.TramPointer(tptr_max=out_columns - 1 if case.kernel == 3 else 0),
        reg.MaskCount(mcnt_max=last),
    )


def own_registers(case: Case, quadrant: int) -> tuple[reg.LayerRegister, ...]:
    conv = case.kernel > 0
    bits = enables(case, quadrant)
    return (
        reg.WritePointerBase(word=OUT_WORD, instance=0 if conv else 4 * quadrant),
        reg.LayerControl0(
            master=1,
            sramlsrc=1,
            pool_en=int(case.window != (1, 1)),
            maxpl_en=int(not case.average),
            act_en=int(case.activation == "relu"),
            bigdwrt=int(case.wide),
            cnnsi_en=2 if conv and quadrant == 0 else 0,
        ),
        reg.Enable(pro_en=bits, mask_en=bits if conv else 0),
        reg.PostProcessing(
            bptr_en=int(case.bias and quadrant == 1),
            bptr_sad=20 if quadrant == 1 else 0,
            scale_reg=abs(case.shift),
            scale_shft=int(case.shift < 0),
            mask_size={8: 0, 1: 1, 2: 2, 4: 3}[case.bits],
            out_abs=int(case.activation == "abs"),
            ts_en=int(not conv),
            onexone_en=int(not conv and case.operands == 1),
        ),
    )


def write_program(
    accelerator: Accelerator, case: Case, weights: np.ndarray, biases: np.ndarray
) -> None:
    for quadrant in (0, 1):
        accelerator.write(reg.Ctrl.address(quadrant), reg.Ctrl(clk_en=1, mexpress=1).encode())
        for value in (*shared_registers(case), *own_registers(case, quadrant)):
            accelerator.write(value.address(quadrant, 0), value.encode())
    for ordinal, processor in enumerate(case.processors if case.kernel else ()):
        stream = layouts.pack_kernels(weights[:, :, ordinal], case.bits)
        words = layouts.words_to_packed(layouts.stream_to_words(stream))
        accelerator.write(mem.kernel_loader_address(processor), 1, 1)
        accelerator.write_block(mem.kernel_address(processor), words, 4)
    for slot in range(case.outputs):
        accelerator.write(mem.bias_address(1, 20 + slot), int(biases[slot]) & 0xFF)


def start(accelerator: Accelerator) -> None:
    control = {"clk_en": 1, "mexpress": 1, "rdy_sel": 0}
    for quadrant in (0, 1):
        value = reg.Ctrl(ext_sync_en=1, cnn_en=quadrant, **control)
        accelerator.write(reg.Ctrl.address(quadrant), value.encode())
    accelerator.write(reg.Ctrl.address(0), reg.Ctrl(cnn_en=1, **control).encode())


def pool(case: Case, plane: list[list[int]]) -> list[list[int]]:
    """Windows at multiples of the stride, full ones only; averages drop the fraction."""
    result = []
    for top in range(0, case.rows - case.window[0] + 1, case.stride):
        line = []
        for left in range(0, case.columns - case.window[1] + 1, case.stride):
            values = [
                plane[top + y][left + x]
                for y in range(case.window[0])
                for x in range(case.window[1])
            ]
            # Without a window there is nothing to average: a single pixel stays as it is.
            line.append(int(sum(values) / len(values)) if case.average else max(values))
        result.append(line)
    return result


def combine(case: Case, values: list[int]) -> int:
    total = values[0]
    for value in values[1:]:
        if case.function == "add":
            total += value
        elif case.function == "sub":
            total -= value
        else:
            total = total | value if case.function == "or" else total ^ value
    return max(-128, min(127, total))


def in_flight(case: Case, planes: list[list[list[int]]]) -> list[list[int]]:
    """One channel: its operands' planes pooled and combined."""

    def merged(several: list[list[list[int]]]) -> list[list[int]]:
        return [
            [combine(case, list(pixels)) for pixels in zip(*lines, strict=True)]
            for lines in zip(*several, strict=True)
        ]

    if case.pool_first:
        return merged([pool(case, plane) for plane in planes])
    return pool(case, merged(planes))


def finish(case: Case, total: int) -> int:
    if case.wide:
        return total
    scaled = (total * 2.0**case.shift) / 128
    value = max(-128, min(127, int(np.floor(scaled + 0.5))))
    if case.activation == "abs":
        return min(abs(value), 127)
    return max(value, 0) if case.activation == "relu" else value


Channels = list[list[list[list[int]]]]
"""Pooled and combined data: [pass][ordinal][row][column]."""
Expected = dict[tuple[int, int], int]
"""(data memory, word) -> value."""


def put_byte(words: Expected, memory: int, word: int, lane: int, value: int) -> None:
    words[memory, word] = words.get((memory, word), 0) | (value & 0xFF) << 8 * lane


def passthrough_words(case: Case, channels: Channels) -> Expected:
    """Each quadrant packs its own processors, four per word, from its own base on."""
    words: Expected = {}
    columns = len(channels[0][0][0])
    for quadrant in (0, 1):
        own = [n for n, p in enumerate(case.processors) if p // 16 == quadrant]
        for position, ordinal in enumerate(own):
            for e in range(case.passes):
                plane = channels[e][ordinal]
                for pixel in range(len(plane) * columns):
                    value = plane[pixel // columns][pixel % columns]
                    word = OUT_WORD + (pixel * case.passes + e) * (case.gap + 1)
                    put_byte(words, 4 * quadrant + position // 4, word, position % 4, value)
    return words


def total_at(case: Case, channels: Channels, kernels: np.ndarray, y: int, x: int) -> int:
    """The sum of products for one output pixel; kernels [pass][ordinal][tap]."""
    total = 0
    for e, several in enumerate(channels):
        for n, plane in enumerate(several):
            for tap in range(case.kernel**2):
                row = y + tap // case.kernel - case.pad
                column = x + tap % case.kernel - case.pad
                if 0 <= row < len(plane) and 0 <= column < len(plane[0]):
                    total += int(kernels[e, n, tap]) * plane[row][column]
    return total


def convolution_words(
    case: Case, channels: Channels, weights: np.ndarray, biases: np.ndarray
) -> Expected:
    words: Expected = {}
    grow = 2 * case.pad - case.kernel + 1
    height, width = len(channels[0][0]) + grow, len(channels[0][0][0]) + grow
    for slot in range(case.outputs):
        output_pass, column = divmod(slot, case.out_columns)
        for pixel in range(height * width):
            total = total_at(case, channels, weights[slot], *divmod(pixel, width))
            value = finish(case, total + (int(biases[slot]) * 128 if case.bias else 0))
            index = (pixel * case.out_passes + output_pass) * (case.gap + 1)
            if case.wide:
                word = OUT_WORD + 4 * index + column % 4
                words[column // 4, word] = value & 0xFFFF_FFFF
            else:
                put_byte(words, column // 4, OUT_WORD + index, column % 4, value)
    return words


@settings(max_examples=80, deadline=None)
@given(cases())
def test_layers_against_plain_loops(case: Case) -> None:
    rng = np.random.default_rng(case.seed)
    shape = (case.operands, case.passes, len(case.processors), case.rows, case.columns)
    data = rng.integers(-128, 128, shape)
    limit = 1 << (case.bits - 1)
    taps = max(case.kernel, 1) ** 2
    weights = rng.integers(-limit, limit, (case.outputs, case.passes, len(case.processors), taps))
    biases = rng.integers(-128, 128, case.outputs)
    if case.window == (1, 1):
        case = Case(**(case.__dict__ | {"average": False}))

    accelerator = Accelerator()
    accelerator.power_on()
    write_program(accelerator, case, weights, biases)
    lanes = accelerator.data_memory.view(np.int8).reshape(16, 8192, 4)
    for ordinal, processor in enumerate(case.processors):
        for pixel in range(case.rows * case.columns):
            y, x = divmod(pixel, case.columns)
            for e in range(case.passes):
                for k in range(case.operands):
                    word = (pixel * case.passes + e) * case.operands + k
                    lanes[processor // 4, word, processor % 4] = data[k, e, ordinal, y, x]
    before = accelerator.data_memory.copy()
    start(accelerator)

    channels = [
        [in_flight(case, data[:, e, n].tolist()) for n in range(len(case.processors))]
        for e in range(case.passes)
    ]
    expected = before
    words = (
        convolution_words(case, channels, weights, biases)
        if case.kernel
        else passthrough_words(case, channels)
    )
    for (memory, word), value in words.items():
        expected[memory, word] = value
    np.testing.assert_array_equal(accelerator.data_memory, expected)
    assert accelerator.busy_cycles == 1 + accelerator.layers[0].cycles
