"""From registers to a layer description: each register's effect, in one place.

Every field is either used, or required to have the one value whose effect is known, or known to
have no effect on results (memory timing, wait states, row-cache pointers). Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mxdeploy.arith.elementwise import Function
from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator import unmodelled as un
from mxdeploy.emulator.accelerator.describe import (
    Activation,
    Combining,
    Kernels,
    LayerDescription,
    Operation,
    Pooling,
    Reading,
    Scaling,
    Stream,
    Writing,
)
from mxdeploy.emulator.accelerator.view import LayerView

FUNCTIONS: tuple[Function, ...] = ("sub", "add", "or", "xor")
WEIGHT_BITS: Mapping[int, int] = MappingProxyType({0: 8, 1: 1, 2: 2, 3: 4})

_FIXED_CONTROL = (
    (un.SHARED_FIELD_GROUP, 0),
    (un.SHARED_FIELD_QUADRANT, 0),
    (un.PAD_COLUMNS_ALONE, 0),
    (un.NO_SUM_OF_ITS_OWN, 1),
    (un.LOCAL_WRITES, 1),
)
"""Fields of LCTRL0 and the one value of each that is modelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMode:
    """What the control registers say about all layers.

    Attributes:
        rounding: average pooling rounds.
        streaming: the first layers may stream.
        independent: layer 0's quadrants work independently (QUPAC).
    """

    rounding: bool
    streaming: bool
    independent: bool


def describe_layer(view: LayerView, mode: RunMode) -> LayerDescription:
    """Decode one layer.

    Raises:
        NotModelledError: the registers ask for something that is not modelled or contradictory.
    """
    _require_processors(view)
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    for refusal, wanted in _FIXED_CONTROL:
        view.require(refusal, control, wanted)
    independent = mode.independent and view.number == 0
    operation = _operation(view)
    reading = _reading(view, operation)
    kernels = None if operation is Operation.PASSTHROUGH else _kernels(view, reading)
    pad = _pad(view, kernels)
    description = LayerDescription(
        number=view.number,
        operation=operation,
        reading=reading,
        pooling=_pooling(view, operation, mode),
        combining=_combining(view, operation),
        pad=pad,
        kernels=kernels,
        summed=_summed(view, reading, kernels, independent=independent),
        independent=independent,
        scaling=_scaling(view, operation, mode, independent=independent),
        writing=_writing(view, operation),
        stream=_stream(view, mode),
        flatten=bool(view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS).flatten_en),
        output_passes=_output_passes(view, kernels, independent=independent),
    )
    _check_size(view, description)
    return description


_EIGHTHS_OF_A_KERNEL = 8
"""MCNT counts eighths of a kernel."""
_BIAS_FIELDS = ("bptr_sad", "bptr_en")


def _require_processors(view: LayerView) -> None:
    """The first question to a layer, since one without processors is often wholly unset."""
    enables = [view.of(reg.Enable, quadrant) for quadrant in view.quadrants]
    if not any(enable.pro_en for enable in enables):
        why = "no-processors: the layer has no enabled processor in any quadrant that was started"
        raise view.impossible(enables[0], "pro_en", why)


def _operation(view: LayerView) -> Operation:
    """EN and POST: convolution, transposed convolution or pass-through."""
    enables = [view.of(reg.Enable, quadrant) for quadrant in view.quadrants]
    passthrough = not any(enable.mask_en for enable in enables)
    for enable in enables:
        if not passthrough and enable.mask_en != enable.pro_en:
            raise view.not_modelled(un.KERNELS_AND_PROCESSORS, enable)
    post = view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS)
    oned = view.common(reg.OneDimensional)
    view.require(un.TIME_SLOTS, post, int(passthrough))
    alone = int(passthrough and not oned.ewise_en)
    view.require(un.ONE_BY_ONE, post, alone)
    if passthrough:
        view.require(un.TRANSPOSED_KERNEL, post, 0)
        view.require(un.ELTWISE_CONVOLUTION, oned, 0)
        _require_no_kernels(view, oned)
        return Operation.PASSTHROUGH
    if oned.ewise_en:
        view.require(un.ELTWISE_CONVOLUTION, oned, 1)
    return Operation.TRANSPOSED if post.deconv_en else Operation.CONVOLUTION


def _require_no_kernels(view: LayerView, oned: reg.OneDimensional) -> None:
    """ONED, MCNT: a pass-through has no kernels."""
    count = view.common(reg.MaskCount)
    view.require(un.KERNEL_LINE_OF_PASSTHROUGH, oned, 0)
    view.require(un.KERNEL_BYTE_OF_PASSTHROUGH, oned, 0)
    view.require(un.KERNEL_WIDTH_OF_PASSTHROUGH, oned, int(not oned.ewise_en))
    view.require(un.KERNEL_START_OF_PASSTHROUGH, count, 0)
    passes = view.common(reg.LayerControl1).inpchexp
    view.require(un.PASSES_OF_PASSTHROUGH, count, passes * _EIGHTHS_OF_A_KERNEL)


