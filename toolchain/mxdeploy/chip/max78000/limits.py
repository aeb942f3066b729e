"""Every limit of the MAX78000 CNN accelerator, each stated once.

A ``Limit`` stands wherever an integer does (``range(MAX_LAYERS)``, ``x > MAX_LAYERS``) and carries
the words that an error message needs. ``basis`` says what a limit rests on: ``hardware`` (width of
a field or size of a memory), ``practice`` (what the programs known to work keep to; the silicon may
allow more) or ``quirk`` (see ``errata``).
"""

from __future__ import annotations

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.chip.max78000.limit import Limit as Limit  # noqa: PLC0414 - the type belongs here too


def _field_maximum(register: type[Register], field: str) -> int:
    return register.bit_fields()[field].maximum


# --- global -------------------------------------------------------------------------------------

MAX_LAYERS = Limit(
    name="MAX_LAYERS", value=mem.LAYERS, unit="layers", group="global", basis="hardware",
    text="A network has at most 32 hardware layers; pooling or an element-wise operation in front "
    "of a convolution belongs to the convolution's layer.",
    source="LCNT_MAX bits 4:0; 32 sets of layer registers",
)  # fmt: skip
MAX_PROCESSORS = Limit(
    name="MAX_PROCESSORS", value=mem.PROCESSORS, unit="processors", group="global",
    basis="hardware", text="64 processors work at a time; more channels take several passes.",
    source="user guide chapter 27",
)  # fmt: skip
LEADING_QUADRANT = Limit(
    name="LEADING_QUADRANT", value=0, unit="(number of the quadrant)", group="global",
    basis="practice", text="Quadrant 0 is always in use and leads the others.",
    source="running programs",
)  # fmt: skip
MAX_OUTPUT_SHIFT = Limit(
    name="MAX_OUTPUT_SHIFT", value=_field_maximum(reg.PostProcessing, "scale_reg"), unit="bits",
    group="global", basis="hardware",
    text="The output shift lies in -15..15, the 8 - q of narrow weights included.",
    source="POST.scale_reg bits 16:13 and POST.scale_shft",
)  # fmt: skip
DATA_BITS = Limit(
    name="DATA_BITS", value=8, unit="bits", group="global", basis="hardware",
    text="Data are signed 8-bit integers.", source="user guide chapter 27",
)  # fmt: skip
WIDE_OUTPUT_BITS = Limit(
    name="WIDE_OUTPUT_BITS", value=32, unit="bits", group="global", basis="hardware",
    text="A layer writes 8-bit values or the 32-bit accumulator; 32 bits exclude activation, "
    "shift and pass-through, and suit only the last layer of a branch.",
    source="LCTRL0.bigdwrt",
)  # fmt: skip
BIAS_BITS = Limit(
    name="BIAS_BITS", value=8, unit="bits", group="global", basis="hardware",
    text="A bias is a signed byte, added to the accumulator times 128.",
    source="user guide chapter 27, bias memory",
)  # fmt: skip
ACCUMULATOR_BITS = Limit(
    name="ACCUMULATOR_BITS", value=30, unit="bits", group="global", basis="practice",
    text="The accumulator stays within 30 bits (signed); every legal layer does.",
    source="user guide figure 27-2",
)  # fmt: skip
QUADRANT_SUM_BITS = Limit(
    name="QUADRANT_SUM_BITS", value=26, unit="bits", group="global", basis="hardware",
    text="The sum a quadrant hands to the others has 26 bits (signed).",
    source="user guide, LCTRL0.cnnsi_en",
)  # fmt: skip

# --- dimensions ---------------------------------------------------------------------------------

