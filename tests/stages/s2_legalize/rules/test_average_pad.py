"""Global averages over sides without suitable factors."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs


@pytest.mark.parametrize(
    ("rows", "columns", "layers"), [(17, 17, 2), (23, 23, 1), (34, 38, 1), (17, 29, 2), (61, 3, 1)]
)
def test_zeros_make_a_suitable_size(check: Check, rows: int, columns: int, layers: int) -> None:
    proto = model(
        "h = Conv(x, w) r = Relu(h) p = GlobalAveragePool(r) y = Conv(p, u)",
        inputs=f"float[1,3,{rows},{columns}] x",
        weights={"w": random(4, 3, 1, 1, seed=1), "u": random(5, 4, 1, 1, seed=2)},
    )
    network = check(proto)
    assert "pad-global-average" in rules(network)
    assert sum(s.pad in ((2, 2), (2, 1)) for s in specs(network)) == layers
    assert all(max(s.pool.size) <= 16 for s in specs(network) if s.pool is not None)


def test_without_a_layer_behind_the_factor_is_one(check: Check) -> None:
    proto = model("h = Conv(x, w) r = Relu(h) y = GlobalAveragePool(r)",
                  inputs="float[1,3,23,25] x", weights={"w": random(4, 3, 1, 1)})  # fmt: skip
    assert specs(check(proto))[-1].kernel == (1, 1)


def test_a_long_sequence(check: Check) -> None:
    proto = model("h = Conv(x, w) r = Relu(h) y = GlobalAveragePool(r)",
                  inputs="float[1,3,251] x", weights={"w": random(4, 3, 1)})  # fmt: skip
    network = check(proto)
    assert "pad-global-average" in rules(network)


def test_sides_that_would_take_too_many_zeros(refuse: Refuse) -> None:
    proto = model(
        "h = Conv(x, w) r = Relu(h) p = GlobalAveragePool(r) y = Conv(p, u)",
        inputs="float[1,3,1013,23] x",
        weights={"w": random(4, 3, 1, 1), "u": random(5, 4, 1, 1, seed=2)},
    )
    assert [(w, c) for w, c, _ in refuse(proto)] == [("GlobalAveragePool(p)", "MX2020")]
