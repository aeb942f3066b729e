"""Convolutions that are something else: of a line, of a whole map, with a stride of columns."""

from __future__ import annotations

import pytest

from mxdeploy.ir.network import Network
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts


def between(
    check: Check, size: tuple[int, int], kernel: tuple[int, int], attributes: str
) -> Network:
    """A convolution of a map that another one has computed, with an activation behind."""
    weights = {
        "v": random(4, 3, 1, 1, seed=1), "w": random(6, 4, *kernel, seed=2),
        "b": random(6, seed=3), "u": random(2, 6, 1, 1, seed=4),
    }  # fmt: skip
    nodes = (
        f"h = Conv(x, v) r = Relu(h) c = Conv <{attributes}> (r, w, b) k = Relu(c) y = Conv(k, u)"
    )
    return check(model(nodes, inputs=f"float[1,3,{size[0]},{size[1]}] x", weights=weights))


@pytest.mark.parametrize(
    ("size", "kernel", "attributes"),
    [
        ((20, 1), (5, 1), "pads=[2,0,2,0]"),
        ((20, 1), (9, 3), "pads=[2,1,2,1]"),
        ((1, 20), (1, 7), "pads=[0,2,0,2]"),
        ((1, 20), (3, 5), "pads=[1,2,1,2]"),
        ((20, 1), (4, 1), "strides=[2,1]"),
        ((1, 20), (1, 3), "strides=[1,2], dilations=[1,2]"),
    ],
)
def test_a_line(
    check: Check, size: tuple[int, int], kernel: tuple[int, int], attributes: str
) -> None:
    network = between(check, size, kernel, attributes)
    assert "convolution-of-a-line" in rules(network)
    assert "conv1d" in texts(network)[1]


@pytest.mark.parametrize(
    ("size", "kernel", "attributes"),
    [
        ((5, 5), (5, 5), ""),
        ((7, 4), (7, 4), ""),
        ((4, 4), (5, 5), "pads=[0,1,1,0]"),
        ((7, 7), (4, 4), "dilations=[2,2]"),
        ((6, 6), (3, 3), "strides=[4,4]"),
    ],
)
def test_a_whole_map(
    check: Check, size: tuple[int, int], kernel: tuple[int, int], attributes: str
) -> None:
    network = between(check, size, kernel, attributes or "group=1")
    assert texts(network)[1] == "flatten, linear, relu"


def test_a_native_kernel_over_a_whole_map_stays(check: Check) -> None:
    assert texts(between(check, (3, 3), (3, 3), "group=1"))[1] == "conv2d 3x3 pad 0, relu"


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ("strides=[1,2], pads=[1,1,1,1]", (9, 12)),
        ("strides=[1,2], pads=[1,1,1,1]", (9, 11)),
        ("strides=[1,3]", (9, 12)),
        ("strides=[2,4], pads=[1,1,1,1]", (8, 16)),
    ],
)
def test_a_stride_of_columns(check: Check, attributes: str, size: tuple[int, int]) -> None:
    network = between(check, size, (3, 3), attributes)
    assert "stride-of-columns" in rules(network)
    assert any(t.startswith("max 1x1/") for t in texts(network))


def test_strides_that_are_no_multiples_are_refused(refuse: Refuse) -> None:
    weights = {"v": random(4, 3, 1, 1, seed=1), "w": random(6, 4, 3, 3, seed=2)}
    proto = model("h = Conv(x, v) r = Relu(h) y = Conv <strides=[3,2]> (r, w)", weights=weights)
    ((_, code, what),) = refuse(proto)
    assert (code, what) == ("MX2011", "the convolution has stride 3x2")
