"""The registers of the MAX78000 CNN accelerator, all of them, field by field.

Names of fields follow the user guide (chapter 27) where the guide and running programs agree;
where they contradict each other the running programs win and the docstring says so. Behaviour is
not described here (see ``emulator/accelerator``), only position, width, reset value and meaning.
"""

from __future__ import annotations

from typing import ClassVar

from mxdeploy.chip.bits import Register, bits
from mxdeploy.chip.max78000 import memories as mem


class QuadrantRegister(Register):
    """A register that exists once in each quadrant."""

    offset: ClassVar[int]

    def __init_subclass__(cls, *, offset: int = -1, **kwargs: str) -> None:
        """Record the byte offset from the quadrant's base."""
        super().__init_subclass__(**kwargs)
        cls.offset = offset

    @classmethod
    def address(cls, quadrant: int) -> int:
        """Bus address of this register in ``quadrant`` (0..3)."""
        return mem.quadrant_base(quadrant) + cls.offset


class LayerRegister(Register):
    """A register that exists for each quadrant and each of the 32 hardware layers."""

    index: ClassVar[int]
    count: ClassVar[int] = mem.LAYERS

    def __init_subclass__(cls, *, index: int = -1, **kwargs: str) -> None:
        """Record the number of the register's 128-byte block."""
        super().__init_subclass__(**kwargs)
        cls.index = index

    @classmethod
    def offset_of(cls, layer: int) -> int:
        """Byte offset from the quadrant's base for ``layer``."""
        if not 0 <= layer < cls.count:
            raise ValueError(f"{cls.__name__} exists for layers 0..{cls.count - 1}, not {layer}")
        return mem.LAYER_REGISTERS_OFFSET + cls.index * mem.LAYER_REGISTER_STRIDE + 4 * layer

    @classmethod
    def address(cls, quadrant: int, layer: int) -> int:
        """Bus address for ``quadrant`` (0..3) and ``layer`` (0..31, streams 0..7)."""
        return mem.quadrant_base(quadrant) + cls.offset_of(layer)


class StreamRegister(LayerRegister):
    """A register that exists for each quadrant and each of the first eight layers (streams)."""

    count: ClassVar[int] = mem.STREAMS


class BlockRegister(Register):
    """A register that exists once for the whole accelerator."""

    fixed_address: ClassVar[int]

    def __init_subclass__(cls, *, address: int = -1, **kwargs: str) -> None:
        """Record the absolute bus address."""
        super().__init_subclass__(**kwargs)
        cls.fixed_address = address

    @classmethod
    def address(cls) -> int:
        """Bus address."""
        return cls.fixed_address


# --- quadrant registers -------------------------------------------------------------------------


class Ctrl(QuadrantRegister, offset=0x0000, mnemonic="CTRL", source="UG 27, CNNx16_n_CTRL"):
    """Enable, synchronisation, FIFO, streaming and read-out control of one quadrant."""

    cnn_en: int = bits(0, doc="0 -> 1 starts processing; must return to 0 before the next start")
    rdy_sel: int = bits(2, 1, doc="APB wait states", default=3)
    clk_en: int = bits(3, doc="clock of the data-processing registers")
    calcmax: int = bits(4, doc="with pool_en: global max pooling")
    pool_en: int = bits(5, doc="global pooling; generated programs use the per-layer bit")
    bigdata: int = bits(6, doc="global CHW input; generated programs use LayerControl0.parallel")
    apbclk_en: int = bits(7, doc="APB register clock always on")
    oneshot: int = bits(8, doc="stop after each layer; the next 0 -> 1 of cnn_en runs the next one")
    ext_sync_quadrant: int = bits(10, 9, doc="number of the leading quadrant")
    ext_sync_en: int = bits(11, doc="this quadrant is started by the leading quadrant")
    cnn_irq: int = bits(12, doc="completion flag and interrupt request; write 0 to clear")
    poolrnd: int = bits(13, doc="average pooling: 1 rounds to nearest, 0 drops the fraction")
    stream_en: int = bits(14, doc="streaming mode; the same in all quadrants")
    fifo_en: int = bits(15, doc="layer 0 reads from the FIFO")
    mlat_ld: int = bits(16, doc="0 -> 1 loads the Mlator's counter from layer 0's WPTR_BASE")
    mlatch_sel: int = bits(18, 17, doc="byte lane that the Mlator gathers")
    lilbuf: int = bits(19, doc="streaming layers read from a ring of FBUF words")
    mexpress: int = bits(20, doc="packed writes to kernel memory")
    simple1b: int = bits(21, doc="simple 1-bit logic instead of the accumulators")
    ffifo_en: int = bits(22, doc="the fast FIFO feeds the data")
    fifogrp: int = bits(
        23, doc="fast FIFO: 1 = all bytes to processors 0-3, 0 = byte j to quadrant j"
    )
    fclk_dly: int = bits(29, 24, doc="FIFO clock delay")
    timeshft: int = bits(30, doc="one more wait state in pooling")
    qupac: int = bits(31, doc="all quadrants process the same fast-FIFO data")