def _reading(view: LayerView, operation: Operation) -> Reading:
    """RCNT, CCNT, RPTR_BASE, EN, LCTRL0.parallel, LCTRL1.inpchexp, POST.xpmp_cnt, ONED.ewise."""
    rows, columns = view.common(reg.RowCount), view.common(reg.ColumnCount)
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    oned = view.common(reg.OneDimensional)
    size = (
        rows.last_row + 1 - 2 * rows.pad,
        columns.last_column + 1 - 2 * columns.pad,
    )
    if operation is Operation.TRANSPOSED:
        if size[0] % 2 or size[1] % 2:
            raise view.impossible(rows, "last_row", "a transposed convolution doubles its input")
        size = (size[0] // 2, size[1] // 2)
    if min(size) < 1:
        raise view.impossible(rows, "last_row", f"the padding leaves {size[0]}x{size[1]} pixels")
    processors = tuple(
        quadrant * mem.PROCESSORS_PER_QUADRANT + local
        for quadrant in sorted(view.quadrants)
        for local in range(mem.PROCESSORS_PER_QUADRANT)
        if view.of(reg.Enable, quadrant).pro_en >> local & 1
    )
    reading = Reading(
        processors=processors,
        word=view.common(reg.ReadPointerBase).word,
        rows=size[0],
        columns=size[1],
        passes=_passes(view, size),
        operands=oned.ewise_cnt + 1 if oned.ewise_en else 1,
        chw=bool(control.parallel),
    )
    _check_reading(view, reading)
    return reading


def _passes(view: LayerView, size: tuple[int, int]) -> int:
    low = view.common(reg.LayerControl1)
    high = view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS)
    if not high.flatten_en:
        view.require(un.PASSES_WITHOUT_FLATTEN, high, 0)
        return low.inpchexp + 1
    if size != (1, 1):
        raise view.not_modelled(un.LONG_FLATTEN_PIXELS, high, f"here {size[0]}x{size[1]} pixels")
    return (high.xpmp_cnt << 4 | low.inpchexp) + 1


def _check_reading(view: LayerView, reading: Reading) -> None:
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    if reading.chw:
        if any(processor % mem.PROCESSORS_PER_MEMORY for processor in reading.processors):
            raise view.not_modelled(un.CHW_PROCESSORS, control)
        if reading.operands > 1:
            raise view.not_modelled(un.CHW_OPERANDS, control)
    if reading.operands > 1 and reading.passes > 1 and (reading.operands, reading.passes) != (2, 2):
        detail = f"here {reading.operands} operands in {reading.passes} passes"
        raise view.not_modelled(un.OPERANDS_AND_PASSES, view.common(reg.OneDimensional), detail)


def _pooling(view: LayerView, operation: Operation, mode: RunMode) -> Pooling | None:
    """LCTRL0.pool_en and maxpl_en, PRCNT, PCCNT, STRIDE, CTRL.poolrnd."""
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    rows, columns = view.common(reg.PoolRowCount), view.common(reg.PoolColumnCount)
    step = view.common(reg.Stride)
    if not control.pool_en:
        view.require(un.WINDOW_WITHOUT_POOLING_ROWS, rows, 0)
        view.require(un.WINDOW_WITHOUT_POOLING_COLUMNS, columns, 0)
    window = (rows.last_row + 1, columns.last_column + 1)
    if window == (1, 1) and step.stride == 0:
        return None
    if operation is Operation.TRANSPOSED:
        raise view.not_modelled(un.POOLING_BEFORE_ZEROS, step)
    average = control.pool_en and not control.maxpl_en
    return Pooling(
        kind="average" if average else "max",
        window=window,
        stride=step.stride + 1,
        rounding=mode.rounding,
    )


_WITHOUT_ELTWISE = (
    un.POOL_ORDER_WITHOUT_ELTWISE,
    un.CONVOLUTION_WITHOUT_ELTWISE,
    un.OPERANDS_WITHOUT_ELTWISE,
)


def _combining(view: LayerView, operation: Operation) -> Combining | None:
    """ONED: element-wise function and order of pooling."""
    oned = view.common(reg.OneDimensional)
    if not oned.ewise_en:
        for refusal in _WITHOUT_ELTWISE:
            view.require(refusal, oned, 0)
        return None
    if oned.oned_en:
        raise view.not_modelled(un.ELTWISE_ONE_DIMENSION, oned)
    if operation is Operation.TRANSPOSED:
        raise view.not_modelled(un.ELTWISE_TRANSPOSED, oned)
    return Combining(function=FUNCTIONS[oned.ewise_func], pool_first=bool(oned.prepool))


