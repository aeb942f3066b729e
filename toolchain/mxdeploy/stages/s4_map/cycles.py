"""The estimated duration of a layer, from its geometry and the passes of its tensors."""

from __future__ import annotations

from mxdeploy.chip.max78000 import latency, limits
from mxdeploy.ir.plan import Region
from mxdeploy.ops.layer import Kind, LayerSpec


def layer_shape(
    spec: LayerSpec,
    *,
    in_passes: int,
    slots: int,
    source: Region,
    target: Region,
    first_word: int = 0,
) -> latency.LayerShape:
    """The numbers that decide the layer's cycles.

    Args:
        spec: the layer.
        in_passes: words read per pixel (flatten: words read in all).
        slots: output slots, dummy slots included.
        source: where the input lies.
        target: where the output goes.
        first_word: of the layer's kernels.
    """
    passthrough = spec.kind is Kind.PASSTHROUGH
    rows, columns = (1, 1) if spec.flatten else spec.convolved_size
    return latency.LayerShape(
        passes=in_passes,
        operands=spec.operands,
        pool=(1, 1) if spec.pool is None else spec.pool.size,
        pool_first=spec.eltwise is None or spec.eltwise.pool_first,
        rows=rows,
        columns=columns,
        output_columns=spec.out_size[1],
        kernel=spec.kernel,
        pad=spec.pad,
        output_slots=0 if passthrough else slots,
        time_slots=source.time_slots,
        kernel_offset=first_word,
        passthrough=passthrough,
        output_passes=target.passes,
        flatten_enabled=spec.flatten and in_passes > limits.MAX_PASSES,
    )