class Sram(QuadrantRegister, offset=0x0004, mnemonic="SRAM", source="UG 27, CNNx16_n_SRAM"):
    """Timing and power of the quadrant's memories; working programs write 0x40E."""

    extacc: int = bits(0, doc="extended access")
    rmargin_en: int = bits(1, doc="use rmargin", default=1)
    rmargin: int = bits(5, 2, doc="access time, 0 slowest .. 3 fastest", default=3)
    ra: int = bits(7, 6, doc="read assist voltage")
    wneg_vol: int = bits(9, 8, doc="negative write voltage")
    wneg_en: int = bits(10, doc="negative write voltage on", default=1)
    wpulse: int = bits(13, 11, doc="write pulse width")
    ds: int = bits(15, doc="deep sleep (content kept)")
    pd: int = bits(16, doc="power down (content lost)")
    lsdram: int = bits(19, doc="light sleep of the data memory when idle")
    lsmram: int = bits(20, doc="light sleep of the kernel memory when idle")
    lstram: int = bits(21, doc="light sleep of the TRAM when idle")
    lsbram: int = bits(22, doc="light sleep of the bias memory when idle")


class LayerCountMax(
    QuadrantRegister, offset=0x0008, mnemonic="LCNT_MAX", source="UG 27, CNNx16_n_LCNT_MAX"
):
    """Number of the last layer; change only while cnn_en is 0."""

    lcnt: int = bits(4, 0, doc="number of the LAST layer (layers - 1)")


class Test(QuadrantRegister, offset=0x000C, mnemonic="TEST", source="UG 27, CNNx16_n_TEST"):
    """Self-test and zeroing of the memories; run bits are edge-triggered."""

    sbistrun: int = bits(0, doc="run the self-test of the data memory (leaves it zero)")
    sramz: int = bits(1, doc="zero the data memory")
    mbistrun: int = bits(2, doc="run the self-test of the kernel memory")
    mramz: int = bits(3, doc="zero the kernel memory")
    tbistrun: int = bits(4, doc="run the self-test of the TRAM")
    tramz: int = bits(5, doc="zero the TRAM")
    bbistrun: int = bits(6, doc="run the self-test of the bias memory")
    bramz: int = bits(7, doc="zero the bias memory")
    bistsel: int = bits(13, 8, doc="which self-test status appears on memory reads")
    sallbfail: int = bits(14, doc="data memory self-test failed", access="r")
    mallbfail: int = bits(15, doc="kernel memory self-test failed", access="r")
    tallbfail: int = bits(16, doc="TRAM self-test failed", access="r")
    ballbfail: int = bits(17, doc="bias memory self-test failed", access="r")
    sallbdone: int = bits(18, doc="data memory self-test done", access="r")
    mallbdone: int = bits(19, doc="kernel memory self-test done", access="r")
    tallbdone: int = bits(20, doc="TRAM self-test done", access="r")
    ballbdone: int = bits(21, doc="bias memory self-test done", access="r")
    sallzdone: int = bits(22, doc="data memory zeroed", access="r")
    mallzdone: int = bits(23, doc="kernel memory zeroed", access="r")
    tallzdone: int = bits(24, doc="TRAM zeroed", access="r")
    ballzdone: int = bits(25, doc="bias memory zeroed", access="r")
    bistfail: int = bits(26, doc="any self-test failed", access="r")
    bistdone: int = bits(27, doc="any self-test done", access="r")
    zerodone: int = bits(28, doc="any zeroing done", access="r")