MAX_DIMENSION = Limit(
    name="MAX_DIMENSION", value=1023, unit="rows or columns", group="dimensions",
    basis="practice", text="Rows and columns of inputs and outputs are at most 1023.",
    source="RCNT and CCNT bits 9:0; documented maximum",
)  # fmt: skip
MAX_PADDED_DIMENSION = Limit(
    name="MAX_PADDED_DIMENSION", value=_field_maximum(reg.RowCount, "last_row") + 1,
    unit="rows or columns", group="dimensions", basis="hardware",
    text="Input rows (columns) plus padding on both sides are at most 1024.",
    source="RCNT and CCNT bits 9:0",
)  # fmt: skip
MAX_CHANNELS = Limit(
    name="MAX_CHANNELS", value=1024, unit="channels", group="dimensions", basis="hardware",
    text="A layer has at most 1024 input and 1024 output channels (16 passes of 64).",
    source="user guide chapter 27; LCTRL1.inpchexp bits 3:0",
)  # fmt: skip
MAX_PASSES = Limit(
    name="MAX_PASSES", value=_field_maximum(reg.LayerControl1, "inpchexp") + 1, unit="passes",
    group="dimensions", basis="hardware",
    text="The input channels of a layer take at most 16 passes.",
    source="LCTRL1.inpchexp bits 3:0",
)  # fmt: skip
CHANNEL_GROUP = Limit(
    name="CHANNEL_GROUP", value=mem.PROCESSORS_PER_MEMORY, unit="channels", group="dimensions",
    basis="practice",
    text="With more than 64 channels the channels per pass are a multiple of 4; concatenated "
    "tensors have multiples of 4 channels, all but the last.",
    source="running programs; four processors share a data memory",
)  # fmt: skip
MAX_WRITE_STEP = Limit(
    name="MAX_WRITE_STEP", value=_field_maximum(reg.LayerControl1, "wptr_inc") + 1, unit="words",
    group="dimensions", basis="hardware",
    text="Output passes times (write gap + 1) are at most 16 words per pixel.",
    source="LCTRL1.wptr_inc bits 7:4",
)  # fmt: skip
MAX_MASK_COUNT = Limit(
    name="MAX_MASK_COUNT", value=_field_maximum(reg.MaskCount, "mcnt_max"),
    unit="eighths of a kernel", group="dimensions", basis="hardware",
    text="The last kernel's position, 8 * first kernel + (kernels - 1) * weight bits, stays "
    "below 65536.",
    source="MCNT bits 15:0 and 31:16",
)  # fmt: skip

# --- operators ----------------------------------------------------------------------------------

MAX_PAD = Limit(
    name="MAX_PAD", value=2, unit="rows or columns on each side", group="operators",
    basis="practice", text="Zero padding is 0, 1 or 2 and smaller than the kernel.",
    source="running programs; RCNT bits 17:16",
)  # fmt: skip
CONV2D_KERNEL = Limit(
    name="CONV2D_KERNEL", value=3, unit="rows and columns", group="operators", basis="hardware",
    text="A 2-D convolution has a 3x3 or a 1x1 kernel, stride 1, dilation 1 and one group.",
    source="user guide chapter 27",
)  # fmt: skip
CONV_STRIDE = Limit(
    name="CONV_STRIDE", value=1, unit="pixel", group="operators", basis="hardware",
    text="A convolution steps by 1 pixel; a larger step is taken by the pooling in front of it.",
    source="user guide chapter 27; STRIDE acts on the pooling stage",
)  # fmt: skip
MAX_CONV1D_KERNEL = Limit(
    name="MAX_CONV1D_KERNEL", value=mem.KERNEL_WORD_BYTES, unit="taps", group="operators",
    basis="hardware", text="A 1-D convolution has a kernel of 1 to 9 taps and stride 1.",
    source="ONED.oned_width; nine bytes in a kernel word",
)  # fmt: skip
MAX_CONV1D_DILATION = Limit(
    name="MAX_CONV1D_DILATION", value=MAX_DIMENSION.value, unit="samples", group="operators",
    basis="practice",
    text="A dilated 1-D convolution either fits 9 taps when stretched with zeros, or has at most "
    "3 taps, no padding and no pooling and runs as a 3x3 convolution over rows of one dilation "
    "each.",
    source="running programs",
)  # fmt: skip
TRANSPOSED_STRIDE = Limit(
    name="TRANSPOSED_STRIDE", value=2, unit="pixels", group="operators", basis="hardware",
    text="A transposed convolution has a 3x3 kernel, stride 2, output padding 1, padding 0 to 2 "
    "and no pooling in front.",
    source="POST.deconv_en",
)  # fmt: skip
MAX_POOL_SIZE = Limit(
    name="MAX_POOL_SIZE", value=_field_maximum(reg.PoolRowCount, "last_row") + 1,
    unit="rows or columns", group="operators", basis="hardware",
    text="A pooling window has 1 to 16 rows and 1 to 16 columns, no padding and no dilation.",
    source="PRCNT and PCCNT bits 3:0",
)  # fmt: skip
MAX_POOL_STRIDE = Limit(
    name="MAX_POOL_STRIDE", value=_field_maximum(reg.Stride, "stride") + 1, unit="pixels",
    group="operators", basis="practice",
    text="Pooling windows step by 1 to 16 pixels, the same in both directions.",
    source="STRIDE bits 3:0 (the user guide documents bits 1:0)",
)  # fmt: skip
MAX_OPERANDS = Limit(
    name="MAX_OPERANDS", value=_field_maximum(reg.OneDimensional, "ewise_cnt") + 1,
    unit="operands", group="operators", basis="hardware",
    text="An element-wise operation (add, sub, or, xor) has 2 to 16 operands of equal shape on "
    "the same processors.",
    source="ONED.ewise_cnt bits 21:18",
)  # fmt: skip
MAX_OPERANDS_POOL_LAST = Limit(
    name="MAX_OPERANDS_POOL_LAST", value=2, unit="operands", group="operators", basis="practice",
    text="Pooling after the element-wise operation allows at most 2 operands.",
    source="running programs",
)  # fmt: skip
MAX_OPERANDS_MULTIPASS = Limit(
    name="MAX_OPERANDS_MULTIPASS", value=2, unit="operands (and passes)", group="operators",
    basis="quirk",
    text="An element-wise operation on more than 64 channels works for 2 operands and 2 passes; "
    "otherwise only as pass-through without pooling, run as passes * rows rows.",
    source="running programs",
)  # fmt: skip
MAX_POOLED_PIXELS_MULTIPASS = Limit(
    name="MAX_POOLED_PIXELS_MULTIPASS", value=1, unit="pixel", group="operators",
    basis="practice",
    text="Pooling alone (no convolution) on more than 64 channels must leave a single pixel.",
    source="running programs",
)  # fmt: skip
MAX_FLATTEN_PASSES = Limit(
    name="MAX_FLATTEN_PASSES",
    value=MAX_PASSES.value * (_field_maximum(reg.PostProcessing, "xpmp_cnt") + 1),
    unit="passes", group="operators", basis="hardware",
    text="Flatten: pixels times channel passes are at most 256, and the channels fill the "
    "processors of every pass.",
    source="LCTRL1.inpchexp bits 3:0 and POST.xpmp_cnt bits 21:18",
)  # fmt: skip
MAX_FLATTEN_INPUTS = Limit(
    name="MAX_FLATTEN_INPUTS", value=MAX_FLATTEN_PASSES.value * mem.PROCESSORS, unit="inputs",
    group="operators", basis="hardware",
    text="A fully connected layer over a flattened input has at most 16384 inputs.",
    source="256 passes of 64 processors",
)  # fmt: skip

