"""From the data that a user has to what is written to the chip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.head import apply_head, quantized_input
from mxdeploy.data import Layout
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.head import HeadMove, HeadOp, Transpose


def model_layout(head: Sequence[HeadOp]) -> Layout:
    """How a model with these first steps takes images: channels last if they are moved first."""
    first = next((op for op in head if isinstance(op, HeadMove)), None)
    last = isinstance(first, Transpose) and first.axes[0] == len(first.axes) - 1
    return Layout.NHWC if last else Layout.NCHW


def chip_inputs(network: QuantNetwork, x: NDArray[np.float32]) -> NDArray[np.int8]:
    """The model's inputs as the chip's integers.

    Args:
        network: the integer network.
        x: float32 (n, *shape of the model's input), in the model's own units.

    Returns:
        int8 (n, C, H, W).
    """
    source = network.value(network.input)
    integers = quantized_input(apply_head(network.head, x), source.scale)
    return integers.reshape(len(x), *source.shape)
