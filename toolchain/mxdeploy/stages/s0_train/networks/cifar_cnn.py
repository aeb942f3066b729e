"""The classic network for small pictures: stages of convolution and pooling, one linear layer."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from mxdeploy.stages.s0_train.networks.parts import (
    Layers,
    chain,
    convolution,
    halved,
    require_channels,
    require_dimensions,
    require_flattened,
)

NAME = "cifar_cnn"


def cifar_cnn(
    input_shape: tuple[int, ...],
    classes: int,
    *,
    stages: Sequence[Sequence[int]] = ((32,), (64,), (64,)),
    pool_last: bool = True,
    normalize: bool = True,
    dropout: float = 0.0,
) -> nn.Module:
    """Stages of 3x3 convolutions with a 2x2 max pooling behind each, and a linear layer.

    Args:
        input_shape: (channels, rows, columns).
        classes: outputs (logits).
        stages: output channels of the convolutions of each stage.
        pool_last: the last stage has a pooling, too.
        normalize: batch normalization behind each convolution.
        dropout: share of the linear layer's inputs that are left out while training.

    Raises:
        UsageError: pictures too small for so many poolings, or too large for the linear layer.
    """
    require_dimensions(NAME, input_shape, 3)
    require_channels(NAME, "classes", classes)
    rows, columns = halved(NAME, input_shape[1:], len(stages) - (0 if pool_last else 1))
    layers: Layers = {}
    channels, number = input_shape[0], 0
    for stage, widths in enumerate(stages, start=1):
        for width in widths:
            require_channels(NAME, "channels", width)
            number += 1
            layers |= convolution(channels, width, number=str(number), normalize=normalize)
            channels = width
        if pool_last or stage < len(stages):
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
    inputs = require_flattened(NAME, (channels, rows, columns))
    layers["flatten"] = nn.Flatten()
    if dropout:
        layers["dropout"] = nn.Dropout(dropout)
    return chain({**layers, "fc": nn.Linear(inputs, classes)})