# --- memory -------------------------------------------------------------------------------------

DATA_MEMORY_BYTES = Limit(
    name="DATA_MEMORY_BYTES", value=mem.DATA_BYTES, unit="bytes", group="memory",
    basis="hardware",
    text="A data memory (four processors) has 32768 bytes: HWC data take 4 bytes per pixel and "
    "pass, CHW data 1 byte per pixel, 32-bit outputs 16 bytes per pixel and pass.",
    source="user guide figure 27-3",
)  # fmt: skip
KERNEL_MEMORY_WORDS = Limit(
    name="KERNEL_MEMORY_WORDS", value=mem.KERNEL_WORDS, unit="words of 9 bytes", group="memory",
    basis="hardware", text="The kernel memory of a processor has 768 words of nine bytes.",
    source="user guide chapter 27",
)  # fmt: skip
KERNEL_START_ALIGNMENT = Limit(
    name="KERNEL_START_ALIGNMENT", value=4, unit="words", group="memory", basis="practice",
    text="A layer's kernels begin at the same word, a multiple of 4, on all its processors.",
    source="running programs",
)  # fmt: skip
BIAS_MEMORY_BYTES = Limit(
    name="BIAS_MEMORY_BYTES", value=mem.BIAS_BYTES, unit="bytes", group="memory",
    basis="hardware",
    text="The bias memory of a quadrant has 512 bytes, and a layer's biases lie in one quadrant "
    "that is in use: at most 512 outputs with bias.",
    source="user guide chapter 27",
)  # fmt: skip
OFFSET_ALIGNMENT = Limit(
    name="OFFSET_ALIGNMENT", value=4, unit="bytes", group="memory", basis="hardware",
    text="Offsets in data memory are multiples of 4 bytes.", source="word pointers",
)  # fmt: skip
CHW_PROCESSOR_STEP = Limit(
    name="CHW_PROCESSOR_STEP", value=mem.PROCESSORS_PER_MEMORY, unit="processors",
    group="memory", basis="hardware",
    text="CHW input (first layer only) uses the first processor of each data memory: at most 16 "
    "channels.",
    source="LCTRL0.parallel",
)  # fmt: skip
TRAM_ENTRIES = Limit(
    name="TRAM_ENTRIES", value=mem.TRAM_ENTRIES, unit="entries", group="memory",
    basis="hardware",
    text="The row cache of a processor has 3072 entries; a 3x3 layer uses output columns times "
    "passes of them, streaming layers add up.",
    source="user guide chapter 27; the use per layer is inferred",
)  # fmt: skip

# --- FIFO and streaming -------------------------------------------------------------------------