class InputFrame(QuadrantRegister, offset=0x0990, mnemonic="IFRM", source="UG 27, CNNx16_n_IFRM"):
    """FIFO words per input frame.

    The guide gives 17 bits and calls the unit bytes; running programs count 32-bit words.
    """

    ifrm_reg: int = bits(16, 0, doc="FIFO words per frame")


class Mlat(QuadrantRegister, offset=0x1000, mnemonic="MLAT", source="UG 27, CNNx16_n_MLAT"):
    """Read port of the Mlator: four successive bytes of one lane per read."""

    data: int = bits(31, 0, doc="four successive bytes of the selected lane", access="r")


# --- layer registers ----------------------------------------------------------------------------


class RowCount(LayerRegister, index=0, mnemonic="Ly_RCNT", source="UG 27, CNNx16_n_Ly_RCNT"):
    """Rows of the (un-pooled) input including padding."""

    last_row: int = bits(9, 0, doc="rows - 1 + 2 * pad")
    pad: int = bits(17, 16, doc="zero rows above and below (of the pooled data)")


class ColumnCount(LayerRegister, index=1, mnemonic="Ly_CCNT", source="UG 27, CNNx16_n_Ly_CCNT"):
    """Columns of the (un-pooled) input including padding."""

    last_column: int = bits(9, 0, doc="columns - 1 + 2 * pad")
    pad: int = bits(17, 16, doc="zero columns left and right (of the pooled data)")


class OneDimensional(LayerRegister, index=2, mnemonic="Ly_ONED", source="UG 27, CNNx16_n_Ly_ONED"):
    """1-D kernels, 1x1 kernels, time slots and element-wise operations."""

    tscnt_max: int = bits(3, 0, doc="pass-through: time slots - 1")
    oned_sad: int = bits(7, 4, doc="start byte inside the 9-byte kernel word")
    oned_width: int = bits(11, 8, doc="kernel length 1..9; 1 without oned_en: 1x1; 0: 3x3")
    oned_en: int = bits(12, doc="1-D convolution")
    ewise_en: int = bits(13, doc="element-wise operation on ewise_cnt + 1 operands")
    ewise_func: int = bits(
        15, 14, doc="element-wise function", values={0: "sub", 1: "add", 2: "or", 3: "xor"}
    )
    prepool: int = bits(16, doc="pool each operand before the element-wise operation")
    two_d_conv: int = bits(17, doc="convolve the element-wise result")
    ewise_cnt: int = bits(21, 18, doc="operands - 1")


class PoolRowCount(LayerRegister, index=3, mnemonic="Ly_PRCNT", source="UG 27, CNNx16_n_Ly_PRCNT"):
    """Height of the pooling window."""

    last_row: int = bits(3, 0, doc="pooling rows - 1")


class PoolColumnCount(
    LayerRegister, index=4, mnemonic="Ly_PCCNT", source="UG 27, CNNx16_n_Ly_PCCNT"
):
    """Width of the pooling window."""

    last_column: int = bits(3, 0, doc="pooling columns - 1")


class Stride(LayerRegister, index=5, mnemonic="Ly_STRIDE", source="UG 27, CNNx16_n_Ly_STRIDE"):
    """Step between pooling windows, in un-pooled pixels, the same in both directions.

    The guide documents two bits; programs use four (pooling strides up to 16).
    """

    stride: int = bits(3, 0, doc="stride - 1")


