"""What a register's word means for the layer: "28 rows, padding 1", not ``last_row = 29``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import clocks
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import peripherals as per
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.peripherals import core, gcr, uart
from mxdeploy.text import count, ranges

Reading = Callable[[Any, int], str]


def read_word(register: Register, index: int = 0) -> tuple[str, ...]:
    """The register's word in words; empty when its fields say it all.

    Args:
        register: decoded word.
        index: quadrant for accelerator registers, number of a repeated peripheral register.
    """
    reading = READINGS.get(type(register))
    return tuple(reading(register, index).splitlines()) if reading else ()


def _bit_list(word: int) -> str:
    return ranges(bit for bit in range(word.bit_length()) if word >> bit & 1)


def _rows(register: reg.RowCount, _: int) -> str:
    rows = register.last_row + 1 - 2 * register.pad
    zeros = count(register.pad, "zero row")
    return f"{count(rows, 'row')} before pooling, {zeros} above and below"


def _columns(register: reg.ColumnCount, _: int) -> str:
    columns = register.last_column + 1 - 2 * register.pad
    zeros = count(register.pad, "zero column")
    return f"{count(columns, 'column')} before pooling, {zeros} left and right"


def _one_dimensional(register: reg.OneDimensional, _: int) -> str:
    if register.oned_en:
        lines = [f"1-D kernel of {count(register.oned_width, 'tap')}"]
    elif register.oned_width:
        lines = ["1x1 kernel, or pass-through"]
    else:
        lines = ["3x3 kernel, or element-wise pass-through"]
    if register.ewise_en:
        function = dict(reg.OneDimensional.bit_fields()["ewise_func"].values)
        order = "after pooling" if register.prepool else "before pooling"
        operands = count(register.ewise_cnt + 1, "operand")
        lines.append(
            f"element-wise {function[register.ewise_func]} of {operands}, "
            f"{order}{', then convolved' if register.two_d_conv else ''}"
        )
    return "\n".join(lines)


def _pool_rows(register: reg.PoolRowCount, _: int) -> str:
    return f"pooling window of {count(register.last_row + 1, 'row')}"


def _pool_columns(register: reg.PoolColumnCount, _: int) -> str:
    return f"pooling window of {count(register.last_column + 1, 'column')}"


def _stride(register: reg.Stride, _: int) -> str:
    return f"every {count(register.stride + 1, 'pixel')}" if register.stride else "every pixel"


def _write_pointer(register: reg.WritePointerBase, _: int) -> str:
    address = mem.data_address(register.instance, register.word)
    first = register.instance * mem.PROCESSORS_PER_MEMORY
    return (
        f"output begins at 0x{address:08x}: data memory {register.instance} (processors {first}-"
        f"{first + mem.PROCESSORS_PER_MEMORY - 1}), byte offset 0x{4 * register.word:x}"
    )


def _read_pointer(register: reg.ReadPointerBase, _: int) -> str:
    outside = "" if register.word < mem.DATA_WORDS else " (behind the end of a data memory)"
    return f"input begins at byte offset 0x{4 * register.word:x} of each data memory{outside}"


def _layer_control0(register: reg.LayerControl0, _: int) -> str:
    kind = "max" if register.maxpl_en else "average"
    pooling = f"{kind} pooling" if register.pool_en else "no pooling"
    return (
        f"{'CHW' if register.parallel else 'HWC'} input, {pooling}, "
        f"{'ReLU' if register.act_en else 'no ReLU'}, "
        f"{'32' if register.bigdwrt else '8'}-bit output; sums of quadrants "
        f"{_bit_list(register.cnnsi_en)} are added"
    )


def _mask_count(register: reg.MaskCount, _: int) -> str:
    first, last = register.mcnt_sad >> 3, register.mcnt_max >> 3
    return (
        f"kernel bytes number {first} (bit {register.mcnt_sad & 7}) to {last} (bit "
        f"{register.mcnt_max & 7}); with 8-bit weights {count(last - first + 1, 'kernel')}, "
        f"with 3x3 kernels from word {first}"
    )


def _enable(register: reg.Enable, quadrant: int) -> str:
    shift = quadrant * mem.PROCESSORS_PER_QUADRANT
    return (
        f"processors {_bit_list(register.pro_en << shift)}\n"
        f"kernels of processors {_bit_list(register.mask_en << shift)}"
    )


def _post(register: reg.PostProcessing, _: int) -> str:
    direction = "right" if register.scale_shft else "left"
    width = dict(reg.PostProcessing.bit_fields()["mask_size"].values)[register.mask_size]
    lines = [f"{width} weights, output shifted {direction} by {register.scale_reg}"]
    if register.bptr_en:
        lines.append(f"bias from byte {register.bptr_sad} of this quadrant's bias memory")
    if register.ts_en:
        lines.append("pass-through: no convolution")
    return "\n".join(lines)


def _layer_control1(register: reg.LayerControl1, _: int) -> str:
    return (
        f"{count(register.inpchexp + 1, 'input pass')} (flatten: its low four bits), "
        f"{count(register.wptr_inc + 1, 'word')} from pixel to pixel in the output, "
        f"{count(register.xpch_max // 8 + 1, 'output column')} with 8-bit weights"
    )


def _last_layer(register: reg.LayerCountMax, _: int) -> str:
    return count(register.lcnt + 1, "layer")


def _fifo_control(register: reg.FifoControl, _: int) -> str:
    return f"FIFOs {_bit_list(register.fifo_en)} on"


def _lines(register: Any, index: int) -> str:  # noqa: ANN401 - any NVIC bit register
    word = register.encode() << 32 * index
    names = [line.name for line in per.INTERRUPTS if word >> line.number & 1]
    return f"interrupts: {', '.join(names) or 'none'}"


def _system_clock(register: gcr.ClockControl, _: int) -> str:
    source = dict(gcr.ClockControl.bit_fields()["sysclk_sel"].values)
    name = source.get(register.sysclk_sel, "a reserved source")
    return f"system clock: {name} divided by {1 << register.sysclk_div}"


def _uart_clock(register: uart.ClockDivider, _: int) -> str:
    if not register.clkdiv:
        return ""
    return (
        f"{clocks.IBRO_HZ // register.clkdiv} baud from IBRO, "
        f"{clocks.PCLK_HZ // register.clkdiv} baud from PCLK"
    )


READINGS: dict[type[Register], Reading] = {
    reg.RowCount: _rows,
    reg.ColumnCount: _columns,
    reg.OneDimensional: _one_dimensional,
    reg.PoolRowCount: _pool_rows,
    reg.PoolColumnCount: _pool_columns,
    reg.Stride: _stride,
    reg.WritePointerBase: _write_pointer,
    reg.ReadPointerBase: _read_pointer,
    reg.LayerControl0: _layer_control0,
    reg.MaskCount: _mask_count,
    reg.Enable: _enable,
    reg.PostProcessing: _post,
    reg.LayerControl1: _layer_control1,
    reg.LayerCountMax: _last_layer,
    reg.FifoControl: _fifo_control,
    core.InterruptSetEnable: _lines,
    core.InterruptClearEnable: _lines,
    core.InterruptSetPending: _lines,
    core.InterruptClearPending: _lines,
    core.InterruptActive: _lines,
    gcr.ClockControl: _system_clock,
    uart.ClockDivider: _uart_clock,
}
