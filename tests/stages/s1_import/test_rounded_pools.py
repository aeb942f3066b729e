"""Poolings that round up: as many windows as onnxruntime makes, also behind one another."""

from __future__ import annotations

import pytest

from tests.onnx_text import model, random
from tests.stages.s1_import.conftest import Agree


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("opset", [13, 22])
@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ("kernel_shape=[1,1], strides=[2,2]", (4, 4)),
        ("kernel_shape=[1,1], strides=[3,2]", (3, 4)),
        ("kernel_shape=[2,2], strides=[3,3]", (3, 3)),
        ("kernel_shape=[3,3], strides=[3,3], pads=[1,1,1,1]", (3, 3)),
        ("kernel_shape=[2,2], strides=[2,2], pads=[0,1,0,1]", (4, 4)),
        ("kernel_shape=[3,3], strides=[2,2]", (4, 3)),
    ],
)
def test_no_window_begins_behind_the_map(
    agree: Agree, kind: str, opset: int, attributes: str, shape: tuple[int, int]
) -> None:
    proto = model(
        f"y = {kind} <{attributes}, ceil_mode=1> (x)", inputs="float[1,2,8,7] x", opset=opset
    )
    network = agree(proto)
    assert network.value(network.outputs[0]).shape == (2, *shape)


def test_layers_behind_one_another_fit(agree: Agree) -> None:
    """10 rows become 5 and 3; counted as before operator set 22, onnxruntime has 6 and 4."""
    pool = "kernel_shape=[2,2], strides=[2,2], pads=[1,1,1,1], ceil_mode=1"
    odd = "kernel_shape=[1,1], strides=[2,2], ceil_mode=1"
    old, new = (
        model(
            f"a = MaxPool <{odd}> (x) b = MaxPool <{pool}> (a) f = Flatten(b) y = MatMul(f, m)",
            inputs="float[N,2,10,10] x",
            weights={"m": random(18, 5)},
            opset=opset,
        )
        for opset in (17, 22)
    )
    network = agree(old, new)
    assert [v.shape for v in network.values] == [(2, 10, 10), (2, 5, 5), (2, 3, 3), (18,), (5,)]