class WritePointerBase(
    LayerRegister, index=6, mnemonic="Ly_WPTR_BASE", source="UG 27, CNNx16_n_Ly_WPTR_BASE"
):
    """First output word: a 17-bit word address over all sixteen data memories.

    The guide says bit 16 points to no memory; running programs use it for quadrants 2 and 3.
    """

    word: int = bits(12, 0, doc="word inside the data memory")
    instance: int = bits(16, 13, doc="data memory 0..15 (quadrant * 4 + memory)")


class WritePointerTimeSlotOffset(
    LayerRegister, index=7, mnemonic="Ly_WPTR_TOFF", source="UG 27, CNNx16_n_Ly_WPTR_TOFF"
):
    """Added to the write address for each time slot (pass-through)."""

    offset_words: int = bits(16, 0, doc="words per time slot")


class WritePointerMaskOffset(
    LayerRegister, index=8, mnemonic="Ly_WPTR_MOFF", source="UG 27, CNNx16_n_Ly_WPTR_MOFF"
):
    """Added to the write address for each group of four output channels."""

    offset_words: int = bits(16, 0, doc="words per group of four output channels")


class WritePointerChannelOffset(
    LayerRegister, index=9, mnemonic="Ly_WPTR_CHOFF", source="UG 27, CNNx16_n_Ly_WPTR_CHOFF"
):
    """Added to the write address for each output pass (more than 64 output channels)."""

    offset_words: int = bits(16, 0, doc="words per output pass")


class ReadPointerBase(
    LayerRegister, index=10, mnemonic="Ly_RPTR_BASE", source="UG 27, CNNx16_n_Ly_RPTR_BASE"
):
    """First input word inside each processor's own data memory."""

    word: int = bits(16, 0, doc="word address, below 8192")


class LayerControl0(LayerRegister, index=11, mnemonic="Ly_LCTRL0", source="UG 27, Ly_LCTRL0"):
    """Pooling, activation, data order and sums between quadrants."""

    sslave: int = bits(3, 0, doc="per group: three processors share the first one's field")
    mslave: int = bits(4, doc="all 16 processors share processor 0's field")
    master: int = bits(5, doc="the quadrant computes its own sum of products")
    parallel: int = bits(6, doc="CHW input: one channel uses four bytes per word")
    pool_en: int = bits(7, doc="pooling")
    maxpl_en: int = bits(8, doc="1 = max pooling, 0 = average pooling")
    act_en: int = bits(9, doc="ReLU")
    cpad_only: int = bits(10, doc="pad columns only")
    sramlsrc: int = bits(11, doc="written data come from the global buses")
    cnnsi_en: int = bits(15, 12, doc="add the sums of these quadrants (bit t = quadrant t)")
    bigdwrt: int = bits(16, doc="write the 32-bit accumulator instead of 8 bits")


class MaskCount(LayerRegister, index=12, mnemonic="Ly_MCNT", source="UG 27, CNNx16_n_Ly_MCNT"):
    """First and last kernel, in eighths of a kernel.

    The guide puts the kernel number at bits 15:4; running programs need 15:3.
    """

    mcnt_max: int = bits(15, 0, doc="position of the last kernel, in bits of a kernel byte")
    mcnt_sad: int = bits(31, 16, doc="position of the first kernel, in bits of a kernel byte")


class TramPointer(LayerRegister, index=13, mnemonic="Ly_TPTR", source="UG 27, CNNx16_n_Ly_TPTR"):
    """Row cache: start and roll-over.

    The guide gives both fields 11 bits; the TRAM has 3072 entries and programs need 16 and 12.
    """

    tptr_max: int = bits(15, 0, doc="roll-over position (row length including padding)")
    tptr_sad: int = bits(31, 16, doc="start position")


