"""What the model can do and who judges it.

The documentation lists these with the number of recorded programs that exercise each; a capability
that no recorded program exercises belongs to the list that only the user guide's text judges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mxdeploy.emulator.accelerator.describe import Activation, LayerDescription, Operation
from mxdeploy.emulator.accelerator.fifo import FAST, Frame

_FIRST_OF_QUADRANT_1 = 16
_COUNTED_PASSES = 16

LayerTest = Callable[[LayerDescription], bool]
FrameTest = Callable[[Frame], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Something that recorded programs make the model do.

    Attributes:
        group: chapter of the list.
        name: what it is.
        registers: where it is asked for.
        layer: whether a layer does it.
        frame: whether a FIFO frame does it.
    """

    group: str
    name: str
    registers: str
    layer: LayerTest | None = None
    frame: FrameTest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Documented:
    """Something that no recorded program judges, done as the user guide's text says."""

    name: str
    registers: str
    text: str


def _kernel(size: tuple[int, int]) -> LayerTest:
    return lambda d: (
        d.kernels is not None and d.kernels.size == size and d.operation is Operation.CONVOLUTION
    )


def _taps(d: LayerDescription) -> bool:
    return d.kernels is not None and d.kernels.size[1] == 1 and d.kernels.size[0] > 1


def _combines(function: str) -> LayerTest:
    return lambda d: d.combining is not None and d.combining.function == function


def _pool(kind: str, *, rounding: bool = False) -> LayerTest:
    return lambda d: (
        d.pooling is not None
        and d.pooling.window != (1, 1)
        and d.pooling.kind == kind
        and (kind == "max" or d.pooling.rounding is rounding)
    )


def _bits(number: int) -> LayerTest:
    return lambda d: d.kernels is not None and d.kernels.weight_bits == number


def _activation(kind: Activation) -> LayerTest:
    return lambda d: d.scaling is not None and d.scaling.activation is kind


def _pooled_element_wise(*, first: bool) -> LayerTest:
    return lambda d: (
        d.combining is not None and d.pooling is not None and d.combining.pool_first is first
    )


def _single_pixel_passes(d: LayerDescription) -> bool:
    """A flattened input, or the many channels of a single pixel: the registers are the same."""
    pixel = (d.reading.rows, d.reading.columns) == (1, 1)
    return d.kernels is not None and pixel and d.reading.passes > 1


_OPERATION, _READING, _POOLING, _ELTWISE, _RESULT, _WEIGHTS, _INPUT = (
    "operation", "reading", "pooling", "element-wise", "result", "weights and biases", "input",
)  # fmt: skip

