"""An autoencoder: the input through a few numbers and back; what is unusual comes out wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import nn

from mxdeploy.stages.s0_train.networks.parts import (
    Layers,
    chain,
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
    layers: Layers = {}
    channels, count = input_shape[0], len(widths)
    for number, width in enumerate(widths, start=1):
        layers |= convolution(channels, width, number=str(number), normalize=normalize)
        layers[f"pool{number}"] = nn.MaxPool2d(2)
        channels = width
    layers |= convolution(channels, code, number=str(count + 1), normalize=normalize)
    channels = code
    for number, width in enumerate(reversed(widths), start=count + 2):
        layers |= upsampling(channels, width, number=str(number), normalize=normalize)
        channels = width
    last = nn.Conv2d(channels, input_shape[0], 3, padding=1)
    return chain({**layers, f"conv{2 * count + 2}": last})


def _of_sequences(
    input_shape: tuple[int, ...], widths: Sequence[int], code: int, *, normalize: bool
) -> nn.Module:
    samples = math.prod(input_shape)
    require_channels(NAME, "samples of the sequence (channels x length)", samples)
    layers: Layers = {}
    channels = input_shape[0]
    for number, width in enumerate(widths, start=1):
        kernel = 1 if number == 1 else 3
        layers |= convolution_1d(
            channels, width, number=str(number), kernel=kernel, normalize=normalize
        )
        channels = width
    inputs = require_flattened(NAME, (channels, input_shape[1]))
    wide = 4 * code
    linear: Layers = {
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(inputs, wide),
        "fc_relu1": nn.ReLU(),
        "code": nn.Linear(wide, code),
        "fc2": nn.Linear(code, wide),
        "fc_relu2": nn.ReLU(),
        "fc3": nn.Linear(wide, samples),
        "unflatten": nn.Unflatten(1, input_shape),
    }
    return chain(layers | linear)
