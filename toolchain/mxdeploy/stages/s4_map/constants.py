"""Biases without bias memory: constant channels, exact to the bit.

Biases of layers that stream are unreliable on the chip. But a channel that is the same constant in
every pixel, times the weight in the centre of a 3x3 kernel, adds the same to every sum: the centre
lies on a pixel of the input, never on padding, as long as the padding is at most 1. A bias counts
128 in the accumulator, so that weights ``w`` of constant channels with the value ``c`` stand for a
bias ``b`` if ``c * sum(w) = 128 * b``.

The host puts the constant channels into the input. A later layer reads those that the layer before
it makes: further output channels, whose sums come from constant channels alone and end, scaled,
rounded and activated, at the constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mxdeploy.arith.arrays import DATA_MIN, Int8Array, Int32Array
from mxdeploy.arith.post import FRACTION_BITS, absolute, relu, rescale
from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation

BIAS_STEPS = 1 << FRACTION_BITS
"""What a bias of 1 counts in the accumulator."""
_POWERS = tuple(1 << power for power in reversed(range(FRACTION_BITS)))
_VALUES = (DATA_MIN, *(sign * power for power in _POWERS for sign in (1, -1)))
"""Constants to choose from: those that divide a bias's steps, the largest first."""
_MOST = 16
"""Constant channels that make a further one, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """Channels behind a value's own that are the same in every pixel.

    Attributes:
        count: how many.
        value: their integer.
    """

    count: int = 0
    value: int = 0


NONE = Constants()
_Cost = tuple[int, int, int]
"""Further passes, FIFOs and channels, in all: the later ones cost less."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """What a layer's input and the values behind it need, and what that costs."""

    cost: _Cost
    chain: tuple[Constants, ...]


def has_bias(layer: QuantLayer) -> bool:
    """Whether a bias of the layer is not zero."""
    return layer.bias is not None and bool(layer.bias.array.any())


def constants_for(
    layers: Sequence[QuantLayer], channels_per_fifo: int
) -> tuple[Constants, ...] | None:
    """The constant channels of each layer's input with which no layer needs its bias.

    The cheapest ones: fewest further passes, then FIFOs for the input, then channels.

    Args:
        layers: a chain of 3x3 convolutions, from the network's input on.
        channels_per_fifo: channels of the input that share a FIFO.

    Returns:
        One entry per layer; None when a bias cannot be replaced.
    """
    biased = [index for index, layer in enumerate(layers) if has_bias(layer)]
    if not biased:
        return (NONE,) * len(layers)
    last = biased[-1]
    choices = {0: _Choice((0, 0, 0), (NONE,) * (len(layers) - 1 - last))}
    for layer in reversed(layers[1 : last + 1]):
        choices = _choose(layer, choices, 0)
    choices = _choose(layers[0], choices, channels_per_fifo)
    return min(choices.values(), key=lambda c: c.cost).chain if choices else None


def _choose(
    layer: QuantLayer, after: dict[int, _Choice], channels_per_fifo: int
) -> dict[int, _Choice]:
    """The cheapest choice for each value of the constant channels of the layer's input.

    Args:
        layer: the layer.
        after: the choices for its output, by their value; 0 stands for no constant channels.
        channels_per_fifo: 0 unless the input comes through FIFOs.
    """
    found: dict[int, _Choice] = {}
    if max(layer.spec.pad) > 1:
        return found
    channels = layer.spec.in_channels
    for value in _VALUES:
        made = _sums_for(layer, value, after)
        for target, choice in after.items():
            if target and target not in made:
                continue
            sums = [*_bias_sums(layer, value), made.get(target, 0)]
            count = _channels(layer, sums)
            if count is None or channels + count > limits.MAX_CHANNELS:
                continue
            passes, fifos = limits.passes(channels + count) - limits.passes(channels), 0
            if channels_per_fifo:
                fifos = -(-(channels + count) // channels_per_fifo)
            cost = (choice.cost[0] + passes, choice.cost[1] + fifos, choice.cost[2] + count)
            if value not in found or cost < found[value].cost:
                constants = Constants(count=count, value=value)
                found[value] = _Choice(cost, (constants, *choice.chain))
    return found


def _bias_sums(layer: QuantLayer, value: int) -> list[int]:
    """Sums of weights of constants of ``value`` that stand for the layer's biases."""
    if layer.bias is None:
        return [0] * layer.spec.out_channels
    return [BIAS_STEPS // value * int(bias) for bias in layer.bias.array.tolist()]


def _sums_for(layer: QuantLayer, value: int, targets: Iterable[int]) -> dict[int, int]:
    """The smallest sum of weights with which constants of ``value`` become each of ``targets``.

    Those that no sum gives are left out.
    """
    sums = _by_size(_MOST * max(map(abs, _weight_range(layer))))
    outputs = _activated(layer, sums * value)
    hits = {target: np.flatnonzero(outputs == target) for target in targets if target}
    return {target: int(sums[hit[0]]) for target, hit in hits.items() if hit.size}


@cache
def _by_size(reach: int) -> Int32Array:
    """0, 1, -1, 2, -2 … up to ``reach``."""
    return np.array(sorted(range(-reach, reach + 1), key=lambda n: (abs(n), -n)), np.int32)


def _activated(layer: QuantLayer, sums: Int32Array) -> Int8Array:
    """What the layer makes of accumulators."""
    data = rescale(sums, layer.shift)
    match layer.spec.activation:
        case Activation.RELU:
            return relu(data)
        case Activation.ABS:
            return absolute(data)
        case Activation.NONE:
            return data


def _weight_range(layer: QuantLayer) -> tuple[int, int]:
    half = 1 << layer.weight_bits - 1
    return -half, half - 1


def _channels(layer: QuantLayer, sums: Sequence[int]) -> int | None:
    """Constant channels whose weights reach all ``sums``; None when they cannot."""
    low, high = _weight_range(layer)
    least, most = min(sums), max(sums)
    if most > 0 and not high:
        return None
    return max(1, -(least // -low), -(-most // high) if most > 0 else 0)


def with_constants(layer: QuantLayer, before: Constants, after: Constants) -> QuantLayer:
    """The layer with constant channels behind those of its input and of its output.

    Without its bias, which the constant channels of the input stand for.
    """
    if not before.count or layer.weight is None:
        return layer
    weight = layer.weight.array
    outputs, channels, rows, columns = weight.shape
    wider = np.zeros((outputs + after.count, channels + before.count, rows, columns), np.int8)
    wider[:outputs, :channels] = weight
    sums = _bias_sums(layer, before.value)
    if after.count:
        sums += [_sums_for(layer, before.value, [after.value])[after.value]] * after.count
    for output, total in enumerate(sums):
        parts = tuple(_parts(layer, total, before.count))
        wider[output, channels:, rows // 2, columns // 2] = parts
    spec = replace(
        layer.spec, in_channels=channels + before.count, out_channels=outputs + after.count
    )
    return replace(layer, spec=spec, weight=Tensor(wider), bias=None)


def _parts(layer: QuantLayer, total: int, count: int) -> Iterator[int]:
    """``count`` weights with a sum of ``total``."""
    low, high = _weight_range(layer)
    for _ in range(count):
        part = min(max(total, low), high)
        yield part
        total -= part
