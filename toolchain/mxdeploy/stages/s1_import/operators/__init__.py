"""Readers of ONNX operators, by family; each turns one ONNX node into imported operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mxdeploy.stages.s1_import.node_view import NodeView, Reading
from mxdeploy.stages.s1_import.operators import (
    activation,
    arithmetic,
    choice,
    convolution,
    matrix,
    pooling,
    quantization,
    resize,
    shape,
    slicing,
)

Reader = Callable[[NodeView], Reading]

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        **activation.READERS,
        **arithmetic.READERS,
        **choice.READERS,
        **convolution.READERS,
        **matrix.READERS,
        **pooling.READERS,
        **quantization.READERS,
        **resize.READERS,
        **shape.READERS,
        **slicing.READERS,
    }
)
"""Reader of every ONNX operator that can be imported."""
