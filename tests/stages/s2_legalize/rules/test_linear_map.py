"""Vectors that become maps, as at the start of a decoder."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs


def decoder(
    size: tuple[int, int, int],
    views: str,
    *,
    bias: np.ndarray | None = None,
    function: str = "Identity",
) -> onnx.ModelProto:
    channels, rows, columns = size
    more = ", b" if bias is not None else ""
    return model(
        f"f = Flatten(x) e = MatMul(f, a) r = Relu(e) m = Gemm(r, k{more}) v = {function}(m) "
        f"{views} y = Conv(h, u)",
        inputs="float[1,1,4,4] x",
        weights={
            "a": random(16, 6, seed=1), "k": random(6, channels * rows * columns, seed=2),
            "u": random(3, channels, 1, 1, seed=3), **({} if bias is None else {"b": bias}),
            "s": np.array([1, *size]), "t": np.array([1, rows, columns, channels]),
        },
    )  # fmt: skip


FIRST = "h = Reshape(v, s)"
LAST = "p = Reshape(v, t) h = Transpose <perm=[0,3,1,2]> (p)"


@pytest.mark.parametrize("views", [FIRST, LAST])
@pytest.mark.parametrize("size", [(4, 2, 2), (5, 3, 3), (2, 4, 4), (3, 7, 7), (4, 1, 3)])
def test_maps_of_any_size(check: Check, views: str, size: tuple[int, int, int]) -> None:
    count = int(np.prod(size))
    network = check(decoder(size, views, bias=random(count, seed=5), function="Relu"))
    assert "matrix-as-map" in rules(network)
    assert network.tail == ()
    assert specs(network)[-1].in_size == size[1:]


@pytest.mark.parametrize("bias", [None, np.repeat(random(4, seed=5), 9)])
def test_without_a_bias_of_its_own_for_every_pixel_there_is_no_constant(
    check: Check, bias: np.ndarray | None
) -> None:
    network = check(decoder((4, 3, 3), FIRST, bias=bias, function="Relu"))
    assert [s.kernel for s in specs(network)] == [(1, 1), (3, 3), (1, 1)]
    assert specs(network)[1].in_channels == 6


def test_more_elements_than_channels(check: Check) -> None:
    """32 x 7 x 7 are 1568 elements."""
    network = check(decoder((32, 7, 7), FIRST, function="Relu"))
    assert max(s.out_channels for s in specs(network)) <= 1024


def test_at_the_end_the_cpu_reshapes(check: Check) -> None:
    proto = model("f = Flatten(x) m = MatMul(f, a) y = Reshape(m, s)",
                  weights={"a": random(192, 48), "s": np.array([1, 3, 4, 4])})  # fmt: skip
    network = check(proto)
    assert len(network.nodes) == 1
    assert network.tail
