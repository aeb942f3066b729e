"""Large, dilated and unevenly padded kernels in the middle of a network."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ir.network import LayerOp, Network
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts


def between(
    check: Check, kernel: tuple[int, ...], attributes: str, channels: tuple[int, int] = (4, 5)
) -> Network:
    """A convolution with Relu behind another one."""
    inner, outer = channels
    ones = (1,) * len(kernel)
    weights = {
        "v": random(inner, 3, *ones, seed=1), "w": random(outer, inner, *kernel, seed=2),
        "b": random(outer, seed=3),
    }  # fmt: skip
    nodes = f"h = Conv(x, v) r = Relu(h) c = Conv <{attributes}> (r, w, b) y = Relu(c)"
    size = ",".join(str(n) for n in (11, 9)[: len(kernel)])
    return check(model(nodes, inputs=f"float[1,3,{size}] x", weights=weights))


@pytest.mark.parametrize(
    ("kernel", "attributes", "copies"),
    [
        ((5, 5), "pads=[2,2,2,2]", 4),
        ((5, 5), "pads=[0,0,0,0]", 4),
        ((5, 3), "pads=[2,1,2,1]", 2),
        ((5, 1), "pads=[2,0,2,0]", 2),
        ((3, 3), "pads=[2,2,2,2], dilations=[2,2]", 4),
        ((5, 5), "pads=[2,2,2,2], strides=[2,2]", 4),
        ((3, 3), "pads=[0,0,2,2]", 1),
        ((3, 3), "pads=[4,4,4,4]", 1),
        ((1, 1), "pads=[3,3,3,3]", 1),
    ],
)
def test_one_layer_of_copies(
    check: Check, kernel: tuple[int, int], attributes: str, copies: int
) -> None:
    network = between(check, kernel, attributes)
    assert "shifted-copies" in rules(network)
    *_, copying, last = specs(network)
    assert (copying.out_channels, last.in_channels) == (4 * copies, 4 * copies)
    text = next(r.text for r in network.rewrites if r.rule == "shifted-copies")
    assert "a layer makes" in text
    assert f"over {4 * copies} channels" in text


@pytest.mark.parametrize(
    ("kernel", "attributes", "layers"),
    [
        ((7, 7), "pads=[3,3,3,3]", 2),
        ((1, 7), "pads=[0,3,0,3]", 2),
        ((7, 1), "pads=[3,0,3,0]", 2),
        ((3, 3), "pads=[3,3,3,3], dilations=[3,3]", 2),
        ((9, 9), "pads=[4,4,4,4]", 3),
    ],
)
def test_several_layers_of_copies(
    check: Check, kernel: tuple[int, int], attributes: str, layers: int
) -> None:
    assert len(between(check, kernel, attributes).nodes) == layers + 2


def test_copies_are_zeros_and_ones(check: Check) -> None:
    network = between(check, (5, 5), "pads=[2,2,2,2]")
    copying = network.nodes[1].op
    assert isinstance(copying, LayerOp)
    assert copying.weight is not None
    assert copying.bias is None
    weight = copying.weight.array
    assert np.array_equal(np.unique(weight), [0, 1])
    assert np.array_equal(weight.reshape(16, -1).sum(axis=1), np.ones(16))


@pytest.mark.parametrize(
    ("taps", "attributes"),
    [
        (9, "pads=[4,4]"), (11, "pads=[5,5]"), (3, "pads=[8,0], dilations=[4]"),
        (5, "pads=[8,8], dilations=[4]"), (9, "pads=[4,4], strides=[2]"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("length", [31, 32])
def test_sequences(check: Check, taps: int, attributes: str, length: int) -> None:
    weights = {
        "v": random(4, 3, 1, seed=1), "w": random(5, 4, taps, seed=2), "b": random(5, seed=3),
    }  # fmt: skip
    proto = model(
        f"h = Conv(x, v) r = Relu(h) c = Conv <{attributes}> (r, w, b) y = Relu(c)",
        inputs=f"float[1,3,{length}] x", weights=weights,
    )  # fmt: skip
    network = check(proto)
    moved = [s for s in specs(network) if s.kind == "conv2d"]
    assert bool(moved) == (length == 32 and "strides" not in attributes)


@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 1, 1, 1], [2, 1, 2, 1]])
def test_even_kernels_need_odd_sizes(check: Check, pads: list[int]) -> None:
    network = between(check, (2, 2), f"pads={pads}")
    assert rules(network) >= {"odd-size", "transposed-convolution", "pool-in-flight"}
    assert texts(network)[-1].startswith("max 1x1/2, conv2d 3x3")


def test_a_pooling_hides_the_odd_row(check: Check) -> None:
    """Of eleven rows a pooling 2x2 sees ten: the kernel may be computed with one row less."""
    weights = {"v": random(4, 3, 1, 1, seed=1), "w": random(5, 4, 2, 2, seed=2)}
    proto = model(
        "g = Conv(x, v) h = Relu(g) c = Conv(h, w) r = Relu(c) "
        "y = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r)",
        inputs="float[1,3,12,8] x", weights=weights,
    )  # fmt: skip
    assert len(check(proto).nodes) == 3


def test_few_outputs_are_added_in_parts(check: Check) -> None:
    network = between(check, (5, 5), "pads=[2,2,2,2]", channels=(24, 2))
    assert "partial-sums" in rules(network)
    assert [s.out_channels for s in specs(network)] == [24, 8, 2]


def test_taps_that_see_only_padding_are_left_out(check: Check) -> None:
    """A dilation larger than the map, as in the branches of a spatial pyramid."""
    network = between(check, (3, 3), "pads=[12,12,12,12], dilations=[12,12]")
    assert texts(network)[-1] == "conv2d 1x1 pad 0, relu"
