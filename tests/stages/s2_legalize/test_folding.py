"""BatchNormalization, constant factors and offsets, input normalization."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

CONV = random(4, 3, 3, 3, seed=1)
STATISTICS = {
    "g": random(4, seed=2), "b": random(4, seed=3), "m": random(4, seed=4),
    "v": np.abs(random(4, seed=5)) + 0.1,
}  # fmt: skip
NORM = "BatchNormalization <epsilon = 0.001> ({}, g, b, m, v)"


def test_batch_normalization_behind_a_convolution(check: Check) -> None:
    proto = model(
        f"h = Conv <pads = [1,1,1,1]> (x, w) n = {NORM.format('h')} y = Relu(n)",
        weights={"w": CONV, **STATISTICS},
    )
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 1, relu"]
    assert "fold-affine-back" in rules(network)
    assert network.nodes[0].origin == ("Conv(h)", "BatchNormalization(n)", "Relu(y)")


def test_batch_normalization_behind_a_transposed_convolution(check: Check) -> None:
    conv = "h = ConvTranspose <strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]> (x, w)"
    proto = model(
        f"{conv} y = {NORM.format('h')}",
        weights={"w": random(3, 4, 3, 3, seed=1), **STATISTICS},
    )
    assert texts(check(proto)) == ["conv_transpose2d 3x3 pad 1, 32-bit output"]


def test_batch_normalization_behind_a_linear_layer(check: Check) -> None:
    proto = model(
        f"f = Flatten(x) h = Gemm <transB = 1> (f, w, c) y = {NORM.format('h')}",
        weights={"w": random(4, 192, seed=1), "c": random(4, seed=8), **STATISTICS},
    )
    assert texts(check(proto)) == ["linear, 32-bit output"]


@pytest.mark.parametrize(
    ("pool", "layers"),
    [
        ("MaxPool", ["conv2d 3x3 pad 0, relu", "max 2x2/2, conv2d 3x3 pad 0, 32-bit output"]),
        (
            "AveragePool",
            [
                "conv2d 3x3 pad 0",
                "average 2x2/2, conv2d 1x1 pad 0, relu",
                "conv2d 3x3 pad 0, 32-bit output",
            ],
        ),
    ],
)
def test_batch_normalization_behind_a_pooling_goes_through_it(
    check: Check, pool: str, layers: list[str]
) -> None:
    positive = {**STATISTICS, "g": np.abs(STATISTICS["g"])}
    proto = model(
        f"h = Conv(x, w) p = {pool} <kernel_shape=[2,2], strides=[2,2]> (h) "
        f"n = {NORM.format('p')} r = Relu(n) y = Conv(r, u)",
        weights={"w": CONV, "u": random(2, 4, 3, 3, seed=9), **positive},
    )
    network = check(proto)
    assert "move-before-pool" in rules(network)
    assert texts(network) == layers


def test_negative_factors_do_not_pass_a_maximum(check: Check) -> None:
    negative = {**STATISTICS, "g": -np.abs(STATISTICS["g"])}
    proto = model(
        f"h = Conv(x, w) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (h) "
        f"n = {NORM.format('p')} y = Conv(n, u)",
        weights={"w": CONV, "u": random(2, 4, 3, 3, seed=9), **negative},
    )
    network = check(proto)
    assert "move-before-pool" not in rules(network)
    assert "fold-affine-forward" in rules(network)
    assert len(network.nodes) == 2


@pytest.mark.parametrize(
    "nodes",
    [
        "h = Conv(x, w) y = Mul(h, k)",
        "h = Conv(x, w) y = Add(k, h)",
        "h = Conv(x, w) y = Sub(h, k)",
        "h = Conv(x, w) y = Sub(k, h)",
        "h = Conv(x, w) y = Div(h, k)",
        "h = Conv(x, w) y = Neg(h)",
        "h = Conv(x, w) i = Mul(h, k) y = Add(i, k)",
        "h = Conv(x, w) i = Mul(h, s) y = Add(i, s)",
        "h = Conv(x, w) y = Sum(h, k)",
    ],
)
def test_constant_arithmetic_behind_a_convolution(check: Check, nodes: str) -> None:
    weights = {"w": CONV, "k": random(4, 1, 1, seed=6) + 3, "s": np.float32(0.5).reshape(())}
    assert texts(check(model(nodes, weights=weights))) == ["conv2d 3x3 pad 0, 32-bit output"]


def test_normalization_of_the_input(check: Check) -> None:
    """(x - mean) / deviation, folded into a convolution without padding."""
    proto = model(
        "c = Sub(x, m) n = Div(c, d) y = Conv(n, w)",
        weights={"w": CONV, "m": random(1, 3, 1, 1, seed=2), "d": [[[0.5]], [[2.0]], [[3.0]]]},
    )
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 0, 32-bit output"]
    assert {"merge-affine", "fold-affine-forward"} <= rules(network)


def test_a_factor_is_folded_into_a_padded_convolution(check: Check) -> None:
    proto = model(
        "n = Mul(x, d) y = Conv <pads=[1,1,1,1]> (n, w)",
        weights={"w": CONV, "d": [[[0.5]], [[2.0]], [[3.0]]]},
    )
    assert texts(check(proto)) == ["conv2d 3x3 pad 1, 32-bit output"]


def test_normalization_in_front_of_a_flattening(check: Check) -> None:
    proto = model(
        "n = Sub(x, m) f = Flatten(n) y = MatMul(f, w)",
        weights={"w": random(192, 5, seed=1), "m": random(3, 1, 1, seed=2)},
    )
    assert texts(check(proto)) == ["linear, 32-bit output"]


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("end", ["y = Conv(p, u)", "f = Flatten(p) y = MatMul(f, mm)"])
def test_batch_normalization_behind_relu_goes_through_the_pooling(
    check: Check, pool: str, end: str
) -> None:
    positive = {**STATISTICS, "g": np.abs(STATISTICS["g"])}
    proto = model(
        f"h = Conv(x, w) r = Relu(h) n = {NORM.format('r')} "
        f"p = {pool} <kernel_shape=[2,2], strides=[2,2]> (n) {end}",
        weights={"w": CONV, "u": random(2, 4, 3, 3, seed=9), "mm": random(36, 5), **positive},
    )
    network = check(proto)
    assert "fold-affine-forward" in rules(network)
    assert "identity-layer" not in rules(network)


def test_arithmetic_with_neutral_elements_vanishes(check: Check) -> None:
    proto = model(
        "a = Add(x, z) b = Mul(a, o) y = Conv(b, w)",
        weights={"w": CONV, "z": np.zeros(1, np.float32), "o": np.ones(1, np.float32)},
    )
    network = check(proto)
    assert network.nodes[0].inputs == network.inputs
    assert "drop-affine" in rules(network)


def test_per_channel_arithmetic_with_channels_last(check: Check) -> None:
    """The constant varies along the last axis, which a transposition makes the first."""
    proto = model(
        "n = Mul(x, d) t = Transpose <perm=[0,3,1,2]> (n) y = Conv(t, w)",
        inputs="float[1,8,8,3] x",
        weights={"w": CONV, "d": [0.5, 2.0, 3.0]},
    )
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 0, 32-bit output"]
    assert network.value(network.inputs[0]).shape == (3, 8, 8)
