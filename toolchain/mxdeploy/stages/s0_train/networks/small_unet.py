"""A small U-Net: a class for every pixel, from maps that were halved and doubled again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mxdeploy.stages.s0_train.networks.parts import (
    chain,
    convolution,
    require_channels,
    require_dimensions,
    require_multiple,
    upsampling,
)

NAME = "small_unet"


class Level(nn.Module):
    """One level of the U: a convolution here, everything below at half the size, and both joined.

    The accelerator writes the two parts of the join side by side: it costs nothing.
    """

    def __init__(self, inputs: int, widths: Sequence[int], *, normalize: bool) -> None:
        """A level of ``widths[0]`` channels over levels of the other widths."""
        super().__init__()
        here, *below = widths
        self.down = chain(convolution(inputs, here, normalize=normalize))
        self.pool = nn.MaxPool2d(2)
        self.below: nn.Module
        if len(below) > 1:
            self.below = Level(here, below, normalize=normalize)
        else:
            self.below = chain(convolution(here, below[0], normalize=normalize))
        self.up = chain(upsampling(below[0], here, normalize=normalize))
        self.join = chain(convolution(2 * here, here, normalize=normalize))

    def forward(self, x: Tensor) -> Tensor:
        """From float32 (n, inputs, rows, columns) to (n, ``widths[0]``, rows, columns)."""
        here = self.down(x)
        below = self.up(self.below(self.pool(here)))
        result: Tensor = self.join(torch.cat([here, below], dim=1))
        return result


def small_unet(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    widths: Sequence[int] = (16, 32, 64),
    normalize: bool = True,
) -> nn.Module:
    """A U of ``len(widths)`` levels and a 1x1 convolution to the classes.

    Args:
        input_shape: (channels, rows, columns); rows and columns multiples of
            2 ** (len(widths) - 1).
        classes: channels of the output: the logits of each pixel.
        widths: channels of each level, at least two of them.
        normalize: batch normalization behind each convolution.

    Raises:
        UsageError: rows or columns that do not come back to the same size.
    """
    require_dimensions(NAME, input_shape, 3)
    require_channels(NAME, "classes", classes)
    require_channels(NAME, "levels below the first", len(widths) - 1)
    for width in widths:
        require_channels(NAME, "channels", width)
    require_multiple(NAME, input_shape, len(widths) - 1)
    level = Level(input_shape[0], widths, normalize=normalize)
    return chain({"top": level, "classes": nn.Conv2d(widths[0], classes, 1)})
