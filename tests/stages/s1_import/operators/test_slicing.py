"""Parts of a value, as onnxruntime takes them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.onnx_text import model
from tests.stages.s1_import.conftest import I64, NCHW, NHWC, Agree, check, ints, ops, scalar


def bounds(starts, ends, axes=None, steps=None) -> dict[str, np.ndarray]:
    found = {"s": ints(*starts), "e": ints(*ends)}
    if axes is not None:
        found["a"] = ints(*axes)
    if steps is not None:
        found["t"] = ints(*steps)
    return found


@pytest.mark.parametrize(
    ("text", "extra", "expected"),
    [
        ("(x, s, e, a)", bounds([1], [3], [1]), "Slice"),
        ("(x, s, e, a)", bounds([-2], [2**63 - 1], [1]), "Slice"),
        ("(x, s, e, a)", bounds([-(2**63)], [-1], [-3]), "Slice"),
        ("(x, s, e, a, t)", bounds([1], [100], [3], [2]), "Slice"),
        ("(x, s, e, a, t)", bounds([0, 1], [8, -1], [2, -1], [3, 2]), "Slice Slice"),
        ("(x, s, e)", bounds([0, 0, 2], [1, 3, 6]), "Slice"),
        ("(x, s, e, , t)", bounds([0, 0, 0, 0], [1, 3, 8, 8], None, [1, 1, 2, 2]), "Slice Slice"),
        ("(x, s, e, a)", bounds([0], [2**31 - 1], [1]), ""),
        ("(x, s, e, a, t)", bounds([-1], [-(2**63)], [1], [-1]), "Conv"),
    ],
)
def test_slice(agree: Agree, text: str, extra: dict, expected: str) -> None:
    check(agree, f"y = Slice{text}", expected, extra=extra)


@pytest.mark.parametrize(
    ("text", "extra", "opset", "inputs"),
    [
        ("<axis=1> (x)", {}, 11, "float[1,4,8,8] x"),
        ("<axis=1, split=[1,3]> (x)", {}, 11, "float[1,4,8,8] x"),
        ("<axis=-3> (x, s)", {"s": ints(3, 1)}, 13, "float[1,4,8,8] x"),
        ("<axis=2> (x)", {}, 17, NCHW),
        ("<axis=1, num_outputs=2> (x)", {}, 18, "float[1,5,8,8] x"),
    ],
)
def test_split(agree: Agree, text: str, extra: dict, opset: int, inputs: str) -> None:
    proto = model(f"a, y = Split{text} z = Relu(a)", inputs=inputs, outputs="y, z",
                  weights=extra, opset=opset)  # fmt: skip
    network = agree(proto)
    assert ops(network) == "Slice Slice Relu"
    assert {n.origin for n in network.nodes} == {("Split(a)",), ("Relu(z)",)}


@pytest.mark.parametrize(
    ("axis", "indices", "expected"),
    [
        (1, ints(1, 2), "Slice"),
        (-3, ints(0, 2), "Slice"),
        (3, ints(-3, -2, -1), "Slice"),
        (1, scalar(-1, I64), "Slice Reshape"),
        (2, scalar(3, I64), "Slice Reshape"),
        (1, ints(2, 1, 0), "Conv"),
        (1, ints(0, 0, 2, 1), "Conv"),
        (1, ints(0, 1, 2), ""),
    ],
)
def test_gather(agree: Agree, axis: int, indices: np.ndarray, expected: str) -> None:
    check(agree, f"y = Gather <axis={axis}> (x, i)", expected, extra={"i": indices})


def test_channels_that_come_last_in_another_order(agree: Agree) -> None:
    nodes = "y = Gather <axis=3> (x, i)"
    extra = {"i": ints(2, 1, 0)}
    check(agree, nodes, "Transpose Conv Transpose", inputs=NHWC, extra=extra)
