"""Turns the float network into integers: scales, weights, biases, shifts, and integer.onnx."""

from __future__ import annotations

from mxdeploy.stages.s3_quantize.options import QuantizeOptions, WidthRule
from mxdeploy.stages.s3_quantize.stage import (
    explain_layer,
    output_noise,
    quantize,
    quantize_with_source,
)

__all__ = [
    "QuantizeOptions",
    "WidthRule",
    "explain_layer",
    "output_noise",
    "quantize",
    "quantize_with_source",
]
