"""The estimated duration of a layer, from its geometry and the passes of its tensors."""

from __future__ import annotations

from mxdeploy.chip.max78000 import latency, limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ops.layer import Kind, LayerSpec


def time_slots(processors: int) -> int:
    """Words a quadrant writes per pixel and pass in pass-through, at most over the quadrants.

    Args:
        processors: 64-bit mask of the layer's input.
    """
    per_quadrant = mem.PROCESSORS_PER_QUADRANT
    counts = [
        (processors >> q * per_quadrant & ((1 << per_quadrant) - 1)).bit_count()
        for q in range(mem.QUADRANTS)
    ]
    return max(-(-count // mem.PROCESSORS_PER_MEMORY) for count in counts)


def layer_shape(
    spec: LayerSpec, *, in_passes: int, out_passes: int, slots: int, processors: int
) -> latency.LayerShape:
    """The numbers that decide the layer's cycles.

    Args:
        spec: the layer.
        in_passes: words read per pixel (flatten: words read in all).
        out_passes: words written per pixel.
        slots: output slots, dummy slots included.
        processors: 64-bit mask of the input.
    """
    passthrough = spec.kind is Kind.PASSTHROUGH
    rows, columns = (1, 1) if spec.flatten else spec.convolved_size
    return latency.LayerShape(
        passes=in_passes,
        pool=(1, 1) if spec.pool is None else spec.pool.size,
        rows=rows,
        columns=columns,
        output_columns=spec.out_size[1],
        kernel=spec.kernel,
        pad=spec.pad,
        output_slots=0 if passthrough else slots,
        time_slots=time_slots(processors),
        passthrough=passthrough,
        output_passes=out_passes,
        flatten_enabled=spec.flatten and in_passes > limits.MAX_PASSES,
    )
