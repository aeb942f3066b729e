"""Windows and strides above 16, in two steps."""

from __future__ import annotations

import onnx
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs, texts

CONV = {"w": random(4, 3, 1, 1, seed=1)}


def pooled(call: str, rows: int, columns: int) -> onnx.ModelProto:
    nodes = f"h = Conv(x, w) r = Relu(h) y = {call} (r)"
    return model(nodes, inputs=f"float[1,3,{rows},{columns}] x", weights=CONV)


@pytest.mark.parametrize(
    ("rows", "columns", "steps"),
    [
        (25, 5, ["average 5x5/5", "average 5x1/1"]),
        (24, 24, ["average 12x12/12", "average 2x2/1"]),
        (20, 18, ["average 2x2/2", "average 10x9/1"]),
        (64, 48, ["average 16x16/16", "average 4x3/1"]),
    ],
)
def test_global_averages(check: Check, rows: int, columns: int, steps: list[str]) -> None:
    network = check(pooled("GlobalAveragePool", rows, columns))
    assert len(network.nodes) == 3
    sizes = [s.pool.size for s in specs(network)[1:] if s.pool is not None]
    assert (sizes[0][0] * sizes[1][0], sizes[0][1] * sizes[1][1]) == (rows, columns)
    assert texts(network)[1:] == steps
    assert "split-pooling" in rules(network)


@pytest.mark.parametrize("rows", [17, 23, 31, 37, 47, 61, 64])
@pytest.mark.parametrize("columns", [3, 17, 29, 53])
def test_global_maxima_of_any_size(check: Check, rows: int, columns: int) -> None:
    network = check(pooled("GlobalMaxPool", rows, columns))
    assert len(network.nodes) == 3
    assert all(max(s.pool.size) <= 16 for s in specs(network) if s.pool is not None)


@pytest.mark.parametrize(
    "call",
    [
        "MaxPool <kernel_shape=[20,18], strides=[4,4]>",
        "AveragePool <kernel_shape=[18,18], strides=[6,6]>",
        "MaxPool <kernel_shape=[2,2], strides=[18,18]>",
        "AveragePool <kernel_shape=[20,20], strides=[20,20]>",
        "MaxPool <kernel_shape=[33,2], strides=[1,7]>",
    ],
)
def test_large_windows_and_strides(check: Check, call: str) -> None:
    network = check(pooled(call, 41, 40) if "33" not in call else pooled(call, 33, 30))
    assert len(network.nodes) == 3
    assert all(s.pool.stride <= 16 for s in specs(network) if s.pool is not None)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("AveragePool <kernel_shape=[17,2], strides=[2,2]>", "MX2020"),
        ("MaxPool <kernel_shape=[2,2], strides=[17,17]>", "MX2021"),
    ],
)
def test_what_has_no_two_steps(refuse: Refuse, call: str, code: str) -> None:
    assert [(w, c) for w, c, _ in refuse(pooled(call, 40, 40))] == [
        (f"{call.split(maxsplit=1)[0]}(y)", code)
    ]
