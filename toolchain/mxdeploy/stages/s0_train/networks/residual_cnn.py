"""A deeper network for pictures: blocks of two convolutions, their input added to their output."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from mxdeploy.stages.s0_train.networks.parts import (
    Layers,
    chain,
    convolution,
    halved,
    require_channels,
    require_dimensions,
    require_flattened,
)

NAME = "residual_cnn"


class Residual(nn.Sequential):
    """``x`` plus two convolutions of ``x``; all three maps have the same shape.

    Both operands of the sum are non-negative, so that it needs no activation: the accelerator
    adds (and pools) while it reads for the next convolution. It wants the operands interleaved,
    for which one further layer copies the shortcut.
    """

    def __init__(self, channels: int, *, normalize: bool) -> None:
        """Two convolutions from ``channels`` to ``channels``."""
        first = convolution(channels, channels, number="1", normalize=normalize)
        second = convolution(channels, channels, number="2", normalize=normalize)
        super().__init__(OrderedDict(first | second))

    def forward(self, x: Tensor) -> Tensor:
        """``x`` and the result: float32 (n, channels, rows, columns)."""
        result: Tensor = x + super().forward(x)  # type: ignore[no-untyped-call]
        return result


def residual_cnn(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    widths: Sequence[int] = (32, 64, 64),
    blocks: int = 1,
    normalize: bool = True,
) -> nn.Module:
    """Stages of a convolution and residual blocks, a 2x2 max pooling between them.

    Args:
        input_shape: (channels, rows, columns).
        classes: outputs (logits).
        widths: channels of each stage.
        blocks: residual blocks (two convolutions each) per stage.
        normalize: batch normalization behind each convolution.

    Raises:
        UsageError: pictures too small for so many poolings, or too large for the linear layer.
    """
    require_dimensions(NAME, input_shape, 3)
    require_channels(NAME, "classes", classes)
    rows, columns = halved(NAME, input_shape[1:], len(widths))
    layers: Layers = {}
    channels, block = input_shape[0], 0
    for stage, width in enumerate(widths, start=1):
        require_channels(NAME, "channels", width)
        layers |= convolution(channels, width, number=str(stage), normalize=normalize)
        for _ in range(blocks):
            block += 1
            layers[f"block{block}"] = Residual(width, normalize=normalize)
        layers[f"pool{stage}"] = nn.MaxPool2d(2)
        channels = width
    inputs = require_flattened(NAME, (channels, rows, columns))
    return chain({**layers, "flatten": nn.Flatten(), "fc": nn.Linear(inputs, classes)})
