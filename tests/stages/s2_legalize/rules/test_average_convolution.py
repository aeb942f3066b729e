"""Averages as convolutions with a constant kernel."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts

CONV = {"w": random(4, 3, 3, 3, seed=1), "u": random(5, 4, 3, 3, seed=2)}
ROUND = "kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1"


def test_padded_average_is_a_convolution(check: Check) -> None:
    proto = model(f"h = Conv(x, w) r = Relu(h) p = AveragePool <{ROUND}> (r) y = Conv(p, u)",
                  weights=CONV)  # fmt: skip
    network = check(proto)
    assert texts(network)[1:] == ["conv2d 3x3 pad 1", "conv2d 3x3 pad 0, 32-bit output"]
    weight = network.nodes[1].op.weight.array
    np.testing.assert_allclose(weight.sum(axis=(1, 2, 3)), 1, rtol=1e-6)
    assert (weight[0, 1:] == 0).all()


def test_inception_s_average_branch_is_one_layer(check: Check) -> None:
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = AveragePool <{ROUND}> (r) c = Conv(p, v, b) y = Relu(c)",
        weights={**CONV, "v": random(7, 4, 1, 1, seed=3), "b": random(7, seed=4)},
    )
    network = check(proto)
    assert texts(network)[1:] == ["conv2d 3x3 pad 1, relu"]
    assert "average-as-convolution" in rules(network)


@pytest.mark.parametrize(
    ("size", "kernel", "attributes"),
    [
        ("8,8", (3, 3), "kernel_shape=[1,3], pads=[0,1,0,1]"),
        ("8", (3, 1), "kernel_shape=[3], pads=[2,2]"),
        ("8", (4, 1), "kernel_shape=[4], pads=[1,1]"),
        ("8", (3, 1), "kernel_shape=[2], pads=[0,1]"),
    ],
)
def test_windows_like_kernels(
    check: Check, size: str, kernel: tuple[int, int], attributes: str
) -> None:
    pool = f"AveragePool <{attributes}, count_include_pad=1>"
    weight = random(4, 3, *(1,) * len(size.split(",")))
    proto = model(f"h = Conv(x, w) r = Relu(h) y = {pool} (r)", inputs=f"float[1,3,{size}] x",
                  weights={"w": weight})  # fmt: skip
    assert specs(check(proto))[1].kernel == kernel


def test_strides_are_pooled(check: Check) -> None:
    proto = model(f"h = Conv(x, w) r = Relu(h) y = AveragePool <{ROUND}, strides=[2,2]> (r)",
                  weights=CONV)  # fmt: skip
    assert texts(check(proto))[1:] == ["conv2d 3x3 pad 2", "average 3x3/2"]
