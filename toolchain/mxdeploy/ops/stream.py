"""A hardware layer as the streaming hardware sees it."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000.stream_latency import StreamShape
from mxdeploy.chip.max78000.streaming import Cadence, StreamLayer
from mxdeploy.ops.layer import LayerSpec


def stream_layer(spec: LayerSpec, *, chw: bool = False) -> StreamLayer:
    """The numbers of ``spec`` that decide when the layer works; ``chw``: of a CHW input."""
    return StreamLayer(
        rows=spec.in_size[0],
        columns=spec.in_size[1],
        window=(1, 1) if spec.pool is None else spec.pool.size,
        stride=1 if spec.pool is None else spec.pool.stride,
        pooled_columns=spec.convolved_size[1],
        kernel=spec.kernel,
        pad_columns=spec.pad[1],
        passes=limits.passes(spec.in_channels),
        chw=chw,
    )


def stream_shape(spec: LayerSpec, cadence: Cadence, cycles: int) -> StreamShape:
    """The numbers that decide how long the layer takes in a stream; ``cycles``: its own work."""
    rows, columns = spec.convolved_size
    return StreamShape(
        cycles=cycles,
        rows=rows,
        columns=columns,
        pad=spec.pad,
        window_rows=1 if spec.pool is None else spec.pool.size[0],
        stride=1 if spec.pool is None else spec.pool.stride,
        start=cadence.start,
    )
