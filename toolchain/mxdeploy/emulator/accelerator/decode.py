"""From registers to a layer description: each register's effect, in one place.

Every field is either used, or required to have the one value whose effect is known, or known to
have no effect on results (memory timing, wait states, row-cache pointers). Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mxdeploy.arith.elementwise import Function
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.emulator.accelerator.describe import (
    Activation,
    Combining,
    Kernels,
    LayerDescription,
    Operation,
    Pooling,
    Reading,
    Scaling,
    Writing,
)
from mxdeploy.emulator.accelerator.view import LayerView

FUNCTIONS: tuple[Function, ...] = ("sub", "add", "or", "xor")
WEIGHT_BITS: Mapping[int, int] = MappingProxyType({0: 8, 1: 1, 2: 2, 3: 4})

_FIXED_CONTROL = (
    ("sslave", 0, "processors that share a neighbour's field are not modelled"),
    ("mslave", 0, "processors that share processor 0's field are not modelled"),
    ("cpad_only", 0, "padding of columns alone is not modelled"),
    ("master", 1, "a quadrant that does not compute its own sum is not modelled"),
    ("sramlsrc", 1, "writing from the quadrant's own bus is not modelled"),
)


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
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    for field, wanted, why in _FIXED_CONTROL:
        view.require(control, field, wanted, why)
    independent = mode.independent and view.number == 0
    operation = _operation(view)
    reading = _reading(view, operation)
    kernels = None if operation is Operation.PASSTHROUGH else _kernels(view, reading)
    pad = _pad(view, operation, kernels)
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
        streaming=_streaming(view, mode),
        flatten=bool(view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS).flatten_en),
        output_passes=_output_passes(view, kernels, independent=independent),
    )
    _check_size(view, description)
    return description


_BIAS_FIELDS = ("bptr_sad", "bptr_en")


def _operation(view: LayerView) -> Operation:
    """EN and POST: convolution, transposed convolution or pass-through."""
    enables = [view.of(reg.Enable, quadrant) for quadrant in view.quadrants]
    if not any(enable.pro_en for enable in enables):
        raise view.impossible(enables[0], "pro_en", "the layer has no enabled processor")
    passthrough = not any(enable.mask_en for enable in enables)
    for enable in enables:
        if not passthrough and enable.mask_en != enable.pro_en:
            why = "a processor without its kernels, or kernels without processor, is not modelled"
            raise view.not_modelled(enable, "mask_en", why)
    post = view.common(reg.PostProcessing, apart_from=_BIAS_FIELDS)
    oned = view.common(reg.OneDimensional)
    view.require(post, "ts_en", int(passthrough), "time slots belong to pass-through layers")
    alone = int(passthrough and not oned.ewise_en)
    view.require(post, "onexone_en", alone, "used for the pass-through of a single operand")
    if passthrough:
        view.require(post, "deconv_en", 0, "a pass-through does not insert zeros")
        view.require(oned, "two_d_conv", 0, "a convolution needs enabled kernels")
        return Operation.PASSTHROUGH
    if oned.ewise_en:
        view.require(oned, "two_d_conv", 1, "kernels are enabled, so the layer must convolve")
    return Operation.TRANSPOSED if post.deconv_en else Operation.CONVOLUTION


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
        view.require(high, "xpmp_cnt", 0, "extends the pass count only with flatten_en")
        return low.inpchexp + 1
    if size != (1, 1):
        why = f"a flatten layer reads one pixel in many passes, not {size[0]}x{size[1]} pixels"
        raise view.not_modelled(high, "flatten_en", why)
    return (high.xpmp_cnt << 4 | low.inpchexp) + 1


def _check_reading(view: LayerView, reading: Reading) -> None:
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    if reading.chw:
        if any(processor % mem.PROCESSORS_PER_MEMORY for processor in reading.processors):
            raise view.not_modelled(
                control, "parallel", "only the first processor of a data memory can read CHW data"
            )
        if reading.operands > 1:
            raise view.not_modelled(control, "parallel", "CHW data have a single operand")
    if reading.operands > 1 and reading.passes > 1 and (reading.operands, reading.passes) != (2, 2):
        raise view.not_modelled(
            view.common(reg.OneDimensional),
            "ewise_cnt",
            f"{reading.operands} operands in {reading.passes} passes; known is 2 in 2",
        )


def _pooling(view: LayerView, operation: Operation, mode: RunMode) -> Pooling | None:
    """LCTRL0.pool_en and maxpl_en, PRCNT, PCCNT, STRIDE, CTRL.poolrnd."""
    control = view.common(reg.LayerControl0, apart_from=("cnnsi_en",))
    rows, columns = view.common(reg.PoolRowCount), view.common(reg.PoolColumnCount)
    step = view.common(reg.Stride)
    if not control.pool_en:
        why = "the pooling window has an effect only with LCTRL0.pool_en"
        view.require(rows, "last_row", 0, why)
        view.require(columns, "last_column", 0, why)
    window = (rows.last_row + 1, columns.last_column + 1)
    if window == (1, 1) and step.stride == 0:
        return None
    if operation is Operation.TRANSPOSED:
        raise view.not_modelled(step, "stride", "pooling before zero insertion is not modelled")
    average = control.pool_en and not control.maxpl_en
    return Pooling(
        kind="average" if average else "max",
        window=window,
        stride=step.stride + 1,
        rounding=mode.rounding,
    )


def _combining(view: LayerView, operation: Operation) -> Combining | None:
    """ONED: element-wise function and order of pooling."""
    oned = view.common(reg.OneDimensional)
    if not oned.ewise_en:
        for field in ("prepool", "two_d_conv", "ewise_cnt"):
            view.require(oned, field, 0, "has an effect only with ewise_en")
        return None
    if oned.oned_en:
        raise view.not_modelled(oned, "oned_en", "element-wise layers convolve in two dimensions")
    if operation is Operation.TRANSPOSED:
        raise view.not_modelled(oned, "ewise_en", "not known together with zero insertion")
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
            raise view.not_modelled(post, "deconv_en", "zero insertion in one dimension")
        width = view.common(reg.ColumnCount)
        view.require(width, "last_column", 0, "1-D data have a single column")
        return (oned.oned_width, 1)
    if oned.oned_width == 1:
        if post.deconv_en:
            raise view.not_modelled(post, "deconv_en", "zero insertion needs a 3x3 kernel")
        return (1, 1)
    view.require(oned, "oned_width", 0, "two-dimensional kernels are 1x1 or 3x3")
    return (3, 3)


def _pad(view: LayerView, operation: Operation, kernels: Kernels | None) -> tuple[int, int]:
    """RCNT.pad and CCNT.pad."""
    rows, columns = view.common(reg.RowCount), view.common(reg.ColumnCount)
    if operation is Operation.PASSTHROUGH:
        why = "a pass-through does not pad"
        view.require(rows, "pad", 0, why)
        view.require(columns, "pad", 0, why)
    elif kernels is not None and kernels.size == (1, 1):
        why = "a 1x1 kernel does not pad"
        view.require(rows, "pad", 0, why)
        view.require(columns, "pad", 0, why)
    elif kernels is not None:
        most = 2
        for value in (rows, columns):
            if value.pad > most:
                raise view.not_modelled(value, "pad", "programs pad by 0, 1 or 2")
    return (rows.pad, columns.pad)


def _summed(
    view: LayerView, reading: Reading, kernels: Kernels | None, *, independent: bool
) -> tuple[int, ...]:
    """LCTRL0.cnnsi_en: the quadrants whose sums of products the leading one adds."""
    leader = view.quadrants[0]
    for quadrant in view.quadrants[1:]:
        other = view.of(reg.LayerControl0, quadrant)
        view.require(other, "cnnsi_en", 0, "only the leading quadrant's sum is written")
    control = view.leading(reg.LayerControl0)
    active = {processor // mem.PROCESSORS_PER_QUADRANT for processor in reading.processors}
    if kernels is None or independent:
        view.require(control, "cnnsi_en", 0, "nothing is summed over quadrants here")
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
    skipped = int(view.number == 0 and _streaming(view, mode))
    posts = [(quadrant, view.of(reg.PostProcessing, quadrant)) for quadrant in view.quadrants]
    bias = tuple((quadrant, p.bptr_sad + skipped) for quadrant, p in posts if p.bptr_en)
    if operation is Operation.PASSTHROUGH:
        why = "a pass-through writes its data as they are"
        for field in ("scale_reg", "out_abs", "bptr_en"):
            view.require(post, field, 0, why)
        for field in ("act_en", "bigdwrt"):
            view.require(control, field, 0, why)
        return None
    if len(bias) > 1 and not independent:
        raise view.not_modelled(post, "bptr_en", f"biases from quadrants {[q for q, _ in bias]}")
    if bias and not independent:
        _check_bias_quadrant(view, bias[0][0], post)
    if control.bigdwrt and (control.act_en or post.out_abs):
        raise view.not_modelled(control, "bigdwrt", "activation of 32-bit outputs")
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
    return view.common(reg.MaskCount).mcnt_max // 8 + 1


def _streaming(view: LayerView, mode: RunMode) -> bool:
    """FBUF: the layer reads from a ring (only the first eight layers have the register)."""
    if view.number >= mem.STREAMS or not mode.streaming:
        return False
    return view.common(reg.StreamBuffer).fbuf_max > 0


def _check_size(view: LayerView, description: LayerDescription) -> None:
    """The pooled and padded input must hold at least one window."""
    if min(description.pooled_size) < 1 or min(description.out_size) < 1:
        rows = view.common(reg.RowCount)
        size = f"{description.reading.rows}x{description.reading.columns}"
        raise view.impossible(rows, "last_row", f"no output pixel fits an input of {size}")
    oned = view.common(reg.OneDimensional)
    if description.kernels is None and oned.tscnt_max != description.time_slots - 1:
        why = f"the enabled processors need {description.time_slots} time slots"
        raise view.impossible(oned, "tscnt_max", why)
