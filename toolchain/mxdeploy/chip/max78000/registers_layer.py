"""The registers that each quadrant has for every layer, or for every stream."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.register_kinds import LayerRegister, StreamRegister


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
