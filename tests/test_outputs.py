"""Outputs of the user's model from integers of the chip, and which of them tells classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.graph import ArgMax, LogSoftmax, Reshape, Sigmoid, Softmax, Tanh
from mxdeploy.ops.tail import Result
from mxdeploy.outputs import classifier_of, model_outputs, shapes_of
from tests.builders import build, conv, linear, with_tail

SCORES = np.array([[10, -20, 64, 3], [100, 0, 0, -128]], np.int32).reshape(2, 4, 1, 1)


def vector(*end, channels: int = 4) -> QuantNetwork:
    network = build((3, 4, 4), [linear(channels, flatten=True, output_bits=32)])
    return with_tail(network, *end) if end else network


@pytest.mark.parametrize(
    ("end", "classes"),
    [
        ((), 4),
        ((Softmax(axis=0), Reshape(shape=(4,))), 4),
        ((LogSoftmax(axis=0),), 4),
        ((ArgMax(axis=0),), 4),
        ((Reshape(shape=(2, 2)),), None),
    ],
)
def test_classes_of_a_vector(end: tuple, classes: int | None) -> None:
    network = vector(*end)
    found = classifier_of(network)
    if classes is None:
        assert found is None
        return
    assert found is not None
    assert found.classes == classes
    outputs = model_outputs(network, {"y0": SCORES})
    assert found.choices(outputs).tolist() == [2, 0]
    probabilities = found.probabilities(outputs)
    if isinstance(network.tail[:1] and network.tail[0].op, ArgMax):
        assert probabilities is None
        return
    powers = np.exp(SCORES.reshape(2, 4) / 128)
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert probabilities is not None
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_one_logistic_function_tells_two_classes() -> None:
    network = vector(Sigmoid(), channels=1)
    found = classifier_of(network)
    assert found is not None
    assert found.classes == 2
    outputs = model_outputs(network, {"y0": SCORES[:, :1] - 20})
    assert found.choices(outputs).tolist() == [0, 1]
    assert found.probabilities(outputs) is None


def test_numbers_and_maps_tell_nothing() -> None:
    assert classifier_of(vector(channels=1)) is None
    assert classifier_of(vector(Tanh(), channels=1)) is None
    assert classifier_of(build((3, 4, 4), [conv(5)])) is None


def test_the_first_output_that_can_tell_classes_does() -> None:
    network = vector(ArgMax(axis=0))
    map_first = build((3, 4, 4), [conv(5), linear(4, flatten=True)], outputs=["y0", "y1"])
    found = classifier_of(map_first)
    assert found is not None
    assert found.name == "y1"
    several = replace(network, results=(*network.results, Result(name="scores", value="y0")))
    assert shapes_of(several) == {"answer": (1, 1, 1), "scores": (4, 1, 1)}
    outputs = model_outputs(several, {"y0": SCORES})
    assert outputs["answer"].dtype == np.int32
    assert np.array_equal(outputs["scores"], SCORES.astype(np.float32) / 128)
