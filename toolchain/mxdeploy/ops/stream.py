"""A hardware layer as the streaming hardware sees it."""

from __future__ import annotations

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000.streaming import StreamLayer
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
