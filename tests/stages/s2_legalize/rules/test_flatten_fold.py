"""Maps of few channels and many pixels in front of a matrix."""

from __future__ import annotations

import onnx
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs


def flattened(channels: int, rows: int, columns: int, outputs: int = 5) -> onnx.ModelProto:
    return model(
        "h = Conv(x, w) r = Relu(h) f = Flatten(r) y = Gemm <transB=1> (f, m, b)",
        inputs=f"float[1,2,{rows},{columns}] x",
        weights={
            "w": random(channels, 2, 1, 1), "b": random(outputs, seed=4),
            "m": random(outputs, channels * rows * columns, seed=3, scale=0.1),
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "rows", "columns", "folded"),
    [
        (3, 17, 16, (6, 136)),
        (12, 24, 24, (36, 192)),
        (5, 17, 17, (10, 145)),  # 289 pixels: one of zeros
        (16, 29, 31, (64, 225)),
        (2, 23, 43, (8, 248)),
        (1, 30, 34, (4, 255)),
    ],
)
def test_neighbours_become_channels(
    check: Check, channels: int, rows: int, columns: int, folded: tuple[int, int]
) -> None:
    network = check(flattened(channels, rows, columns))
    spec = specs(network)[-1]
    assert (spec.in_channels, spec.in_size[0]) == folded
    assert len(network.nodes) == 4
    assert "fold-pixels" in rules(network)


def test_maps_too_large_for_a_sequence_are_halved_first(check: Check) -> None:
    network = check(flattened(4, 33, 34))
    assert specs(network)[-1].in_channels == 32
    assert [s.kernel for s in specs(network)[1:]] == [(3, 3), (1, 1), (2, 1), (1, 1), (1, 1)]


def test_weights_too_many_for_few_processors_are_spread(check: Check) -> None:
    """12 kernel memories of 6912 bytes do not hold 144 x 64 bytes each; 24 hold half of it."""
    network = check(flattened(12, 12, 12, 64))
    assert (specs(network)[-1].in_channels, specs(network)[-1].in_size) == (24, (72, 1))


def test_what_fits_stays(check: Check) -> None:
    assert "fold-pixels" not in rules(check(flattened(3, 16, 16)))


def test_what_cannot_be_folded_small_enough(refuse: Refuse) -> None:
    assert [c for _, c, _ in refuse(flattened(64, 70, 70, 1))] == ["MX2042"]
