"""The zoo: ordinary torch networks that suit the accelerator.

Each file holds one network: a builder ``(input_shape, classes, **options)`` that returns plain
torch layers, ready to be trained. ``input_shape`` is (channels, rows, columns) for pictures and
(channels, length) for sequences, without the batch. Sizes that a network cannot take are refused
(``UsageError``) with what to choose instead.

| name | for | input | output |
|---|---|---|---|
| ``cifar_cnn`` | small pictures in classes | (C, H, W) | (classes) |
| ``residual_cnn`` | the same, deeper, with shortcuts | (C, H, W) | (classes) |
| ``keyword_cnn`` | sequences in classes: words, vibration | (C, L) | (classes) |
| ``small_unet`` | a class for every pixel | (C, H, W) | (classes, H, W) |
| ``autoencoder`` | the input itself, for anomalies | (C, H, W) or (C, L) | as the input |

What they have in common is what the chip likes: at most 64 channels (one pass), 3x3 kernels with
padding 1 and stride 1, a pooling in front of a convolution (one layer of the chip does both), batch
normalization that disappears into the weights, ReLU. All fit with 8-bit weights.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from mxdeploy.stages.s0_train.networks.autoencoder import autoencoder
from mxdeploy.stages.s0_train.networks.cifar_cnn import cifar_cnn
from mxdeploy.stages.s0_train.networks.keyword_cnn import keyword_cnn
from mxdeploy.stages.s0_train.networks.residual_cnn import residual_cnn
from mxdeploy.stages.s0_train.networks.small_unet import small_unet

ZOO: dict[str, Callable[..., nn.Module]] = {
    "cifar_cnn": cifar_cnn,
    "residual_cnn": residual_cnn,
    "keyword_cnn": keyword_cnn,
    "small_unet": small_unet,
    "autoencoder": autoencoder,
}
"""Builders by name."""

__all__ = ["ZOO", "autoencoder", "cifar_cnn", "keyword_cnn", "residual_cnn", "small_unet"]
