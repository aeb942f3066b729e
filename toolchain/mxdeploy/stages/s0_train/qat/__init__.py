"""Quantization-aware training: a torch module that computes as the chip does, to the bit.

It is made of a quantized network, whatever module or ONNX file that came from, and gives a
quantized network back: the same layers with other integers.
"""

from __future__ import annotations

from mxdeploy.stages.s0_train.qat.network import IntegerNetwork, trainable_network

__all__ = ["IntegerNetwork", "trainable_network"]
