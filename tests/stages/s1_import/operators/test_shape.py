"""Reshaped and padded values, as onnxruntime computes them."""

from __future__ import annotations

import pytest

from tests.stages.s1_import.conftest import Agree, check, ints


@pytest.mark.parametrize("shape", [(1, 192), (0, -1), (-1, 3, 64), (0, 0, 64), (1, 3, -1, 16)])
def test_reshape(agree: Agree, shape: tuple[int, ...]) -> None:
    check(agree, "y = Reshape(x, s)", "Reshape", extra={"s": ints(*shape)})


@pytest.mark.parametrize(("opset", "text"), [(11, "<axes=[2,3]> (g)"), (13, "(g, a)")])
def test_squeeze_and_unsqueeze(agree: Agree, opset: int, text: str) -> None:
    nodes = f"g = GlobalMaxPool(x) s = Squeeze{text} y = Unsqueeze{text.replace('g', 's')}"
    expected = "Pooling Reshape Reshape"
    check(agree, nodes, expected, opset=opset, extra={"a": ints(2, 3)})


@pytest.mark.parametrize(
    ("text", "extra", "expected"),
    [
        ("(x, p)", {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}, "Pad"),
        ("(x, p, low)", {"p": ints(0, 1, 0, 0, 0, 2, 0, 0)}, "Pad"),
        ("(x, p)", {"p": ints(0, 0, -1, 2, 0, 0, 3, -2)}, "Slice Slice Pad"),
        ("(x, p)", {"p": ints(0, 0, -1, 0, 0, 0, -2, 0)}, "Slice"),
        ('<mode="reflect"> (x, p)', {"p": ints(0, 0, 0, 0, 0, 0, 0, 0)}, ""),
    ],
)
def test_pad(agree: Agree, text: str, extra: dict, expected: str) -> None:
    check(agree, f"y = Pad{text}", expected, extra=extra)


def test_pad_of_some_axes(agree: Agree) -> None:
    extra = {"p": ints(1, 2, 3, 4), "a": ints(-1, 2)}
    check(agree, "y = Pad(x, p, , a)", "Pad", extra=extra, opset=18)
