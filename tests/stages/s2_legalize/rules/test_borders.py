"""What is cut off, or put around a map, becomes part of the convolutions beside it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

LINE = {"v": random(4, 3, 1, seed=1), "w": random(5, 4, 3, seed=2), "u": random(2, 5, 1, seed=3)}
PLANE = {"v": random(4, 3, 1, 1, seed=1), "w": random(5, 4, 3, 3, seed=2)}


def ints(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_a_causal_convolution(check: Check, dilation: int) -> None:
    """As temporal networks are written: padded on both sides, and the end cut off."""
    pad = 2 * dilation
    network = check(
        model(
            "g = Conv(x, v) h = Relu(g) "
            f"c = Conv <pads=[{pad},{pad}], dilations=[{dilation}]> (h, w) "
            "k = Slice(c, from, to, axis) r = Relu(k) y = Conv(r, u)",
            inputs="float[1,3,32] x",
            weights={**LINE, "from": ints(0), "to": ints(-pad), "axis": ints(2)},
        )
    )  # fmt: skip
    assert "crop-behind" in rules(network)
    assert len(network.nodes) == (3 if dilation == 1 else 4)


def test_a_crop_behind_an_activation(check: Check) -> None:
    network = check(
        model(
            "g = Conv(x, v) h = Relu(g) c = Conv <pads=[2,2,2,2]> (h, w) r = Relu(c) k = Pad(r, p) "
            "y = Conv <pads=[1,1,1,1]> (k, o)",
            weights={
                **PLANE, "p": ints(0, 0, -1, -1, 0, 0, -1, -1), "o": random(2, 5, 3, 3, seed=5),
            },
        )
    )  # fmt: skip
    assert texts(network)[1] == "conv2d 3x3 pad 1, relu"


def test_a_crop_of_a_strided_convolution(check: Check) -> None:
    check(
        model(
            "g = Conv(x, v) h = Relu(g) "
            "c = Conv <pads=[1,1,1,1], strides=[2,2]> (h, w) y = Pad(c, p)",
            weights={**PLANE, "p": ints(0, 0, -1, 0, 0, 0, 0, -2)},
        )
    )


def test_a_crop_in_front_of_a_convolution(check: Check) -> None:
    """The kernel starts one row and one column later."""
    network = check(
        model(
            "h = Conv(x, v) r = Relu(h) m = MaxPool <kernel_shape=[2,2]> (r) c = Pad(m, p) "
            "y = Conv(c, o)",
            weights={
                **PLANE, "o": random(5, 4, 1, 1, seed=5), "p": ints(0, 0, -1, -1, 0, 0, -1, -1),
            },
        )
    )  # fmt: skip
    assert "merge-pad" in rules(network)
    assert texts(network)[1] == "max 2x2/1, conv2d 3x3 pad 0, 32-bit output"


def test_zeros_instead_of_what_is_cut_off(check: Check) -> None:
    network = check(
        model(
            "h = Conv(x, v) r = Relu(h) m = MaxPool <kernel_shape=[2,2]> (r) c = Pad(m, p) "
            "y = Conv <pads=[1,1,1,1]> (c, w)",
            weights={**PLANE, "p": ints(0, 0, -1, -1, 0, 0, -1, -1)},
        )
    )  # fmt: skip
    assert "merge-pad" not in rules(network)


def test_an_activation_behind_zeros(check: Check) -> None:
    network = check(
        model(
            "g = Conv(x, v) h = Relu(g) p = Pad(h, q) r = Relu(p) y = Conv(r, w)",
            weights={**PLANE, "q": ints(0, 0, 1, 1, 0, 0, 1, 1)},
        )
    )
    assert texts(network) == ["conv2d 1x1 pad 0, relu", "conv2d 3x3 pad 1, 32-bit output"]


@pytest.mark.parametrize(("start", "stop"), [(0, 32), (0, 30), (3, 32), (5, 21)])
def test_a_crop_of_a_sequence_with_other_readers(check: Check, start: int, stop: int) -> None:
    check(
        model(
            "h = Conv(x, v) r = Relu(h) k = Slice(r, from, to, axis) y = Conv(k, w) z = Abs(r)",
            inputs="float[1,3,32] x", outputs="y, z",
            weights={**LINE, "from": ints(start), "to": ints(stop), "axis": ints(2)},
        )
    )  # fmt: skip


def test_the_host_cuts_the_input(check: Check) -> None:
    network = check(
        model(
            "k = Slice(x, from, to, axes) y = Conv <pads=[1,1,1,1]> (k, o)",
            weights={
                "o": random(5, 3, 3, 3, seed=5), "from": ints(1, 2), "to": ints(7, 8),
                "axes": ints(2, 3),
            },
        )
    )  # fmt: skip
    assert texts(network) == ["conv2d 3x3 pad 1, 32-bit output"]
    assert network.input_shape == (3, 8, 8)
