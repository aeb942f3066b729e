"""Strides that are larger along rows: the whole network is computed with its maps turned."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs

WEIGHTS = {"w": random(4, 3, 3, 3, seed=1), "u": random(2, 4, 3, 3, seed=2)}
START = "h = Conv <pads=[1,1,1,1]> (x, w) r = Relu(h) "


@pytest.mark.parametrize(
    "step",
    [
        "MaxPool <kernel_shape=[2,1], strides=[2,1]> (r)",
        "MaxPool <kernel_shape=[3,2], strides=[2,1]> (r)",
        "AveragePool <kernel_shape=[4,1], strides=[4,1]> (r)",
        "MaxPool <kernel_shape=[3,1], strides=[2,1], pads=[1,0,1,0]> (r)",
        "MaxPool <kernel_shape=[2,1], strides=[2,1], ceil_mode=1> (r)",
        "Conv <strides=[2,1], pads=[1,1,1,1]> (r, v)",
        "Conv <strides=[4,2], dilations=[1,2], pads=[0,2,1,2]> (r, v)",
    ],
)
def test_windows_that_go_further_along_rows(check: Check, step: str) -> None:
    proto = model(
        f"{START} p = {step} y = Conv(p, u)", inputs="float[1,3,13,10] x",
        weights=WEIGHTS | {"v": random(4, 4, 3, 3, seed=3)},
    )  # fmt: skip
    network = check(proto)
    record = network.rewrites[0]
    assert (record.rule, record.exact) == ("turn-maps", True)
    assert record.nodes == (f"{step.split(maxsplit=1)[0]}(p)",)
    assert specs(network)[0].in_size == (10, 13)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("behind", "outputs"),
    [
        ("g = GlobalAveragePool(p) f = Flatten(g) y = MatMul(f, q)", "y"),
        ("c = Conv(p, u) f = Flatten(c) y = MatMul(f, k)", "y"),
        ("c = Conv(p, u) y = Softmax <axis=3> (c)", "y"),
        ("c = Conv(p, u) y = ArgMax <axis=2, keepdims=0> (c)", "y"),
        ("c = Conv(p, u) y = Mul(c, k22)", "y"),
        ("a = Add(p, b) y = Conv(a, u) f = Flatten(y) d = MatMul(f, k)", "y, d"),
        ("c = Slice(p, one, three, axis) y = Conv(c, u)", "y"),
        ("c = Pad(p, pads) y = Conv(c, u)", "y"),
        ("c = Resize(p, , twice) y = Conv(c, u)", "y"),
        ("c = Concat <axis=1> (p, p) n = Relu(c) y = Conv(n, uu)", "y"),
    ],
)
def test_what_stands_behind(check: Check, behind: str, outputs: str) -> None:
    proto = model(
        f"{START} p = MaxPool <kernel_shape=[2,1], strides=[2,1]> (r) {behind}",
        inputs="float[1,3,8,5] x", outputs=outputs,
        weights=WEIGHTS | {
            "q": random(4, 3, seed=4), "k": random(12, 5, seed=5), "k22": random(2, 2, 3, seed=6),
            "b": random(4, 1, 1, seed=7), "uu": random(2, 8, 3, 3, seed=8),
            "one": ints(1), "three": ints(4), "axis": ints(3), "pads": ints(0, 0, 1, 2, 0, 0, 1, 0),
            "twice": np.array([1, 1, 2, 2], np.float32),
        },
    )  # fmt: skip
    if "ArgMax" in behind:
        proto.graph.output[0].type.tensor_type.elem_type = 7
    assert "turn-maps" in rules(check(proto))


def test_strides_both_ways_are_refused(refuse: Refuse) -> None:
    """Turned or not, one of them goes along the rows."""
    proto = model(
        f"{START} p = MaxPool <kernel_shape=[2,1], strides=[2,1]> (r) c = Conv(p, v) "
        "q = MaxPool <kernel_shape=[1,2], strides=[1,2]> (c) y = Conv(q, u)",
        inputs="float[1,3,12,12] x", weights=WEIGHTS | {"v": random(4, 4, 3, 3, seed=3)},
    )  # fmt: skip
    assert [(w, c) for w, c, _ in refuse(proto)] == [("MaxPool(p)", "MX2021")]


def test_other_findings_are_those_of_the_model_as_it_is(refuse: Refuse) -> None:
    proto = model(
        f"{START} p = MaxPool <kernel_shape=[2,1], strides=[2,1]> (r) s = Softplus(p) "
        "y = Conv(s, u)",
        inputs="float[1,3,12,12] x", weights=WEIGHTS,
    )  # fmt: skip
    assert {c for _, c, _ in refuse(proto)} == {"MX2001", "MX2021"}


def test_networks_that_can_be_computed_stay_as_they_are(check: Check) -> None:
    proto = model(
        f"{START} p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r) y = Conv(p, u)",
        inputs="float[1,3,12,8] x", weights=WEIGHTS,
    )  # fmt: skip
    network = check(proto)
    assert "turn-maps" not in rules(network)
    assert specs(network)[0].in_size == (12, 8)
