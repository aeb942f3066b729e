"""Convolutions that copy: their kernels have a single tap for every pair of channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv


def diagonal(channels: int, kernel: NDArray[np.generic]) -> NDArray[np.float32]:
    """Weights with which every channel is convolved with ``kernel``, and mixed with no other."""
    weight = np.zeros((channels, channels, *kernel.shape), np.float32)
    weight[np.arange(channels), np.arange(channels)] = kernel
    return weight


def one_tap(channels: int, size: tuple[int, ...], tap: tuple[int, ...]) -> NDArray[np.float32]:
    """Weights that copy every channel: ``out[y] = in[y + tap - padding]``."""
    kernel = np.zeros(size, np.float32)
    kernel[tap] = 1
    return diagonal(channels, kernel)


def plain_conv(weight: NDArray[np.generic], pads: tuple[int, ...]) -> Conv:
    """A convolution without bias, stride, dilation and groups; the same ``pads`` on both sides."""
    ones = (1,) * len(pads)
    return Conv(
        weight=Tensor(weight.astype(np.float32)),
        bias=None,
        pads=(*pads, *pads),
        strides=ones,
        dilations=ones,
        groups=1,
    )
