"""Poolings whose padding is zeros in front of them: exact and approximate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts
from tests.stages.s2_legalize.float_evaluator import evaluate

CONV = {"w": random(4, 3, 3, 3, seed=1), "u": random(5, 4, 3, 3, seed=2)}
STEM = "MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>"


@pytest.mark.parametrize("size", [10, 11])
def test_the_pooling_of_a_residual_network(check: Check, size: int) -> None:
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) r = Relu(h) p = {STEM} (r) "
        "y = Conv <pads=[1,1,1,1]> (p, u)",
        inputs=f"float[1,3,{size},{size}] x", weights=CONV,
    )  # fmt: skip
    network = check(proto)
    assert texts(network)[1:] == [
        "conv2d 3x3 pad 2", "max 3x3/2, conv2d 3x3 pad 1, 32-bit output",
    ]  # fmt: skip
    assert "pad-before-pooling" in rules(network)
    assert all(r.exact for r in network.rewrites)


@pytest.mark.parametrize(
    "before",
    [
        "r = Relu(h)",
        "r = Abs(h)",
        "r = Clip(h, low, high)",
        "a = Relu(h) r = MaxPool <kernel_shape=[2,2]> (a)",
        "a = Relu(h) b = Transpose <perm=[0,1,3,2]> (a) r = Transpose <perm=[0,1,3,2]> (b)",
        "a = Relu(h) r = Mul(a, high)",
    ],
)
def test_values_that_are_never_negative(check: Check, before: str) -> None:
    proto = model(
        f"h = Conv(x, w) {before} p = {STEM} (r) y = Conv(p, u)",
        inputs="float[1,3,14,14] x",
        weights={**CONV, "low": np.float32(0), "high": np.float32(6)},
    )
    assert all(r.exact for r in check(proto).rewrites)


def test_relu_behind_the_pooling_moves_in_front_first(check: Check) -> None:
    network = check(model(f"h = Conv(x, w) p = {STEM} (h) y = Relu(p)", weights=CONV))
    assert {"move-before-pool", "pad-before-pooling"} <= rules(network)
    assert "pad-signed-pooling" not in rules(network)


def test_inception_s_pooling_keeps_the_map(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) r = Relu(h) p = MaxPool <kernel_shape=[3,3], pads=[1,1,1,1]> (r) "
        "y = Conv(p, v)",
        weights={**CONV, "v": random(2, 4, 1, 1, seed=3)},
    )
    network = check(proto)
    assert [s.in_size for s in specs(network)] == [(8, 8), (6, 6), (8, 8)]


def test_larger_padding_takes_more_layers(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) r = Relu(h) y = MaxPool <kernel_shape=[5,5], pads=[2,2,2,2]> (r)",
        weights=CONV,
    )
    assert texts(check(proto)) == [
        "conv2d 3x3 pad 0, relu", "conv2d 3x3 pad 2", "conv2d 3x3 pad 2", "max 5x5/1",
    ]  # fmt: skip


def test_signed_maxima_at_the_border_are_at_least_0(tmp_path: Path) -> None:
    proto = model(
        f"h = Conv <pads=[1,1,1,1]> (x, w) y = {STEM} (h)", inputs="float[1,3,10,10] x",
        weights={"w": random(4, 3, 3, 3, seed=1) - 0.5},
    )  # fmt: skip
    network = legalize(import_onnx(save(proto, tmp_path)))
    x = np.abs(random(1, 3, 10, 10, seed=4))
    found, wanted = evaluate(network, x[0])[0], run(proto, x)[0][0]
    border = np.ones((5, 5), bool)
    border[1:, 1:] = False
    np.testing.assert_allclose(found[:, ~border], wanted[:, ~border], atol=1e-4)
    np.testing.assert_allclose(found[:, border], np.maximum(wanted[:, border], 0), atol=1e-4)
    assert (wanted[:, border] < 0).any()
    assert [r.rule for r in network.rewrites if not r.exact] == ["pad-signed-pooling"]


def test_an_odd_number_of_rows_in_a_plane(check: Check) -> None:
    """As in small YOLO networks: windows 2x2 that keep the size."""
    proto = model(
        "h = Conv(x, w) r = Relu(h) p = MaxPool <kernel_shape=[2,2], pads=[0,0,1,1]> (r) "
        "y = Conv(p, u)",
        weights=CONV,
    )
    assert [s.kind for s in specs(check(proto))[1:-1]] == ["conv_transpose2d", "conv2d"]


def test_a_sequence_gets_one_element_more(check: Check) -> None:
    proto = model(
        "h = Conv(x, w) r = Relu(h) y = MaxPool <kernel_shape=[2], pads=[0,1]> (r)",
        inputs="float[1,3,12] x", weights={"w": random(4, 3, 3)},
    )  # fmt: skip
    assert texts(check(proto))[1:] == ["conv1d 2x1 pad 1", "max 2x1/1"]
