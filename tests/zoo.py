"""Integer networks with the geometry of well-known small models, and small ones for tests."""

from __future__ import annotations

from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.layer import Activation, Pool, PoolKind
from tests.builders import (
    average_pool,
    build,
    conv,
    conv1d,
    linear,
    max_pool,
    passthrough,
)

RELU = Activation.RELU


def _pool1d(kind: PoolKind, size: int) -> Pool:
    return Pool(kind=kind, size=(size, 1), stride=size)


def cifar10() -> QuantNetwork:
    """3x32x32, 11 layers, 301,760 bytes of weights."""
    drafts = [
        conv(64, 3, 1, activation=RELU, bias=True),
        conv(32, 1, activation=RELU, bias=True),
        conv(64, 3, 1, activation=RELU, bias=True),
        conv(32, 3, 1, activation=RELU, bias=True, pool=max_pool(2)),
        conv(64, 1, activation=RELU, bias=True),
        conv(128, 3, 1, activation=RELU, bias=True, pool=max_pool(2)),
        conv(128, 1, activation=RELU, bias=True),
        conv(64, 3, 1, activation=RELU, bias=True, pool=max_pool(2)),
        conv(128, 3, 1, activation=RELU, bias=True),
        conv(128, 1, activation=RELU, bias=True, pool=max_pool(2)),
        linear(10, flatten=True, bias=True, output_bits=32),
    ]
    return build((3, 32, 32), drafts, name="cifar10")


def mnist() -> QuantNetwork:
    """1x28x28, 5 layers."""
    drafts = [
        conv(60, 3, 1, activation=RELU),
        conv(60, 3, 2, activation=RELU, pool=max_pool(2)),
        conv(56, 3, 1, activation=RELU, pool=max_pool(2)),
        conv(12, 3, 1, activation=RELU, pool=average_pool(2)),
        linear(10, flatten=True, bias=True, output_bits=32),
    ]
    return build((1, 28, 28), drafts, name="mnist")


def keywords() -> QuantNetwork:
    """128 channels of 128 samples, 8 one-dimensional convolutions and a linear layer."""
    drafts = [
        conv1d(100, 1, activation=RELU),
        conv1d(96, 3, activation=RELU),
        conv1d(64, 3, 1, activation=RELU, pool=_pool1d(PoolKind.MAX, 2)),
        conv1d(48, 3, activation=RELU),
        conv1d(64, 3, 1, activation=RELU, pool=_pool1d(PoolKind.MAX, 2)),
        conv1d(96, 3, activation=RELU),
        conv1d(100, 3, 1, activation=RELU, pool=_pool1d(PoolKind.AVERAGE, 2)),
        conv1d(64, 6, 1, activation=RELU, pool=_pool1d(PoolKind.MAX, 2)),
        linear(21, flatten=True, output_bits=32),
    ]
    return build((128, 128, 1), drafts, name="keywords")


def autoencoder() -> QuantNetwork:
    """256 channels of 3 samples, two convolutions, five linear layers, 768 outputs."""
    drafts = [
        conv1d(128, 1, activation=RELU, bias=True),
        conv1d(64, 3, activation=RELU, bias=True),
        linear(32, activation=RELU, bias=True),
        linear(4),
        linear(32, activation=RELU, bias=True),
        linear(96, activation=RELU, bias=True),
        linear(768),
    ]
    return build((256, 3, 1), drafts, name="autoencoder")


def small() -> QuantNetwork:
    """Everything at once and small: pooling, passes, pass-through, narrow weights, flatten."""
    drafts = [
        conv(8, 3, 1, activation=RELU, bias=True),
        passthrough(max_pool(2)),
        conv(70, 3, 1, weight_bits=4, bias=True),
        conv(20, 1, weight_bits=2, pool=average_pool(2)),
        linear(12, flatten=True, bias=True, activation=RELU),
        linear(5, output_bits=32),
    ]
    return build((3, 8, 8), drafts, seed=1, name="small")


def tiny() -> QuantNetwork:
    """Two layers in one quadrant."""
    drafts = [
        conv(4, 3, 1, activation=RELU, bias=True, pool=max_pool(2)),
        linear(3, flatten=True, output_bits=32),
    ]
    return build((2, 6, 6), drafts, seed=2, name="tiny")
