"""Slices of rows and columns."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts


def sliced(starts: list[int], ends: list[int], steps: list[int]) -> onnx.ModelProto:
    axes = list(range(2, 2 + len(starts)))
    places = {"s": starts, "e": ends, "a": axes, "t": steps}
    return model(
        "h = Conv(x, w) r = Abs(h) c = Slice(r, s, e, a, t) y = Conv(c, u) z = Conv(r, u)",
        inputs="float[1,3,10,13] x", outputs="y, z",
        weights={
            "w": random(4, 3, 1, 1), "u": random(2, 4, 1, 1, seed=1),
            **{k: np.array(v, np.int64) for k, v in places.items()},
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "columns", "layers"),
    [
        ((0, 10, 2), (0, 13, 2), ["max 1x1/2, conv2d 1x1 pad 0"]),
        ((1, 10, 2), (0, 13, 2), ["conv2d 3x3 pad 1", "max 1x1/2, conv2d 1x1 pad 0"]),
        ((1, 9, 1), (2, 13, 1), ["conv2d 3x3 pad 0"]),
        ((0, 8, 1), (0, 11, 1), ["conv2d 3x3 pad 0"]),
        ((2, 10, 3), (1, 12, 3), ["conv2d 3x3 pad 0", "max 1x1/3, conv2d 1x1 pad 0"]),
        ((5, 9, 1), (0, 13, 1), ["conv2d 3x3 pad 0", "conv2d 3x3 pad 0", "conv2d 3x3 pad 0"]),
    ],
)
def test_rows_and_columns(
    check: Check, rows: tuple[int, int, int], columns: tuple[int, int, int], layers: list[str]
) -> None:
    starts, ends, steps = (list(p) for p in zip(rows, columns, strict=True))
    network = check(sliced(starts, ends, steps))
    found = [t.removesuffix(", 32-bit output") for t in texts(network)[1:]]
    assert [t for t in found if t != "conv2d 1x1 pad 0"] == layers
    assert "crop" in rules(network)


RANGE = st.tuples(st.integers(0, 4), st.integers(5, 10))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=RANGE.filter(lambda r: (r[1] - r[0]) % 2 == 0),
    columns=RANGE.filter(lambda r: (r[1] - r[0]) % 2 == 1),
)
def test_any_even_number_of_rows_and_columns(
    check: Check, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    network = check(sliced([rows[0], columns[0]], [rows[1], columns[1]], [1, 1]))
    assert network.value(network.outputs[0]).shape == (
        2, rows[1] - rows[0], columns[1] - columns[0],
    )  # fmt: skip


def test_what_no_layer_can_leave_out(refuse: Refuse) -> None:
    ((where, code, what),) = refuse(sliced([0, 0], [10, 13], [1, 2]))
    assert (where, code) == ("Slice(c)", "MX2080")
    assert "[4, 10, 13]" in what
