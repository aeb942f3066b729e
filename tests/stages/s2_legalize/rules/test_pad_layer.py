"""Pads that no convolution takes over."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs

CONV = {"w": random(4, 3, 1, 1, seed=1)}
FOUR = st.tuples(*[st.integers(-4, 4)] * 4)


def padded(pads: tuple[int, ...], rows: int = 10, columns: int = 11) -> onnx.ModelProto:
    top, left, bottom, right = pads
    amounts = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return model(
        "h = Conv(x, w) a = Abs(h) y = Pad(a, p)",
        inputs=f"float[1,3,{rows},{columns}] x", weights={**CONV, "p": amounts},
    )  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pads=FOUR.filter(lambda p: (p[0] + p[2]) % 2 == (p[1] + p[3]) % 2 == 0 and max(p) > 0))
def test_rows_and_columns_are_added_and_cut_off(check: Check, pads: tuple[int, ...]) -> None:
    network = check(padded(pads))
    assert "pad-layer" in rules(network)
    top, left, bottom, right = pads
    least = max(abs(p) for p in (top + bottom, left + right)) // 2
    assert least <= len(network.nodes) - 1 <= 8
    assert all(s.kernel == (3, 3) for s in specs(network)[1:])


@pytest.mark.parametrize("pads", [(0, 1), (1, 0), (3, 2), (-1, 1), (-2, 3)])
def test_sequences_may_grow_by_one(check: Check, pads: tuple[int, int]) -> None:
    amounts = np.array([0, 0, pads[0], 0, 0, pads[1]], np.int64)
    proto = model("h = Conv(x, w) a = Abs(h) y = Pad(a, p)", inputs="float[1,3,9] x",
                  weights={"w": random(4, 3, 1), "p": amounts})  # fmt: skip
    assert check(proto).value("y").shape == (4, 9 + sum(pads))


@pytest.mark.parametrize("pads", [(0, 0, 1, 0), (1, 2, 0, 0), (0, 0, -3, 1)])
def test_odd_numbers_take_a_transposed_convolution(check: Check, pads: tuple[int, ...]) -> None:
    network = check(padded(pads))
    assert any(s.kind == "conv_transpose2d" for s in specs(network))


@pytest.mark.parametrize("pads", [(20, 20, 20, 20)])
def test_pads_without_a_layer(refuse: Refuse, pads: tuple[int, ...]) -> None:
    assert [(w, c) for w, c, _ in refuse(padded(pads))] == [("Pad(y)", "MX2031")]


def test_pads_in_a_row_are_one(check: Check) -> None:
    """One row in front is cut off, one behind is added: alone, neither is possible in a plane."""
    network = check(padded((-1, 0, 1, 0)))
    assert "merge-pads" in rules(network)
    assert len(network.nodes) == 2
