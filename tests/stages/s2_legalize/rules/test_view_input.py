"""Changes of shape and order that the host does to the input."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ops import head
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs


def test_a_vector_of_pixels(check: Check) -> None:
    proto = model("f = Flatten(x) y = MatMul(f, m)", inputs="float[1,1,28,28] x",
                  weights={"m": random(784, 5)})  # fmt: skip
    network = check(proto)
    assert network.value(network.inputs[0]).shape == (784,)
    assert network.head == (head.Reshape(origin="Flatten(f)", before=(1, 28, 28), after=(784,)),)
    assert specs(network)[0].in_channels == 784


@pytest.mark.parametrize(
    ("views", "shape"),
    [
        ("v = Reshape(x, a)", (16, 20)),
        ("v = Transpose <perm=[0,1,3,2]> (x)", (4, 20, 4)),
        ("t = Transpose <perm=[0,2,1,3]> (x) v = Reshape(t, b)", (4, 20, 4)),
        ("s = Reshape(x, c) t = Transpose <perm=[0,3,1,2,4]> (s) v = Reshape(t, a)", (16, 20)),
    ],
)
def test_any_order(check: Check, views: str, shape: tuple[int, ...]) -> None:
    proto = model(
        f"{views} y = Conv(v, w)", inputs="float[1,4,4,20] x",
        weights={
            "w": random(3, shape[0], *(3,) * (len(shape) - 1)), "a": np.array([1, 16, 20]),
            "b": np.array([1, 4, 20, 4]), "c": np.array([1, 4, 2, 2, 20]),
        },
    )  # fmt: skip
    network = check(proto)
    assert network.value(network.inputs[0]).shape == shape
    assert "host-view" in rules(network)
    assert network.input_shape == (4, 4, 20)


def test_an_input_that_others_read_as_it_is_stays(check: Check) -> None:
    proto = model(
        "f = Flatten(x) y = MatMul(f, m) z = Conv(x, w)", outputs="y, z",
        weights={"m": random(192, 5), "w": random(2, 3, 1, 1)},
    )  # fmt: skip
    network = check(proto)
    assert network.head == ()
    assert specs(network)[0].flatten