def _kernels(view: LayerView, reading: Reading) -> Kernels:
    """ONED.oned_*, MCNT, POST.mask_size, LCTRL1.xpch_max."""
    oned = view.common(reg.OneDimensional)
    post = view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS)
    count = view.common(reg.MaskCount)
    bits = WEIGHT_BITS[post.mask_size]
    steps, rest = divmod(count.mcnt_max - count.mcnt_sad, bits)
    if steps < 0 or rest or count.mcnt_sad % bits:
        raise view.impossible(count, "mcnt_max", f"does not count whole {bits}-bit kernels")
    slots, rest = divmod(steps + 1, reading.passes)
    if rest:
        why = f"{steps + 1} kernels do not divide into {reading.passes} passes"
        raise view.impossible(count, "mcnt_max", why)
    last = view.common(reg.LayerControl1)
    if last.xpch_max % bits:
        raise view.impossible(last, "xpch_max", f"is not a multiple of the {bits} weight bits")
    return Kernels(
        size=_kernel_size(view, oned, post),
        weight_bits=bits,
        first=count.mcnt_sad,
        skipped_bytes=oned.oned_sad,
        slots=slots,
        columns=last.xpch_max // bits + 1,
    )


def _kernel_size(
    view: LayerView, oned: reg.OneDimensional, post: reg.PostProcessing
) -> tuple[int, int]:
    if oned.oned_en:
        if not 1 <= oned.oned_width <= mem.KERNEL_WORD_BYTES:
            raise view.impossible(oned, "oned_width", "1-D kernels have 1 to 9 elements")
        if post.deconv_en:
            raise view.not_modelled(un.TRANSPOSED_KERNEL, post)
        view.require(un.WIDE_ONE_DIMENSION, view.common(reg.ColumnCount), 0)
        return (oned.oned_width, 1)
    if oned.oned_width == 1:
        if post.deconv_en:
            raise view.not_modelled(un.TRANSPOSED_KERNEL, post)
        return (1, 1)
    view.require(un.KERNEL_WIDTH, oned, 0)
    return (3, 3)


def _pad(view: LayerView, kernels: Kernels | None) -> tuple[int, int]:
    """RCNT.pad and CCNT.pad."""
    rows, columns = view.common(reg.RowCount), view.common(reg.ColumnCount)
    if kernels is None or kernels.size == (1, 1):
        view.require(un.ROW_PAD_WITHOUT_KERNEL, rows, 0)
        view.require(un.COLUMN_PAD_WITHOUT_KERNEL, columns, 0)
    if rows.pad > limits.MAX_PAD:
        raise view.not_modelled(un.LARGE_ROW_PAD, rows)
    if columns.pad > limits.MAX_PAD:
        raise view.not_modelled(un.LARGE_COLUMN_PAD, columns)
    return (rows.pad, columns.pad)


def _summed(
    view: LayerView, reading: Reading, kernels: Kernels | None, *, independent: bool
) -> tuple[int, ...]:
    """LCTRL0.cnnsi_en: the quadrants whose sums of products the leading one adds."""
    leader = view.quadrants[0]
    for quadrant in view.quadrants[1:]:
        other = view.of(reg.LayerControl0, quadrant)
        view.require(un.OTHERS_SUM, other, 0)
    control = view.leading(reg.LayerControl0)
    active = {processor // mem.PROCESSORS_PER_QUADRANT for processor in reading.processors}
    if kernels is None or independent:
        view.require(un.SUMMED_PASSTHROUGH, control, 0)
        return tuple(sorted(active))
    summed = {leader} | {q for q in range(mem.QUADRANTS) if control.cnnsi_en >> q & 1}
    if not summed <= set(view.quadrants) or not active <= summed:
        why = f"processors are enabled in quadrants {sorted(active)}, started are "
        raise view.impossible(control, "cnnsi_en", f"{why}{sorted(view.quadrants)}")
    return tuple(sorted(summed))


def _scaling(
    view: LayerView, operation: Operation, mode: RunMode, *, independent: bool
) -> Scaling | None:
    """POST: bias, shift, absolute value; LCTRL0: ReLU and 32-bit output."""
    post = view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS)
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    # Programs put a zero in front of the biases of a layer 0 that streams: it skips one entry.
    skipped = int(view.number == 0 and _stream(view, mode) is not None)
    posts = [(quadrant, view.of(reg.PostProcessing, quadrant)) for quadrant in view.quadrants]
    bias = tuple((quadrant, p.bptr_sad + skipped) for quadrant, p in posts if p.bptr_en)
    if operation is Operation.PASSTHROUGH:
        for refusal in (un.SCALED_PASSTHROUGH, un.ABSOLUTE_PASSTHROUGH):
            view.require(refusal, post, 0)
        for _, each in posts:
            view.require(un.BIASED_PASSTHROUGH, each, 0)
        for refusal in (un.RECTIFIED_PASSTHROUGH, un.WIDE_PASSTHROUGH):
            view.require(refusal, control, 0)
        return None
    if len(bias) > 1 and not independent:
        detail = f"here from quadrants {[q for q, _ in bias]}"
        raise view.not_modelled(un.SEVERAL_BIASES, dict(posts)[bias[-1][0]], detail)
    if bias and not independent:
        _check_bias_quadrant(view, bias[0][0], post)
    if control.bigdwrt and (control.act_en or post.out_abs):
        raise view.not_modelled(un.ACTIVATED_WIDE, control)
    activation = Activation.ABS if post.out_abs else Activation.NONE
    if control.act_en and not post.out_abs:
        activation = Activation.RELU
    return Scaling(
        bias=bias,
        shift=-post.scale_reg if post.scale_shft else post.scale_reg,
        activation=activation,
        wide=bool(control.bigdwrt),
    )


