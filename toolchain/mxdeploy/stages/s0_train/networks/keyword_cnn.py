"""A network for sequences (words, vibration): one-dimensional convolutions and a linear layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from mxdeploy.stages.s0_train.networks.parts import (
    chain,
    convolution_1d,
    halved,
    require_channels,
    require_dimensions,
    require_flattened,
)

NAME = "keyword_cnn"


def keyword_cnn(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    mixing: int = 64,
    widths: Sequence[int] = (64, 64, 64, 64),
    normalize: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """A 1x1 convolution that mixes the channels, then stages of a convolution and a pooling.

    Sound enters folded: 128 channels of 128 samples are a second at 16 kHz, sample ``t`` in
    channel ``t mod 128``. The mixing then finds short-time features in blocks of 8 ms.

    Args:
        input_shape: (channels, length).
        classes: outputs (logits).
        mixing: output channels of the first convolution.
        widths: output channels of each further convolution (3 taps), a max pooling of two
            behind each.
        normalize: batch normalization behind each convolution.
        dropout: share of the linear layer's inputs that are left out while training.

    Raises:
        UsageError: sequences too short for so many poolings, or too long for the linear layer.
    """
    require_dimensions(NAME, input_shape, 2)
    require_channels(NAME, "classes", classes)
    (length,) = halved(NAME, input_shape[1:], len(widths))
    for width in (mixing, *widths):
        require_channels(NAME, "channels", width)
    layers = convolution_1d(input_shape[0], mixing, number="1", kernel=1, normalize=normalize)
    channels = mixing
    for number, width in enumerate(widths, start=2):
        layers |= convolution_1d(channels, width, number=str(number), normalize=normalize)
        layers[f"pool{number}"] = nn.MaxPool1d(2)
        channels = width
    inputs = require_flattened(NAME, (channels, length))
    layers["flatten"] = nn.Flatten()
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    return chain({**layers, "fc": nn.Linear(inputs, classes)})