MAX_STREAMING_LAYERS = Limit(
    name="MAX_STREAMING_LAYERS", value=mem.STREAMS, unit="layers", group="FIFO and streaming",
    basis="hardware",
    text="At most the first 8 layers stream, consecutively, fed by a FIFO, without flatten.",
    source="user guide chapter 27: 8 stream register sets",
)  # fmt: skip
FIFO_HWC_CHANNELS = Limit(
    name="FIFO_HWC_CHANNELS", value=16, unit="channels", group="FIFO and streaming",
    basis="hardware",
    text="HWC input through the FIFOs: at most 16 channels, on the first four processors of each "
    "quadrant.",
    source="four FIFOs of four bytes",
)  # fmt: skip
FIFO_CHW_CHANNELS = Limit(
    name="FIFO_CHW_CHANNELS", value=mem.QUADRANTS, unit="channels", group="FIFO and streaming",
    basis="hardware",
    text="CHW input through the FIFOs: at most 4 channels, on the first processor of each "
    "quadrant.",
    source="four FIFOs",
)  # fmt: skip
FAST_FIFO_HWC_CHANNELS = Limit(
    name="FAST_FIFO_HWC_CHANNELS", value=4, unit="channels", group="FIFO and streaming",
    basis="hardware",
    text="The fast FIFO (RISC-V core only) carries at most 4 HWC channels or 1 CHW channel.",
    source="one FIFO of four bytes",
)  # fmt: skip
MAX_FRAME_WORDS = Limit(
    name="MAX_FRAME_WORDS", value=_field_maximum(reg.InputFrame, "ifrm_reg"), unit="words",
    group="FIFO and streaming", basis="hardware",
    text="A FIFO frame has at most 131071 words (HWC: one per pixel and pass).",
    source="IFRM bits 16:0",
)  # fmt: skip
MAX_STREAM_START = Limit(
    name="MAX_STREAM_START", value=_field_maximum(reg.Stream0, "strm_isval"), unit="words",
    group="FIFO and streaming", basis="hardware",
    text="A streaming layer starts at most 16383 words into the layer before it.",
    source="STRM0 bits 13:0",
)  # fmt: skip
MAX_STREAM_STEP = Limit(
    name="MAX_STREAM_STEP", value=_field_maximum(reg.Stream1, "strm_dsval1"), unit="words",
    group="FIFO and streaming", basis="hardware",
    text="The distance between strides inside a row is at most 31.", source="STRM1 bits 8:4",
)  # fmt: skip
MAX_STREAM_ROW_STEP = Limit(
    name="MAX_STREAM_ROW_STEP", value=_field_maximum(reg.Stream1, "strm_dsval2"), unit="words",
    group="FIFO and streaming", basis="hardware",
    text="The distance between strides across a row end is at most 4095.",
    source="STRM1 bits 27:16",
)  # fmt: skip
MAX_STREAM_VOLUMES = Limit(
    name="MAX_STREAM_VOLUMES", value=_field_maximum(reg.Stream1, "strm_invol"), unit="passes",
    group="FIFO and streaming", basis="hardware",
    text="The streaming layers in front of a streaming layer have at most 15 passes together.",
    source="STRM1 bits 3:0",
)  # fmt: skip
MAX_STREAM_BUFFER = Limit(
    name="MAX_STREAM_BUFFER", value=mem.DATA_WORDS, unit="words", group="FIFO and streaming",
    basis="hardware",
    text="The ring of a streaming layer ends inside its data memory and overlaps no other.",
    source="FBUF bits 16:0; size of a data memory",
)  # fmt: skip
MAX_FIFO_INPUT = Limit(
    name="MAX_FIFO_INPUT", value=(1 << 21) - 1, unit="words", group="FIFO and streaming",
    basis="practice",
    text="Rows times columns times passes of a FIFO input stay below 2097152.",
    source="running programs",
)  # fmt: skip
MIN_LAST_STREAM_PAD = Limit(
    name="MIN_LAST_STREAM_PAD", value=1, unit="rows and columns", group="FIFO and streaming",
    basis="quirk", text="The last streaming layer has padding in both directions.",
    source="running programs",
)  # fmt: skip

LIMITS: tuple[Limit, ...] = tuple(v for v in list(globals().values()) if isinstance(v, Limit))
"""All limits, in the order above."""


def passes(channels: int) -> int:
    """Passes (E) a layer needs for its input, or output, channels.

    Raises:
        ValueError: fewer than 1 or more than 1024 channels.
    """
    if not 1 <= channels <= MAX_CHANNELS.value:
        raise ValueError(f"a layer has 1..{MAX_CHANNELS.value} channels, not {channels}")
    return -(-channels // mem.PROCESSORS)


def channels_per_pass(channels: int) -> int:
    """Processors (T) that ``channels`` use: channels per pass, a multiple of 4 above 64 channels.

    Raises:
        ValueError: fewer than 1 or more than 1024 channels.
    """
    count = passes(channels)
    share = -(-channels // count)
    if count == 1:
        return share
    group = CHANNEL_GROUP.value
    return -(-share // group) * group
