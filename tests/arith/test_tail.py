"""Functions in single precision against double precision, and steps of the tail by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.arith.functions import exponential, hyperbolic_tangent, logarithm, logistic
from mxdeploy.arith.tail import apply_tail, dequantized
from mxdeploy.ops.graph import (
    ArgMax,
    Concat,
    Elementwise,
    Multiply,
    Reshape,
    Softmax,
    TopK,
    Transpose,
)
from mxdeploy.ops.tail import Result, TailOp, TailStep, integer_values, steps_for, verify_tail
from tests.onnx_text import random


def around(*centres: float, spread: float = 40) -> np.ndarray:
    """Numbers around some, both signs, and the numbers themselves."""
    rng = np.random.default_rng(0)
    return np.concatenate([centres, *(rng.normal(c, spread, 2000) for c in centres)]).astype(
        np.float32
    )


def test_exponential() -> None:
    x = around(0, -80, 80)
    inside = (x > -87) & (x <= 88)
    found = exponential(x).astype(np.float64)
    assert np.abs(found[inside] / np.exp(x[inside].astype(np.float64)) - 1).max() < 2e-7
    assert not found[x <= -87].any()
    assert np.allclose(found[x > 88], np.exp(88), rtol=2e-7)


def test_logarithm() -> None:
    x = np.exp(around(0, 80, -80).clip(-87, 88)).astype(np.float32)
    true = np.log(x.astype(np.float64))
    assert (np.abs(logarithm(x) - true) < 2e-7 * np.maximum(1, np.abs(true))).all()
    assert logarithm(np.ones(1, np.float32)) == 0


def test_logistic_and_tangent() -> None:
    x = around(0, 0, 0, spread=6)
    double = x.astype(np.float64)
    assert np.abs(logistic(x) - 1 / (1 + np.exp(-double))).max() < 2e-7
    assert np.abs(hyperbolic_tangent(x) - np.tanh(double)).max() < 2e-7
    assert np.array_equal(hyperbolic_tangent(-x), -hyperbolic_tangent(x))


def test_every_input_of_a_batch_by_itself() -> None:
    steps = (
        TailStep(op=Softmax(axis=1), inputs=("a",), output="p", shape=(3, 4), origin=""),
        TailStep(op=Transpose(axes=(1, 0)), inputs=("p",), output="t", shape=(4, 3), origin=""),
        TailStep(op=Multiply(), inputs=("t", "b"), output="m", shape=(4, 3),
                 origin=""),
        TailStep(op=TopK(axis=0, count=2, indices=True), inputs=("m",), output="k", shape=(2, 3),
                 origin=""),
    )  # fmt: skip
    sources = {"a": random(5, 3, 4), "b": random(5, 4, 3, seed=1)}
    together = apply_tail(steps, sources)
    for item in range(5):
        alone = apply_tail(steps, {n: x[item : item + 1] for n, x in sources.items()})
        for name, array in together.items():
            assert np.array_equal(array[item], alone[name][0])
    assert together["k"].dtype == np.int32


def test_real_values_of_integers() -> None:
    found = dequantized(np.array([[[[3]], [[-4]]]], np.int8), 0.25, (1, 2))
    assert found.tolist() == [[[0.75, -1.0]]]
    assert found.dtype == np.float32


def step(op: TailOp, shape: tuple[int, ...], *inputs: str, output: str = "z") -> TailStep:
    return TailStep(op=op, inputs=inputs, output=output, shape=shape, origin="end")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (step(Softmax(axis=0), (3, 4), "q"), "reads q before"),
        (step(Softmax(axis=0), (3, 4), "a", output="a"), "writes a again"),
        (step(Softmax(axis=0), (4, 3), "a"), "end: Softmax"),
        (step(Transpose(axes=(1, 0)), (3, 4), "a"), "end: Transpose"),
        (step(Reshape(shape=(3, 5)), (3, 5), "a"), "end: Reshape"),
        (step(ArgMax(axis=0), (3,), "a"), "end: ArgMax"),
        (step(TopK(axis=1, count=2, indices=False), (2, 4), "a"), "end: TopK"),
        (step(Concat(axis=0), (6, 4), "a", "b"), "end: Concat"),
        (step(Elementwise(function="add"), (3, 4), "a", "b"), "end: Elementwise"),
        (step(Elementwise(function="xor"), (3, 4), "a", "a"), "end: Elementwise"),
    ],
)
def test_steps_that_do_not_suit_are_named(wrong: TailStep, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        verify_tail([wrong], [], {"a": (3, 4), "b": (5, 4)})


def test_results_are_there_and_named_once() -> None:
    with pytest.raises(ValueError, match="never computed"):
        verify_tail([], [Result(name="y", value="q")], {"a": (3,)})
    with pytest.raises(ValueError, match="share a name"):
        verify_tail([], [Result(name="y", value="a"), Result(name="y", value="a")], {"a": (3,)})


def test_positions_stay_integers_when_they_are_moved() -> None:
    steps = (
        step(ArgMax(axis=0), (4,), "a", output="i"),
        step(Reshape(shape=(2, 2)), (2, 2), "i", output="r"),
        step(Softmax(axis=0), (3, 4), "a", output="p"),
    )
    assert integer_values(steps) == {"i", "r"}
    assert [s.output for s in steps_for(steps, "r")] == ["i", "r"]