CAPABILITIES: tuple[Capability, ...] = (
    Capability(group=_OPERATION, name="convolution 3x3", registers="ONED", layer=_kernel((3, 3))),
    Capability(group=_OPERATION, name="convolution 1x1, fully connected", registers="ONED",
               layer=_kernel((1, 1))),
    Capability(group=_OPERATION, name="1-D convolution, 2 to 9 taps", registers="ONED.oned_en",
               layer=_taps),
    Capability(group=_OPERATION, name="kernel start inside a word", registers="ONED.oned_sad",
               layer=lambda d: d.kernels is not None and d.kernels.skipped_bytes > 0),
    Capability(group=_OPERATION, name="transposed convolution", registers="POST.deconv_en",
               layer=lambda d: d.operation is Operation.TRANSPOSED),
    Capability(group=_OPERATION, name="pass-through", registers="EN, POST.ts_en, POST.onexone_en",
               layer=lambda d: d.operation is Operation.PASSTHROUGH),
    Capability(group=_OPERATION, name="flatten, up to 16 passes", registers="LCTRL1.inpchexp",
               layer=lambda d: _single_pixel_passes(d) and not d.flatten),
    Capability(group=_OPERATION, name="flatten, 17 to 256 passes",
               registers="POST.flatten_en, POST.xpmp_cnt", layer=lambda d: d.flatten),
    Capability(group=_READING, name="several input passes", registers="LCTRL1.inpchexp",
               layer=lambda d: d.reading.passes > 1),
    Capability(group=_READING, name="several output passes", registers="LCTRL1, WPTR_CHOFF",
               layer=lambda d: d.kernels is not None and d.output_passes > 1),
    Capability(group=_READING, name="several input and output passes",
               registers="LCTRL1, WPTR_CHOFF",
               layer=lambda d: d.kernels is not None and d.output_passes > 1
               and d.reading.passes > 1),
    Capability(group=_READING, name="input padding", registers="RCNT.pad, CCNT.pad",
               layer=lambda d: max(d.pad) > 0),
    Capability(group=_READING, name="no processor of quadrant 0", registers="EN, LCTRL0.cnnsi_en",
               layer=lambda d: min(d.reading.processors) >= _FIRST_OF_QUADRANT_1),
    Capability(group=_READING, name="sum over quadrants", registers="LCTRL0.cnnsi_en",
               layer=lambda d: d.kernels is not None and not d.independent
               and len(d.summed) > 1),
    Capability(group=_POOLING, name="max pooling", registers="LCTRL0.maxpl_en",
               layer=_pool("max")),
    Capability(group=_POOLING, name="average pooling, fraction dropped",
               registers="LCTRL0.pool_en, CTRL.poolrnd", layer=_pool("average")),
    Capability(group=_POOLING, name="average pooling, rounded",
               registers="LCTRL0.pool_en, CTRL.poolrnd", layer=_pool("average", rounding=True)),
    Capability(group=_POOLING, name="windows that are not square", registers="PRCNT, PCCNT",
               layer=lambda d: d.pooling is not None
               and d.pooling.window[0] != d.pooling.window[1] and d.reading.columns > 1),
    Capability(group=_POOLING, name="stride other than the window", registers="STRIDE",
               layer=lambda d: d.pooling is not None and d.pooling.window != (1, 1)
               and d.pooling.stride not in d.pooling.window),
    Capability(group=_POOLING, name="stride without window", registers="STRIDE",
               layer=lambda d: d.pooling is not None and d.pooling.window == (1, 1)),
    *(
        Capability(group=_ELTWISE, name=name, registers="ONED.ewise_func", layer=_combines(name))
        for name in ("add", "sub", "or", "xor")
    ),
    Capability(group=_ELTWISE, name="three and more operands", registers="ONED.ewise_cnt",
               layer=lambda d: d.reading.operands > 2),  # noqa: PLR2004 - as the name says
    Capability(group=_ELTWISE, name="followed by a convolution", registers="ONED.two_d_conv",
               layer=lambda d: d.combining is not None and d.kernels is not None),
    Capability(group=_ELTWISE, name="after pooling", registers="ONED.prepool",
               layer=_pooled_element_wise(first=True)),
    Capability(group=_ELTWISE, name="before pooling", registers="ONED.prepool",
               layer=_pooled_element_wise(first=False)),
    Capability(group=_ELTWISE, name="two operands in two passes",
               registers="ONED.ewise_cnt, LCTRL1",
               layer=lambda d: d.reading.operands > 1 and d.reading.passes > 1),
    Capability(group=_RESULT, name="ReLU", registers="LCTRL0.act_en",
               layer=_activation(Activation.RELU)),
    Capability(group=_RESULT, name="absolute value", registers="POST.out_abs",
               layer=_activation(Activation.ABS)),
    Capability(group=_RESULT, name="shift to the left", registers="POST.scale_reg",
               layer=lambda d: d.scaling is not None and d.scaling.shift > 0),
    Capability(group=_RESULT, name="shift to the right", registers="POST.scale_shft",
               layer=lambda d: d.scaling is not None and d.scaling.shift < 0),
    Capability(group=_RESULT, name="32-bit output", registers="LCTRL0.bigdwrt",
               layer=lambda d: d.scaling is not None and d.scaling.wide),
    Capability(group=_RESULT, name="write gaps", registers="LCTRL1.wptr_inc",
               layer=lambda d: d.writing.increment + 1
               > (1 if d.kernels is None else d.output_passes)),
    *(
        Capability(group=_WEIGHTS, name=f"{bits}-bit weights", registers="POST.mask_size",
                   layer=_bits(bits))
        for bits in (8, 4, 2, 1)
    ),
    Capability(group=_WEIGHTS, name="biases", registers="POST.bptr_en",
               layer=lambda d: d.scaling is not None and bool(d.scaling.bias)),
    Capability(group=_WEIGHTS, name="biases in a streaming layer", registers="POST.bptr_en",
               layer=lambda d: d.streaming and d.scaling is not None and bool(d.scaling.bias)),
    Capability(group=_INPUT, name="CHW data", registers="LCTRL0.parallel",
               layer=lambda d: d.reading.chw),
    Capability(group=_INPUT, name="one standard FIFO", registers="FIFO_CTRL, IFRM",
               frame=lambda f: FAST not in f.queues and len(f.queues) == 1),
    Capability(group=_INPUT, name="several FIFOs in lock step", registers="FIFO_CTRL, IFRM",
               frame=lambda f: len(f.queues) > 1),
    Capability(group=_INPUT, name="fast FIFO, bytes to one data memory",
               registers="CTRL.ffifo_en, CTRL.fifogrp",
               frame=lambda f: FAST in f.queues and not f.split and len(f.memories) == 1),
    Capability(group=_INPUT, name="four quadrants on the same data", registers="CTRL.qupac",
               layer=lambda d: d.independent),
    Capability(group=_INPUT, name="streaming (the data)",
               registers="CTRL.stream_en, CTRL.lilbuf, FBUF",
               layer=lambda d: d.streaming),
)  # fmt: skip

