"""Two poolings in a row."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts

CONV = {"w": random(4, 3, 1, 1, seed=1), "u": random(5, 4, 1, 1, seed=2)}
SUBSAMPLE = "MaxPool <kernel_shape=[1,1], strides=[2,2]>"


def pool(kind: str, size: int, stride: int) -> str:
    return f"{kind} <kernel_shape=[{size},{size}], strides=[{stride},{stride}]>"


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (pool("MaxPool", 2, 2), pool("MaxPool", 2, 2), "max 4x4/4"),
        (pool("MaxPool", 3, 1), pool("MaxPool", 2, 2), "max 4x4/2"),
        (pool("MaxPool", 3, 2), pool("MaxPool", 3, 2), "max 7x7/4"),
        (pool("AveragePool", 2, 2), pool("AveragePool", 3, 1), "average 6x6/2"),
        (pool("MaxPool", 3, 2), SUBSAMPLE, "max 3x3/4"),
        (pool("AveragePool", 3, 1), SUBSAMPLE, "average 3x3/2"),
        (SUBSAMPLE, SUBSAMPLE, "max 1x1/4"),
    ],
)
def test_two_poolings_are_one(check: Check, first: str, second: str, text: str) -> None:
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = {first} (r) q = {second} (p) y = Conv(q, u)",
        inputs="float[1,3,13,15] x", weights=CONV,
    )  # fmt: skip
    network = check(proto)
    assert texts(network)[1] == f"{text}, conv2d 1x1 pad 0, 32-bit output"
    assert "merge-poolings" in rules(network)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pool("MaxPool", 2, 2), pool("AveragePool", 2, 2)),
        (pool("AveragePool", 2, 1), pool("AveragePool", 2, 2)),  # counts columns unevenly
        (pool("MaxPool", 1, 2), pool("MaxPool", 2, 1)),  # leaves gaps
        (pool("MaxPool", 6, 2), pool("MaxPool", 6, 1)),  # 16 rows and columns: still one window
        (pool("MaxPool", 7, 2), pool("MaxPool", 6, 1)),  # 17 rows
    ],
)
def test_poolings_that_stay_two(check: Check, first: str, second: str) -> None:
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = {first} (r) q = {second} (p) y = Conv(q, u)",
        inputs="float[1,3,19,20] x", weights=CONV,
    )  # fmt: skip
    network = check(proto)
    assert ("merge-poolings" in rules(network)) is (first == pool("MaxPool", 6, 2))


def test_a_pooling_that_others_read_too(check: Check) -> None:
    """Each reader pools the map for itself, one of them with both poolings at once."""
    half = pool("MaxPool", 2, 2)
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = {half} (r) q = {half} (p) "
        "y = Conv(q, u) z = Conv(p, u)",
        outputs="y, z", weights=CONV,
    )  # fmt: skip
    assert texts(check(proto))[1:] == [
        "max 4x4/4, conv2d 1x1 pad 0, 32-bit output",
        "max 2x2/2, conv2d 1x1 pad 0, 32-bit output",
    ]


def test_a_pooling_that_is_stored_anyway_is_read_again(check: Check) -> None:
    half = pool("MaxPool", 2, 2)
    proto = model(
        f"h = Conv(x, w) r = Relu(h) p = {half} (r) q = {half} (p) y = Conv(q, u)",
        outputs="y, p", weights=CONV,
    )  # fmt: skip
    assert texts(check(proto))[1:] == [
        "max 2x2/2", "max 2x2/2, conv2d 1x1 pad 0, 32-bit output",
    ]  # fmt: skip
