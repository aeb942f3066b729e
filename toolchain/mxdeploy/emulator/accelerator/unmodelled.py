"""What the model refuses: every register field whose effect nobody has needed or nobody knows.

Each refusal is stated once, here; ``decode`` and its neighbours raise it, the documentation lists
it. Settings that contradict each other are not in this list: those are errors of the program.
"""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.bits import Register
from mxdeploy.chip.max78000 import registers as reg


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmodelled:
    """One refusal.

    Attributes:
        register: the register.
        field: its field.
        setting: which values of the field are refused, in words.
        why: what is not known, or not implemented.
    """

    register: type[Register]
    field: str
    setting: str
    why: str


_refusals: list[Unmodelled] = []


def _refused(register: type[Register], field: str, setting: str, why: str) -> Unmodelled:
    if field not in register.bit_fields():
        raise ValueError(f"{register.__name__} has no field {field}")
    refusal = Unmodelled(register=register, field=field, setting=setting, why=why)
    _refusals.append(refusal)
    return refusal


# --- modes of a run -----------------------------------------------------------------------------

GLOBAL_MAX_POOLING = _refused(reg.Ctrl, "calcmax", "1", "global pooling is not modelled")
GLOBAL_POOLING = _refused(reg.Ctrl, "pool_en", "1", "global pooling is not modelled")
GLOBAL_CHW = _refused(
    reg.Ctrl, "bigdata", "1", "the global CHW switch is not modelled; layers have LCTRL0.parallel"
)
SIMPLE_ONE_BIT = _refused(reg.Ctrl, "simple1b", "1", "the simple 1-bit logic is not modelled")
POOLING_WAIT_STATE = _refused(
    reg.Ctrl, "timeshft", "1", "the additional wait state in pooling is not modelled"
)
OTHER_LEADER = _refused(
    reg.Ctrl,
    "ext_sync_quadrant",
    "a leader other than quadrant 0",
    "programs are led by quadrant 0; the numbering of sums is not known otherwise",
)
ONE_SHOT_STREAM = _refused(
    reg.Ctrl,
    "oneshot",
    "1 together with streaming or a FIFO",
    "layers that run side by side cannot stop one after the other",
)
ONE_SHOT_LEFT = _refused(
    reg.Ctrl,
    "oneshot",
    "0 while a one-shot sequence is under way",
    "whether the chip runs all remaining layers or begins anew is not known",
)
FIFO_NOT_COUPLED = _refused(reg.FifoControl, "fifo_cpl", "0", "this chip needs lock step")

# --- how a layer reads --------------------------------------------------------------------------

SHARED_FIELD_GROUP = _refused(
    reg.LayerControl0, "sslave", "not 0", "processors that share a neighbour's field"
)
SHARED_FIELD_QUADRANT = _refused(
    reg.LayerControl0, "mslave", "1", "processors that share processor 0's field"
)
PAD_COLUMNS_ALONE = _refused(reg.LayerControl0, "cpad_only", "1", "padding of columns alone")
NO_SUM_OF_ITS_OWN = _refused(
    reg.LayerControl0, "master", "0", "a quadrant that does not compute its own sum"
)
CHW_PROCESSORS = _refused(
    reg.LayerControl0,
    "parallel",
    "1 with a processor that is not the first of its data memory",
    "only the first processor of a data memory can read CHW data",
)
CHW_OPERANDS = _refused(
    reg.LayerControl0, "parallel", "1 with several operands", "CHW data have a single operand"
)
KERNELS_AND_PROCESSORS = _refused(
    reg.Enable,
    "mask_en",
    "neither 0 nor equal to pro_en",
    "a processor without its kernels, or kernels without processor",
)
WINDOW_WITHOUT_POOLING_ROWS = _refused(
    reg.PoolRowCount,
    "last_row",
    "not 0 while LCTRL0.pool_en is 0",
    "the pooling window has an effect only with LCTRL0.pool_en",
)
WINDOW_WITHOUT_POOLING_COLUMNS = _refused(
    reg.PoolColumnCount,
    "last_column",
    "not 0 while LCTRL0.pool_en is 0",
    "the pooling window has an effect only with LCTRL0.pool_en",
)
POOLING_BEFORE_ZEROS = _refused(
    reg.Stride,
    "stride",
    "pooling or a stride with POST.deconv_en",
    "pooling before zero insertion is not modelled",
)
LARGE_ROW_PAD = _refused(reg.RowCount, "pad", "3", "programs pad by 0, 1 or 2")
LARGE_COLUMN_PAD = _refused(reg.ColumnCount, "pad", "3", "programs pad by 0, 1 or 2")
ROW_PAD_WITHOUT_KERNEL = _refused(
    reg.RowCount, "pad", "not 0 in a pass-through or with a 1x1 kernel", "nothing to pad for"
)
COLUMN_PAD_WITHOUT_KERNEL = _refused(
    reg.ColumnCount, "pad", "not 0 in a pass-through or with a 1x1 kernel", "nothing to pad for"
)
WIDE_ONE_DIMENSION = _refused(
    reg.ColumnCount,
    "last_column",
    "not 0 with ONED.oned_en",
    "1-D data have a single column",
)
LONG_FLATTEN_PIXELS = _refused(
    reg.PostProcessing,
    "flatten_en",
    "1 with more than one pixel",
    "a flatten layer reads one pixel in many passes",
)
PASSES_WITHOUT_FLATTEN = _refused(
    reg.PostProcessing,
    "xpmp_cnt",
    "not 0 while flatten_en is 0",
    "extends the pass count only with flatten_en",
)

# --- element-wise operations --------------------------------------------------------------------