class Enable(LayerRegister, index=14, mnemonic="Ly_EN", source="UG 27, CNNx16_n_Ly_EN"):
    """Processors and kernel memories that take part in the layer."""

    pro_en: int = bits(15, 0, doc="processor enables")
    mask_en: int = bits(31, 16, doc="kernel memory enables (0 for pass-through)")


class PostProcessing(LayerRegister, index=15, mnemonic="Ly_POST", source="UG 27, Ly_POST"):
    """Bias, scaling, weight width and special modes."""

    bptr_sad: int = bits(11, 0, doc="first bias byte")
    bptr_en: int = bits(12, doc="bias on (in the quadrant that holds it)")
    scale_reg: int = bits(16, 13, doc="shift amount")
    scale_shft: int = bits(17, doc="shift direction", values={0: "left", 1: "right"})
    xpmp_cnt: int = bits(21, 18, doc="upper four bits of the pass count (flatten)")
    mask_size: int = bits(
        23, 22, doc="weight width", values={0: "8 bit", 1: "1 bit", 2: "2 bit", 3: "4 bit"}
    )
    ts_en: int = bits(24, doc="time-slot counter on (pass-through)")
    onexone_en: int = bits(25, doc="pass-through of a single operand")
    out_abs: int = bits(26, doc="absolute value; wins over ReLU")
    flatten_en: int = bits(27, doc="flatten: pass count extended by xpmp_cnt")
    deconv_en: int = bits(28, doc="transposed convolution: zeros inserted between input pixels")


class Stream0(StreamRegister, index=16, mnemonic="Sz_STRM0", source="UG 27, CNNx16_n_Sz_STRM0"):
    """Streaming: when the layer starts."""

    strm_isval: int = bits(13, 0, doc="words into the previous layer's TRAM before the start")


class Stream1(StreamRegister, index=17, mnemonic="Sz_STRM1", source="UG 27, CNNx16_n_Sz_STRM1"):
    """Streaming: cadence of the layer."""

    strm_invol: int = bits(3, 0, doc="input volume offset")
    strm_dsval1: int = bits(8, 4, doc="distance between strides inside a row")
    strm_dsval2: int = bits(27, 16, doc="distance between strides across a row end")


class StreamBuffer(StreamRegister, index=18, mnemonic="Sz_FBUF", source="UG 27, CNNx16_n_Sz_FBUF"):
    """Streaming: size of the layer's ring of input words."""

    fbuf_max: int = bits(16, 0, doc="words after which the read pointer returns to RPTR_BASE")


class LayerControl1(LayerRegister, index=20, mnemonic="Ly_LCTRL1", source="UG 27, Ly_LCTRL1"):
    """Passes, write-pointer step and output-processor count.

    The guide calls xpch_max a processor count; running programs store it times the weight bits.
    """

    inpchexp: int = bits(3, 0, doc="input passes - 1 (flatten: its low four bits)")
    wptr_inc: int = bits(7, 4, doc="extra write-pointer step per output pixel")
    xpch_max: int = bits(16, 8, doc="(last output processor - first aligned one) * weight bits")


# --- registers of the whole block ---------------------------------------------------------------


class FifoControl(
    BlockRegister, address=0x5000_0000, mnemonic="FIFO_CTRL", source="UG 27, CNN_FIFO_CTRL"
):
    """Standard FIFOs: wait states, thresholds, coupling, enables, interrupts."""

    rdy_sel: int = bits(1, 0, doc="APB wait states", default=3)
    full_thresh: int = bits(4, 2, doc="almost-full threshold")
    empty_thresh: int = bits(9, 7, doc="almost-empty threshold")
    fifo_cpl: int = bits(11, doc="lock step of all enabled FIFOs; required on this chip")
    fifo_en: int = bits(15, 12, doc="FIFO enables, one per quadrant")
    full_int_en: int = bits(19, 16, doc="interrupt when full")
    empty_int_en: int = bits(23, 20, doc="interrupt when empty")
    almost_full_int_en: int = bits(27, 24, doc="interrupt when almost full")
    almost_empty_int_en: int = bits(31, 28, doc="interrupt when almost empty")


