"""The registers of the MAX78000 CNN accelerator, all of them, field by field.

Names of fields follow the user guide (chapter 27) where the guide and running programs agree;
where they contradict each other the running programs win and the docstring says so. Behaviour is
not described here (see ``emulator/accelerator``), only position, width, reset value and meaning.
"""

from __future__ import annotations

from mxdeploy.chip.max78000.register_kinds import (
    BlockRegister,
    LayerRegister,
    QuadrantRegister,
    StreamRegister,
)
from mxdeploy.chip.max78000.registers_block import (
    AlwaysOnControl,
    FastFifoControl,
    FastFifoData,
    FastFifoDma,
    FastFifoInterruptEnable,
    FastFifoInterruptStatus,
    FastFifoStatus,
    FifoControl,
    FifoStatus,
    FifoWrite0,
    FifoWrite1,
    FifoWrite2,
    FifoWrite3,
)
from mxdeploy.chip.max78000.registers_layer import (
    ColumnCount,
    Enable,
    LayerControl0,
    LayerControl1,
    MaskCount,
    OneDimensional,
    PoolColumnCount,
    PoolRowCount,
    PostProcessing,
    ReadPointerBase,
    RowCount,
    Stream0,
    Stream1,
    StreamBuffer,
    Stride,
    TramPointer,
    WritePointerBase,
    WritePointerChannelOffset,
    WritePointerMaskOffset,
    WritePointerTimeSlotOffset,
)
from mxdeploy.chip.max78000.registers_quadrant import (
    Ctrl,
    InputFrame,
    LayerCountMax,
    Mlat,
    Sram,
    Test,
)

__all__ = [
    "BLOCK_REGISTERS",
    "FIFO_WRITE",
    "LAYER_REGISTERS",
    "QUADRANT_REGISTERS",
    "STREAM_REGISTERS",
    "AlwaysOnControl",
    "BlockRegister",
    "ColumnCount",
    "Ctrl",
    "Enable",
    "FastFifoControl",
    "FastFifoData",
    "FastFifoDma",
    "FastFifoInterruptEnable",
    "FastFifoInterruptStatus",
    "FastFifoStatus",
    "FifoControl",
    "FifoStatus",
    "FifoWrite0",
    "FifoWrite1",
    "FifoWrite2",
    "FifoWrite3",
    "InputFrame",
    "LayerControl0",
    "LayerControl1",
    "LayerCountMax",
    "LayerRegister",
    "MaskCount",
    "Mlat",
    "OneDimensional",
    "PoolColumnCount",
    "PoolRowCount",
    "PostProcessing",
    "QuadrantRegister",
    "ReadPointerBase",
    "RowCount",
    "Sram",
    "Stream0",
    "Stream1",
    "StreamBuffer",
    "StreamRegister",
    "Stride",
    "Test",
    "TramPointer",
    "WritePointerBase",
    "WritePointerChannelOffset",
    "WritePointerMaskOffset",
    "WritePointerTimeSlotOffset",
]

QUADRANT_REGISTERS: tuple[type[QuadrantRegister], ...] = (
    Ctrl, Sram, LayerCountMax, Test, InputFrame, Mlat,
)  # fmt: skip
LAYER_REGISTERS: tuple[type[LayerRegister], ...] = (
    RowCount, ColumnCount, OneDimensional, PoolRowCount, PoolColumnCount, Stride,
    WritePointerBase, WritePointerTimeSlotOffset, WritePointerMaskOffset,
    WritePointerChannelOffset, ReadPointerBase, LayerControl0, MaskCount, TramPointer, Enable,
    PostProcessing, LayerControl1,
)  # fmt: skip
STREAM_REGISTERS: tuple[type[StreamRegister], ...] = (Stream0, Stream1, StreamBuffer)
BLOCK_REGISTERS: tuple[type[BlockRegister], ...] = (
    FifoControl, FifoStatus, FifoWrite0, FifoWrite1, FifoWrite2, FifoWrite3, AlwaysOnControl,
    FastFifoControl, FastFifoStatus, FastFifoInterruptEnable, FastFifoInterruptStatus,
    FastFifoData, FastFifoDma,
)  # fmt: skip
FIFO_WRITE: tuple[type[BlockRegister], ...] = (FifoWrite0, FifoWrite1, FifoWrite2, FifoWrite3)
"""Write ports of the standard FIFOs, by quadrant."""
