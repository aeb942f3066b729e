"""Registers that say how a layer computes: sums, kernels, scaling, passes, enables."""

from __future__ import annotations

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import registers as reg
from mxdeploy.ir.plan import DataOrder
from mxdeploy.ops.layer import Activation, Kind, PoolKind
from mxdeploy.stages.s5_lower.placed import PlacedLayer

KERNEL_STEPS = 8
"""The mask counter counts eighths of a kernel: bits of a kernel's byte."""
MASK_SIZE = ((8, 0), (4, 3), (2, 2), (1, 1))
"""Weight bits and their code in POST.mask_size."""


def layer_control_0(placed: PlacedLayer, quadrant: int) -> reg.LayerControl0:
    """Data order, pooling, ReLU, width of the output; the leading quadrant adds the sums."""
    pool = placed.spec.pool
    window = pool is not None and pool.size != (1, 1)
    average = window and pool is not None and pool.kind is PoolKind.AVERAGE
    leads = quadrant == int(limits.LEADING_QUADRANT)
    return reg.LayerControl0(
        master=1,
        parallel=int(placed.source.order is DataOrder.CHW),
        pool_en=int(window),
        maxpl_en=int(not average),
        act_en=int(placed.spec.activation is Activation.RELU),
        sramlsrc=1,
        cnnsi_en=_summed_quadrants(placed) if leads else 0,
        bigdwrt=int(placed.target.bits == int(limits.WIDE_OUTPUT_BITS)),
    )


def _summed_quadrants(placed: PlacedLayer) -> int:
    """Quadrants whose sums the leading one adds: those that convolve, and the bias's."""
    if placed.passthrough:
        return 0
    quadrants = set(placed.source.quadrants)
    if placed.plan.bias is not None:
        quadrants.add(placed.plan.bias.quadrant)
    return sum(1 << q for q in quadrants - {int(limits.LEADING_QUADRANT)})


def layer_control_1(placed: PlacedLayer) -> reg.LayerControl1:
    """Input passes, words per output pixel, output columns (times the weight bits)."""
    most = int(limits.MAX_PASSES)
    if placed.passthrough:
        in_passes, _ = placed.counted_passes
        # From a word of its output to the next, be it the next pass or the next pixel.
        step, passes = placed.target.step_words, placed.target.passes
        if step % passes or (passes > 1 and step // passes != placed.target.gap + 1):
            raise ValueError(f"{placed.layer.name}: pass-through cannot leave uneven gaps")
        return reg.LayerControl1(inpchexp=in_passes - 1, wptr_inc=step // passes - 1)
    columns = layouts.output_columns(placed.target.processors)
    return reg.LayerControl1(
        inpchexp=(placed.plan.in_passes - 1) % most,
        wptr_inc=placed.target.step_words - 1,
        xpch_max=(columns - 1) * placed.layer.weight_bits,
    )


def mask_count(placed: PlacedLayer) -> reg.MaskCount:
    """First and last kernel; pass-through counts its passes."""
    if placed.passthrough:
        _, out_passes = placed.counted_passes
        return reg.MaskCount(mcnt_max=KERNEL_STEPS * (out_passes - 1))
    first, _ = placed.kernel_start
    start = KERNEL_STEPS * first
    kernels = placed.slots * placed.plan.in_passes
    return reg.MaskCount(mcnt_sad=start, mcnt_max=start + (kernels - 1) * placed.layer.weight_bits)


def enable(placed: PlacedLayer, quadrant: int) -> reg.Enable:
    """Processors of the quadrant, and their kernel memories unless the layer passes through."""
    processors = placed.source.in_quadrant(quadrant)
    return reg.Enable(pro_en=processors, mask_en=0 if placed.passthrough else processors)


def post_processing(placed: PlacedLayer, quadrant: int) -> reg.PostProcessing:
    """Bias, scaling, weight width, Abs; the modes of pass-through and long flattened inputs."""
    bias = placed.plan.bias
    if bias is not None and bias.quadrant != quadrant:
        bias = None
    shift = placed.layer.shift
    extended = placed.extended_passes
    return reg.PostProcessing(
        bptr_sad=bias.start_byte if bias else 0,
        bptr_en=int(bias is not None),
        scale_reg=abs(shift),
        scale_shft=int(shift < 0),
        xpmp_cnt=(placed.plan.in_passes - 1) // int(limits.MAX_PASSES) if extended else 0,
        mask_size=dict(MASK_SIZE)[placed.layer.weight_bits],
        ts_en=int(placed.passthrough),
        onexone_en=int(placed.passthrough and not placed.combines),
        out_abs=int(placed.spec.activation is Activation.ABS),
        flatten_en=int(extended),
        deconv_en=int(placed.spec.kind is Kind.CONV_TRANSPOSE2D),
    )