class FifoStatus(
    BlockRegister, address=0x5000_0004, mnemonic="FIFO_STAT", source="UG 27, CNN_FIFO_STAT"
):
    """Fill state of the standard FIFOs."""

    full: int = bits(3, 0, doc="FIFO full", access="r")
    empty: int = bits(7, 4, doc="FIFO empty", access="r")
    almost_full: int = bits(11, 8, doc="FIFO almost full", access="r")
    almost_empty: int = bits(15, 12, doc="FIFO almost empty", access="r")
    fifos_full: int = bits(16, doc="all FIFOs full", access="r")
    fifos_empty: int = bits(17, doc="any FIFO empty", access="r")
    fifos_almost_full: int = bits(18, doc="all FIFOs almost full", access="r")
    fifos_almost_empty: int = bits(19, doc="any FIFO almost empty", access="r")
    wptr_eq: int = bits(20, doc="all active write pointers equal", access="r")
    rptr_eq: int = bits(21, doc="all active read pointers equal", access="r")


class _FifoWrite(BlockRegister):
    """Base of the four FIFO write ports."""


class FifoWrite0(_FifoWrite, address=0x5000_0008, mnemonic="FIFO_WR0", source="UG 27"):
    """Write port of quadrant 0's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class FifoWrite1(_FifoWrite, address=0x5000_000C, mnemonic="FIFO_WR1", source="UG 27"):
    """Write port of quadrant 1's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class FifoWrite2(_FifoWrite, address=0x5000_0010, mnemonic="FIFO_WR2", source="UG 27"):
    """Write port of quadrant 2's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class FifoWrite3(_FifoWrite, address=0x5000_0014, mnemonic="FIFO_WR3", source="UG 27"):
    """Write port of quadrant 3's FIFO."""

    data: int = bits(31, 0, doc="four bytes of input")


class AlwaysOnControl(
    BlockRegister, address=0x5000_1000, mnemonic="AOD_CTRL", source="UG 27, CNN_AOD_CTRL"
):
    """Always-on domain: sleep and power of the kernel memories."""

    rdy_sel: int = bits(1, 0, doc="APB wait states", default=3)
    dsleep: int = bits(11, 8, doc="deep sleep of the kernel memory, one bit per quadrant")
    pd: int = bits(15, 12, doc="power down of the kernel memory, one bit per quadrant")
    rm: int = bits(19, 16, doc="read margin, one bit per quadrant")


# --- fast FIFO (reachable by the RISC-V core) ---------------------------------------------------


class FastFifoControl(
    BlockRegister, address=0x400C_0400, mnemonic="FFIFO_CR", source="generated programs"
):
    """Fast FIFO control; programs write 0xA0 (threshold 10)."""

    threshold: int = bits(7, 4, doc="threshold")


class FastFifoStatus(
    BlockRegister, address=0x400C_0404, mnemonic="FFIFO_SR", source="generated programs"
):
    """Fast FIFO status; only the full flag is known."""

    full: int = bits(1, doc="full: wait before the next write", access="r")


class FastFifoInterruptEnable(
    BlockRegister, address=0x400C_0408, mnemonic="FFIFO_IE", source="generated programs"
):
    """Fast FIFO interrupt enables; programs write 0, the bits are not known."""


class FastFifoInterruptStatus(
    BlockRegister, address=0x400C_040C, mnemonic="FFIFO_IS", source="generated programs"
):
    """Fast FIFO interrupt flags; the bits are not known."""


class FastFifoData(
    BlockRegister, address=0x400C_0410, mnemonic="FFIFO_DR", source="generated programs"
):
    """Fast FIFO write port."""

    data: int = bits(31, 0, doc="four bytes of input")


class FastFifoDma(
    BlockRegister, address=0x400C_0414, mnemonic="FFIFO_DMA", source="generated programs"
):
    """Fast FIFO DMA control; not supported, the bits are not known."""


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
