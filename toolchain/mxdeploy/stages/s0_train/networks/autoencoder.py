"""An autoencoder: the input through a few numbers and back; what is unusual comes out wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from mxdeploy.stages.s0_train.networks.parts import (
    convolution,
    convolution_1d,
    require_channels,
    require_dimensions,
    require_flattened,
    require_multiple,
    upsampling,
)

NAME = "autoencoder"


def autoencoder(
    input_shape: tuple[int, ...],
    classes: int = 0,
    *,
    widths: Sequence[int] = (32, 16),
    code: int = 8,
    normalize: bool = True,
) -> nn.Module:
    """An autoencoder for pictures (convolutions only) or for sequences (linear layers inside).

    Pictures: a convolution and a pooling per width, ``code`` channels in the middle, transposed
    convolutions back. Sequences: a convolution of one tap and one of three, then linear layers
    from the flattened map to ``code`` numbers and back to every sample.

    Args:
        input_shape: (channels, rows, columns), rows and columns multiples of 2 ** len(widths);
            or (channels, length) with at most 1,024 samples in all.
        classes: not used: what the network tells is its own input.
        widths: output channels of the convolutions on the way in.
        code: channels (pictures) or numbers (sequences) in the middle.
        normalize: batch normalization behind each convolution.

    Raises:
        UsageError: a size that does not come back to itself, or a sequence too long.
    """
    del classes
    require_dimensions(NAME, input_shape, 2, 3)
    require_channels(NAME, "code", code)
    for width in widths:
        require_channels(NAME, "channels", width)
    if len(input_shape) == 3:  # noqa: PLR2004 - channels, rows, columns
        return _of_pictures(input_shape, widths, code, normalize=normalize)
    return _of_sequences(input_shape, widths, code, normalize=normalize)


def _of_pictures(
    input_shape: tuple[int, ...], widths: Sequence[int], code: int, *, normalize: bool
) -> nn.Module:
    require_multiple(NAME, input_shape, len(widths))
    layers: list[nn.Module] = []
    channels = input_shape[0]
    for width in widths:
        layers += [convolution(channels, width, normalize=normalize), nn.MaxPool2d(2)]
        channels = width
    layers.append(convolution(channels, code, normalize=normalize))
    channels = code
    for width in reversed(widths):
        layers.append(upsampling(channels, width, normalize=normalize))
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, input_shape[0], 3, padding=1))


def _of_sequences(
    input_shape: tuple[int, ...], widths: Sequence[int], code: int, *, normalize: bool
) -> nn.Module:
    samples = math.prod(input_shape)
    require_channels(NAME, "samples of the sequence (channels x length)", samples)
    layers: list[nn.Module] = []
    channels = input_shape[0]
    for number, width in enumerate(widths):
        kernel = 1 if number == 0 else 3
        layers.append(convolution_1d(channels, width, kernel=kernel, normalize=normalize))
        channels = width
    inputs = require_flattened(NAME, (channels, input_shape[1]))
    wide = 4 * code
    layers += [nn.Flatten(), nn.Linear(inputs, wide), nn.ReLU(), nn.Linear(wide, code)]
    layers += [nn.Linear(code, wide), nn.ReLU(), nn.Linear(wide, samples)]
    return nn.Sequential(*layers, nn.Unflatten(1, input_shape))