def _check_bias_quadrant(view: LayerView, quadrant: int, post: reg.PostProcessing) -> None:
    leader = view.quadrants[0]
    sums = view.leading(reg.LayerControl0).cnnsi_en
    if quadrant != leader and not sums >> quadrant & 1:
        why = f"quadrant {quadrant} holds the bias but LCTRL0.cnnsi_en does not add its sum"
        raise view.impossible(post, "bptr_en", why)


def _writing(view: LayerView, operation: Operation) -> Writing:
    """WPTR_*, LCTRL1.wptr_inc. A pass-through writes from every quadrant, to its own base."""
    passthrough = operation is Operation.PASSTHROUGH
    if not passthrough:
        view.common(reg.WritePointerBase)
    bases = tuple(
        (quadrant, view.of(reg.WritePointerBase, quadrant).encode())
        for quadrant in sorted(view.quadrants)
    )
    return Writing(
        bases=bases,
        group_words=view.common(reg.WritePointerMaskOffset).offset_words,
        pass_words=view.common(reg.WritePointerChannelOffset).offset_words,
        time_slot_words=view.common(reg.WritePointerTimeSlotOffset).offset_words,
        increment=view.common(reg.LayerControl1).wptr_inc,
    )


def _output_passes(view: LayerView, kernels: Kernels | None, *, independent: bool) -> int:
    if kernels is not None:
        slots = kernels.slots * (len(view.quadrants) if independent else 1)
        return -(-slots // kernels.columns)
    return view.common(reg.MaskCount).mcnt_max // _EIGHTHS_OF_A_KERNEL + 1


def _stream(view: LayerView, mode: RunMode) -> Stream | None:
    """FBUF: the layer reads from a ring (the first eight layers can); STRM0, STRM1: when it may."""
    if view.number >= mem.STREAMS or not mode.streaming:
        return None
    ring = view.common(reg.StreamBuffer)
    if not ring.fbuf_max:
        return None
    cadence = view.common(reg.Stream1)
    return Stream(
        start=view.common(reg.Stream0).strm_isval,
        step=cadence.strm_dsval1,
        row_step=cadence.strm_dsval2,
        volume=cadence.strm_invol,
        ring_words=ring.fbuf_max,
    )


def _check_amount(view: LayerView, description: LayerDescription) -> None:
    """A layer makes no more values than channels can be addressed and memories hold."""
    if description.scaling is None:
        return
    count = view.common(reg.MaskCount)
    if description.slots > limits.MAX_CHANNELS:
        why = f"it asks for {description.slots} outputs; {limits.MAX_CHANNELS.text}"
        raise view.impossible(count, "mcnt_max", why)
    rows, columns = description.out_size
    size = description.slots * rows * columns * (4 if description.scaling.wide else 1)
    if size > mem.TOTAL_DATA_BYTES and not description.streaming:
        why = f"the output of {size} bytes does not fit the {mem.TOTAL_DATA_BYTES} of data memory"
        raise view.impossible(count, "mcnt_max", why)


def _check_size(view: LayerView, description: LayerDescription) -> None:
    """The pooled and padded input must hold at least one window."""
    if min(description.pooled_size) < 1 or min(description.out_size) < 1:
        rows = view.common(reg.RowCount)
        size = f"{description.reading.rows}x{description.reading.columns}"
        raise view.impossible(rows, "last_row", f"no output pixel fits an input of {size}")
    _check_amount(view, description)
    oned = view.common(reg.OneDimensional)
    if description.kernels is None and oned.tscnt_max != description.time_slots - 1:
        why = f"the enabled processors need {description.time_slots} time slots"
        raise view.impossible(oned, "tscnt_max", why)
