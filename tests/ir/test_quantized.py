"""The integer network checks itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mxdeploy.ir.quantized import QuantLayer, QuantNetwork, QuantValue
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Kind, LayerSpec


def network() -> QuantNetwork:
    first = LayerSpec(kind=Kind.CONV2D, in_channels=2, in_size=(2, 3), out_channels=3)
    second = LayerSpec(
        kind=Kind.LINEAR, in_channels=3, in_size=(2, 3), out_channels=1, flatten=True,
        output_bits=32,
    )  # fmt: skip
    layers = tuple(
        QuantLayer(
            name=f"layer{k}", spec=spec, inputs=(f"v{k}",), output=f"v{k + 1}",
            weight=Tensor(np.full(spec.weight_shape or (), 7, np.int8)), weight_bits=4,
            bias=Tensor(np.zeros(spec.out_channels, np.int8)), shift=4 - 4 * k, origin=(),
        )
        for k, spec in enumerate((first, second))
    )  # fmt: skip
    values = tuple(
        QuantValue(name=n, shape=s, scale=0.5, bits=b, origin=n, model_shape=s)
        for n, s, b in (("v0", (2, 2, 3), 8), ("v1", (3, 2, 3), 8), ("v2", (1, 1, 1), 32))
    )
    return QuantNetwork(name="n", values=values, input="v0", outputs=("v2",), layers=layers)


def with_layer(**changes: object) -> QuantNetwork:
    net = network()
    return replace(net, layers=(replace(net.layers[0], **changes), net.layers[1]))


def with_value(index: int, **changes: object) -> QuantNetwork:
    net = network()
    values = list(net.values)
    values[index] = replace(values[index], **changes)
    return replace(net, values=tuple(values))


def test_sound_network() -> None:
    network().verify()


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: with_layer(shift=16), "layer0: shift 16"),
        (lambda: with_layer(shift=-16), "layer0: shift -16"),
        (lambda: with_layer(inputs=("v0", "v0")), "layer0: 2 operands"),
        (lambda: with_layer(inputs=("v1",)), "layer0: reads v1 before it is written"),
        (lambda: with_layer(output="v0"), "layer0: writes v0 wrongly"),
        (lambda: with_layer(weight=None), "layer0: conv2d and weights None"),
        (lambda: with_layer(weight_bits=2), "layer0: weights exceed 2 bits"),
        (
            lambda: with_layer(weight=Tensor(np.zeros((3, 2, 3, 3), np.int8))),
            r"layer0: weights are int8 \(3, 2, 3, 3\)",
        ),
        (
            lambda: with_layer(weight=Tensor(np.zeros((3, 2, 1, 1), np.int16))),
            r"layer0: weights are int16",
        ),
        (lambda: with_layer(bias=Tensor(np.zeros(2, np.int8))), r"layer0: biases are int8 \(2,\)"),
        (lambda: with_value(0, bits=32), "layer0: reads 32-bit data"),
        (lambda: with_value(1, bits=32), "layer0: output has 32 bits"),
        (lambda: with_value(1, scale=0.0), "layer0: output has scale 0.0"),
        (lambda: with_value(1, scale=float("nan")), "layer0: output has scale nan"),
        (lambda: with_value(0, shape=(2, 2, 2)), "layer0: input shape differs"),
        (lambda: with_value(1, shape=(3, 3, 2)), "layer0: output shape differs"),
        (lambda: replace(network(), outputs=("v3",)), "n: output v3 is never written"),
        (lambda: with_value(1, name="v0"), "n: two values share a name"),
    ],
)
def test_broken_network(broken: Callable[[], QuantNetwork], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        broken().verify()


def test_digest_knows_weights_biases_and_scales() -> None:
    variants = [
        network(),
        with_layer(weight=Tensor(np.full((3, 2, 1, 1), 6, np.int8))),
        with_layer(bias=Tensor(np.ones(3, np.int8))),
        with_layer(bias=None),
        with_layer(shift=3),
        with_value(1, scale=0.25),
    ]
    assert len({variant.digest for variant in variants}) == len(variants)
    assert network().digest == network().digest
