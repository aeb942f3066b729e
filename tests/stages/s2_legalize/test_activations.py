"""Relu, Abs, Clip in all their spellings; declared ranges."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ir.network import Range
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts

CONV = random(4, 3, 3, 3, seed=1)
BOUNDS = {
    "zero": np.float32(0).reshape(()), "one": np.float32(1).reshape(()),
    "six": np.float32(6).reshape(()), "minus": np.float32(-1).reshape(()),
    "half": np.float32(0.5).reshape(()), "below": np.float32(127 / 128).reshape(()),
}  # fmt: skip
WEIGHTS = {"w": CONV, **BOUNDS}


@pytest.mark.parametrize(
    ("nodes", "layer", "clip"),
    [
        ("y = Relu(h)", "relu", None),
        ("y = Abs(h)", "abs", None),
        ("a = Relu(h) y = Relu(a)", "relu", None),
        ("a = Relu(h) y = Abs(a)", "relu", None),
        ("a = Abs(h) y = Relu(a)", "abs", None),
        ("y = Clip(h, zero)", "relu", None),
        ("y = Max(h, zero)", "relu", None),
        ("y = Clip(h, zero, six)", "relu", (0.0, 6.0)),
        ("a = Relu(h) y = Min(six, a)", "relu", (0.0, 6.0)),
        ("a = Min(h, six) y = Relu(a)", "relu", (0.0, 6.0)),
        ("a = Relu(h) y = Clip(a, minus, below)", "relu", (0.0, 127 / 128)),
        ("a = Clip(h, minus, below) y = Relu(a)", "relu", (0.0, 127 / 128)),
        ("a = Clip(h, minus, one) y = Abs(a)", "abs", (0.0, 1.0)),
        ("a = Abs(h) y = Clip(a, minus, one)", "abs", (0.0, 1.0)),
        ("a = Clip(h, zero, six) y = Clip(a, zero, one)", "relu", (0.0, 1.0)),
        ("y = Clip(h, minus, below)", "none", (-1.0, 127 / 128)),
        ("y = Clip(h, minus, one)", "none", (-1.0, 1.0)),
        ("y = LeakyRelu <alpha = 0.0> (h)", "relu", None),
    ],
)
def test_activations_belong_to_the_layer(
    check: Check, nodes: str, layer: str, clip: tuple[float, float] | None
) -> None:
    network = check(model(f"h = Conv(x, w) {nodes}", weights=WEIGHTS))
    suffix = "" if layer == "none" else f", {layer}"
    assert texts(network) == [f"conv2d 3x3 pad 0{suffix}"]
    assert network.value("y").clip == clip


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ("y = Clip(h, minus, six)", "bounds -1 and 6"),
        ("y = Clip(h, minus)", "bounds -1 and inf"),
        ("y = Clip(h, half, one)", "bounds 0.5 and 1"),
        ("y = Min(h, six)", "bounds -inf and 6"),
    ],
)
def test_bounds_that_saturation_cannot_be(refuse: Refuse, nodes: str, found: str) -> None:
    nodes = nodes.replace("y =", "c =")
    name = nodes.removeprefix("c = ").partition("(")[0] + "(c)"
    weights = {**WEIGHTS, "u": random(2, 4, 1, 1, seed=3)}
    nodes = f"h = Conv(x, w) {nodes} y = Conv(c, u)"
    ((where, code, what),) = refuse(model(nodes, weights=weights))
    assert (where, code) == (name, "MX2030")
    assert found in what


def test_activation_behind_a_max_pooling_moves_in_front(check: Check) -> None:
    network = check(
        model(
            "h = Conv(x, w) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (h) r = Relu(p) "
            "c = Clip(r, zero, six) y = Conv(c, u)",
            weights={**WEIGHTS, "u": random(2, 4, 1, 1, seed=3)},
        )
    )
    assert texts(network) == [
        "conv2d 3x3 pad 0, relu",
        "max 2x2/2, conv2d 1x1 pad 0, 32-bit output",
    ]
    assert network.value(network.nodes[0].output).clip == (0.0, 6.0)


def test_activation_behind_an_average_pooling_gets_a_layer(check: Check) -> None:
    """The average of positive parts is not the positive part of the average."""
    network = check(
        model(
            "h = Conv(x, w) p = AveragePool <kernel_shape=[2,2], strides=[2,2]> (h) r = Relu(p) "
            "y = Conv(r, u)",
            weights={**WEIGHTS, "u": random(2, 4, 1, 1, seed=3)},
        )
    )
    assert texts(network) == [
        "conv2d 3x3 pad 0",
        "average 2x2/2, conv2d 1x1 pad 0, relu",
        "conv2d 1x1 pad 0, 32-bit output",
    ]


def test_a_value_used_before_and_after_its_activation(check: Check) -> None:
    weights = {**WEIGHTS, "u": random(2, 4, 1, 1, seed=3)}
    nodes = "h = Conv(x, w) r = Relu(h) c = Clip(h, minus, one) y = Conv(r, u) z = Conv(c, u)"
    network = check(model(nodes, outputs="y, z", weights=weights))
    assert texts(network)[:3] == [
        "conv2d 3x3 pad 0", "conv2d 1x1 pad 0, relu", "conv2d 1x1 pad 0",
    ]  # fmt: skip


def test_a_bounded_input(check: Check) -> None:
    network = check(model("c = Clip(x, minus, one) y = Conv(c, w)", weights=WEIGHTS))
    assert len(network.nodes) == 1
    assert network.value("x").clip == (-1.0, 1.0)


@pytest.mark.parametrize("order", [("one", "half"), ("half", "one")])
def test_an_input_bounded_twice_has_the_narrower_bounds(
    check: Check, order: tuple[str, str]
) -> None:
    weights = WEIGHTS | {"mhalf": np.float32(-0.5), "half": np.float32(0.5)}
    low = {"one": "minus", "half": "mhalf"}
    first, second = (f"{low[high]}, {high}" for high in order)
    nodes = f"c = Clip(x, {first}) d = Clip(c, {second}) y = Conv(d, w)"
    network = check(model(nodes, weights=weights))
    assert len(network.nodes) == 1
    assert network.value("x").clip == (-0.5, 0.5)


def test_an_activated_input_that_is_the_output_gets_a_layer(check: Check) -> None:
    assert texts(check(model("y = Relu(x)"))) == ["conv2d 1x1 pad 0, relu"]


# --- declared ranges ----------------------------------------------------------------------------

QDQ = "{1}q = QuantizeLinear({0}, {2}, {3}) {1} = DequantizeLinear({1}q, {2}, {3})"


def quantized(source: str, result: str, scale: str = "s", zero: str = "i8") -> str:
    return QDQ.format(source, result, scale, zero)


RANGES = {
    "s": np.float32(0.25).reshape(()), "t": np.float32(0.5).reshape(()),
    "i8": np.array(0, np.int8), "u8": np.array(0, np.uint8), "u128": np.array(128, np.uint8),
    "i3": np.array(3, np.int8), "i16": np.array(0, np.int16),
}  # fmt: skip


@pytest.mark.parametrize(
    ("zero", "expected"),
    [
        ("i8", Range(scale=0.25)),
        ("u128", Range(scale=0.25)),
        ("u8", Range(scale=0.25, zero_point=-128)),
        ("i3", Range(scale=0.25, zero_point=3)),
    ],
)
def test_quantization_declares_the_range_of_the_layer(
    check: Check, zero: str, expected: Range
) -> None:
    nodes = f"h = Conv(x, w) r = Relu(h) {quantized('r', 'd', zero=zero)} y = Conv(d, u)"
    proto = model(nodes, weights={**WEIGHTS, **RANGES, "u": np.zeros((2, 4, 1, 1), np.float32)})
    network = check(proto)
    assert network.value("r").declared == expected
    assert network.nodes[1].inputs == ("r",)


@pytest.mark.parametrize("pool", ["MaxPool", "AveragePool"])
def test_a_range_declared_behind_a_pooling_is_the_layers(check: Check, pool: str) -> None:
    nodes = (
        f"h = Conv(x, w) r = Relu(h) p = {pool} <kernel_shape=[2,2], strides=[2,2]> (r) "
        f"{quantized('p', 'd')} y = Conv(d, u)"
    )
    proto = model(nodes, weights={**WEIGHTS, **RANGES, "u": np.zeros((2, 4, 1, 1), np.float32)})
    network = check(proto)
    assert network.value("r").declared == Range(scale=0.25)
    assert len(network.nodes) == 2


def test_ranges_of_the_input_and_of_a_flattened_value(check: Check) -> None:
    nodes = (
        f"{quantized('x', 'a')} h = Conv(a, w) r = Relu(h) f = Flatten(r) "
        f"{quantized('f', 'd', 't')} y = MatMul(d, m)"
    )
    proto = model(nodes, weights={**WEIGHTS, **RANGES, "m": np.zeros((144, 5), np.float32)})
    network = check(proto)
    assert network.value("x").declared == Range(scale=0.25)
    assert network.value("r").declared == Range(scale=0.5)


def test_a_declared_output_has_8_bits(check: Check) -> None:
    proto = model(f"h = Conv(x, w) {quantized('h', 'y')}",
                  weights={**RANGES, "w": np.zeros((4, 3, 3, 3), np.float32)})  # fmt: skip
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 0"]
    assert network.value("h").declared == Range(scale=0.25)


def test_other_widths_than_8_bits_are_not_declared(check: Check) -> None:
    nodes = f"h = Conv(x, w) r = Relu(h) {quantized('r', 'd', zero='i16')} y = Conv(d, u)"
    proto = model(
        nodes, weights={**WEIGHTS, **RANGES, "u": np.zeros((2, 4, 1, 1), np.float32)}, opset=21
    )
    network = check(proto)
    assert network.value("r").declared is None
    assert "declare-range" in rules(network)
