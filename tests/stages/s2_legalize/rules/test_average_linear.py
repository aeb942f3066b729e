"""Averages over large maps in front of a matrix."""

from __future__ import annotations

import onnx
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, texts


def classifier(channels: int, rows: int, columns: int, classes: int = 5) -> onnx.ModelProto:
    return model(
        "h = Conv(x, w) r = Relu(h) p = GlobalAveragePool(r) f = Flatten(p) "
        "y = Gemm <transB=1> (f, m, b)",
        inputs=f"float[1,3,{rows},{columns}] x",
        weights={
            "w": random(channels, 3, 1, 1), "m": random(classes, channels, seed=3),
            "b": random(classes, seed=4),
        },
    )  # fmt: skip


def test_the_matrix_averages(check: Check) -> None:
    """As in MLPerf Tiny's keyword spotting: 25x5 pixels, 64 channels, 12 words."""
    network = check(classifier(64, 25, 5, 12))
    assert texts(network)[1] == "flatten, linear, 32-bit output"
    assert "average-as-linear" in rules(network)


@pytest.mark.parametrize(
    ("channels", "rows", "columns", "classes"),
    [
        (4, 17, 16, 5),  # 272 pixels
        (80, 20, 8, 5),  # 320 passes
        (64, 25, 5, 56),  # 7000 bytes in each of 64 kernel memories
        (64, 20, 5, 55),  # 352,000 bytes in all
    ],
)
def test_what_does_not_fit_is_pooled(
    check: Check, channels: int, rows: int, columns: int, classes: int
) -> None:
    network = check(classifier(channels, rows, columns, classes))
    assert "average-as-linear" not in rules(network)
    assert network.nodes[-1].op.spec.flatten is False


def test_what_can_be_pooled_is_pooled(check: Check) -> None:
    assert texts(check(classifier(8, 16, 16)))[1] == (
        "average 16x16/1, conv2d 1x1 pad 0, 32-bit output"
    )