DOCUMENTED: tuple[Documented, ...] = (
    Documented(name="self-tests and zeroing", registers="TEST",
               text="run and zero bits act when they go from 0 to 1, at once; the memory is zero "
               "afterwards, the status bits clear with the run bit (recorded programs use the "
               "self-tests, and none of their answers depends on them)"),
    Documented(name="one-shot mode", registers="CTRL.oneshot",
               text="each 0 -> 1 of cnn_en runs the next layer; that the completion flag follows "
               "each layer is our reading of the guide"),
    Documented(name="Mlator", registers="MLAT, CTRL.mlat_ld, CTRL.mlatch_sel, WPTR_BASE",
               text="four successive bytes of a lane, first one lowest; programs that use it were "
               "recorded, but nothing that they compare comes from it"),
    Documented(name="completion flag", registers="CTRL.cnn_irq",
               text="rises in the leading quadrant, is cleared by a 0, can be forced by a 1"),
    Documented(name="stop and continue", registers="CTRL.cnn_en",
               text="cleared and set again before completion, a run goes on; the model does not "
               "count the time in between"),
    Documented(name="read-back of registers and memories", registers="all",
               text="what was written, bits that exist only; kernel memory in its 128-bit view, "
               "where the fourth word reads 0"),
    Documented(name="power, isolation, reset, clock", registers="GCFR, PCLKDIS0",
               text="an access while one of them is missing is an error (on the chip the bus "
               "hangs); lost power loses memories and registers, a reset the registers"),
    Documented(name="power-down and deep sleep of memories", registers="SRAM, AOD_CTRL",
               text="memories do not answer; power-down loses their content"),
    Documented(name="fast FIFO, a byte to each quadrant",
               registers="CTRL.ffifo_en, CTRL.fifogrp",
               text="with fifogrp 0, byte j of a word goes to the first processor of quadrant j"),
    Documented(name="FIFO status", registers="FIFO_STAT",
               text="words are taken at once, so that no FIFO is ever full; the depth is not "
               "known"),
)  # fmt: skip
