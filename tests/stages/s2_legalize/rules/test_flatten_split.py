"""Maps with too many inputs for one matrix."""

from __future__ import annotations

import onnx
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs


def flattened(channels: int, rows: int, columns: int) -> onnx.ModelProto:
    return model(
        "h = Conv(x, w) r = Relu(h) f = Flatten(r) y = Gemm <transB=1> (f, m, b)",
        inputs=f"float[1,2,{rows},{columns}] x",
        weights={
            "w": random(channels, 2, 1, 1), "b": random(3, seed=4),
            "m": random(3, channels * rows * columns, seed=3, scale=0.1),
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("channels", "rows", "columns", "groups"),
    [
        (128, 12, 12, [64, 64]),  # 18432 inputs
        (96, 16, 16, [48, 48]),  # 24576 inputs, one pass each
        (64, 17, 17, [32, 32]),  # 289 pixels: two groups, each folded
        (72, 20, 12, [36, 36]),
        (150, 12, 12, [50, 50, 50]),
    ],
)
def test_groups_of_channels(
    check: Check, channels: int, rows: int, columns: int, groups: list[int]
) -> None:
    network = check(flattened(channels, rows, columns))
    matrices = [s for s in specs(network) if s.flatten]
    assert len(matrices) == len(groups)
    found = [s.in_channels * s.in_size[0] * s.in_size[1] for s in matrices]
    for count, group, spec in zip(found, groups, matrices, strict=True):
        assert 0 <= count - group * rows * columns < spec.in_channels  # zeros of a fold
    assert all(n <= 16384 for n in found)
    assert specs(network)[-1].operands == len(groups)
    assert "split-flatten" in rules(network)


def test_what_is_too_large_in_sixteen_parts_too(refuse: Refuse) -> None:
    assert [c for _, c, _ in refuse(flattened(64, 70, 70))] == ["MX2042"]
