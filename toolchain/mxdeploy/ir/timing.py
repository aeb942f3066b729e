"""A placed layer as the numbers that decide its duration."""

from __future__ import annotations

from mxdeploy.chip.max78000 import latency, layouts, limits
from mxdeploy.ir.plan import LayerPlan
from mxdeploy.ops.layer import Kind, LayerSpec


def layer_shape(spec: LayerSpec, placed: LayerPlan) -> latency.LayerShape:
    """The numbers that decide the cycles of a layer with this geometry at this place."""
    passthrough = spec.kind is Kind.PASSTHROUGH
    rows, columns = (1, 1) if spec.flatten else spec.convolved_size
    return latency.LayerShape(
        passes=placed.in_passes,
        operands=spec.operands,
        pool=(1, 1) if spec.pool is None else spec.pool.size,
        pool_first=spec.eltwise is None or spec.eltwise.pool_first,
        rows=rows,
        columns=columns,
        output_columns=spec.out_size[1],
        kernel=spec.kernel,
        pad=spec.pad,
        output_slots=0 if passthrough else _slots(spec, placed),
        time_slots=placed.inputs[0].time_slots,
        kernel_offset=0 if placed.kernels is None else placed.kernels.start_word,
        passthrough=passthrough,
        output_passes=placed.out_passes,
        flatten_enabled=spec.flatten and placed.in_passes > limits.MAX_PASSES,
    )


def _slots(spec: LayerSpec, placed: LayerPlan) -> int:
    """Output slots, those without a channel included."""
    processors = placed.output.processors
    if spec.flatten:
        return int(layouts.output_slots(spec.out_channels, processors).max()) + 1
    return placed.out_passes * layouts.output_columns(processors)