OPERANDS_AND_PASSES = _refused(
    reg.OneDimensional,
    "ewise_cnt",
    "several operands in several passes, other than 2 in 2",
    "known is 2 in 2",
)
ELTWISE_ONE_DIMENSION = _refused(
    reg.OneDimensional,
    "oned_en",
    "1 with ewise_en",
    "element-wise layers convolve in two dimensions",
)
ELTWISE_TRANSPOSED = _refused(
    reg.OneDimensional, "ewise_en", "1 with POST.deconv_en", "not known with zero insertion"
)
ELTWISE_CONVOLUTION = _refused(
    reg.OneDimensional,
    "two_d_conv",
    "not the same as: the layer convolves",
    "a convolution needs enabled kernels, and enabled kernels convolve",
)
_WITHOUT_ELTWISE = "has an effect only with ewise_en"
POOL_ORDER_WITHOUT_ELTWISE = _refused(
    reg.OneDimensional, "prepool", "1 while ewise_en is 0", _WITHOUT_ELTWISE
)
CONVOLUTION_WITHOUT_ELTWISE = _refused(
    reg.OneDimensional, "two_d_conv", "1 while ewise_en is 0", _WITHOUT_ELTWISE
)
OPERANDS_WITHOUT_ELTWISE = _refused(
    reg.OneDimensional, "ewise_cnt", "not 0 while ewise_en is 0", _WITHOUT_ELTWISE
)

# --- kernels ------------------------------------------------------------------------------------

KERNEL_WIDTH = _refused(
    reg.OneDimensional,
    "oned_width",
    "above 1 while oned_en is 0",
    "two-dimensional kernels are 1x1 or 3x3",
)
TRANSPOSED_KERNEL = _refused(
    reg.PostProcessing,
    "deconv_en",
    "1 without a 3x3 kernel",
    "zero insertion needs a 3x3 kernel",
)

# --- pass-through -------------------------------------------------------------------------------

TIME_SLOTS = _refused(
    reg.PostProcessing,
    "ts_en",
    "1 with kernels, 0 without",
    "time slots belong to pass-through layers",
)
ONE_BY_ONE = _refused(
    reg.PostProcessing,
    "onexone_en",
    "1 but for a pass-through of a single operand, 0 for such a one",
    "used for the pass-through of a single operand",
)
_NO_KERNELS = "it says where kernels lie, and a pass-through has none"
KERNEL_LINE_OF_PASSTHROUGH = _refused(
    reg.OneDimensional, "oned_en", "1 in a pass-through", _NO_KERNELS
)
KERNEL_BYTE_OF_PASSTHROUGH = _refused(
    reg.OneDimensional, "oned_sad", "not 0 in a pass-through", _NO_KERNELS
)
KERNEL_START_OF_PASSTHROUGH = _refused(
    reg.MaskCount, "mcnt_sad", "not 0 in a pass-through", _NO_KERNELS
)
KERNEL_WIDTH_OF_PASSTHROUGH = _refused(
    reg.OneDimensional,
    "oned_width",
    "other than 1 in the pass-through of one operand, 0 of several",
    "programs set no other value",
)
PASSES_OF_PASSTHROUGH = _refused(
    reg.MaskCount,
    "mcnt_max",
    "other than 8 * (input passes - 1) in a pass-through",
    "programs count the input passes once more as output passes",
)
_AS_THEY_ARE = "a pass-through writes its data as they are"
SCALED_PASSTHROUGH = _refused(
    reg.PostProcessing, "scale_reg", "not 0 in a pass-through", _AS_THEY_ARE
)
ABSOLUTE_PASSTHROUGH = _refused(reg.PostProcessing, "out_abs", "1 in a pass-through", _AS_THEY_ARE)
BIASED_PASSTHROUGH = _refused(reg.PostProcessing, "bptr_en", "1 in a pass-through", _AS_THEY_ARE)
RECTIFIED_PASSTHROUGH = _refused(reg.LayerControl0, "act_en", "1 in a pass-through", _AS_THEY_ARE)
WIDE_PASSTHROUGH = _refused(reg.LayerControl0, "bigdwrt", "1 in a pass-through", _AS_THEY_ARE)
SUMMED_PASSTHROUGH = _refused(
    reg.LayerControl0,
    "cnnsi_en",
    "not 0 in a pass-through or with independent quadrants",
    "nothing is summed over quadrants here",
)

# --- results ------------------------------------------------------------------------------------

OTHERS_SUM = _refused(
    reg.LayerControl0,
    "cnnsi_en",
    "not 0 in a quadrant that does not lead",
    "only the leading quadrant's sum is written",
)
LOCAL_WRITES = _refused(
    reg.LayerControl0, "sramlsrc", "0", "writing from the quadrant's own bus is not modelled"
)
SEVERAL_BIASES = _refused(
    reg.PostProcessing,
    "bptr_en",
    "1 in several quadrants",
    "a layer's biases come from one quadrant",
)
ACTIVATED_WIDE = _refused(
    reg.LayerControl0,
    "bigdwrt",
    "1 with ReLU or Abs",
    "activation of 32-bit outputs is not modelled",
)

# --- outside the runs ---------------------------------------------------------------------------

SELF_TEST_STATUS = _refused(
    reg.Test,
    "bistsel",
    "not 0",
    "memory reads that show the status of a self-test are not modelled",
)
MLATOR_STEP_PASSES = _refused(
    reg.LayerControl1,
    "inpchexp",
    "not 0 in layer 0 while the Mlator is read",
    "by how much it lets the Mlator's address step is not known",
)
MLATOR_STEP = _refused(
    reg.LayerControl1,
    "wptr_inc",
    "not 0 in layer 0 while the Mlator is read",
    "by how much it lets the Mlator's address step is not known",
)

REFUSALS: tuple[Unmodelled, ...] = tuple(_refusals)
"""All of them, in the order of this page."""
