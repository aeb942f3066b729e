"""Plans of the C code for outputs of the model, carried out in Python: the reference's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.arith.tail import apply_tail
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import (
    Affine,
    ArgMax,
    Clip,
    Concat,
    Elementwise,
    LogSoftmax,
    Multiply,
    PerElement,
    Reduce,
    Relu,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    TopK,
    Transpose,
    Upsample,
)
from mxdeploy.ops.tail import Result, TailOp, TailStep, integer_values, verify_tail
from mxdeploy.stages.s6_emit.moves import MAX_AXES, Move, moves_of
from mxdeploy.stages.s6_emit.tail_plan import TailPlan, plan_tail
from mxdeploy.stages.s6_emit.tail_statements import Apply, Choose, Combine, Copy
from tests.onnx_text import random


def carried_out(plan: TailPlan, outputs: dict[str, np.ndarray]) -> np.ndarray:
    """What the statements leave in the output, with one memory for each kind of numbers."""
    memory = {
        (False, False): np.full(plan.real_numbers, np.nan, np.float32),
        (False, True): np.full(plan.position_numbers, -99, np.int32),
        (True, plan.positions): np.full(
            plan.elements, -99, np.int32 if plan.positions else np.float32
        ),
    }

    def numbers(place: str | int) -> np.ndarray:
        if isinstance(place, str):
            return outputs[place].reshape(-1)
        buffer = plan.buffers[place]
        room = memory[buffer.in_output, buffer.positions]
        return room[buffer.first : buffer.first + buffer.size]

    for statement in plan.statements:
        to = numbers(statement.to)
        if isinstance(statement, Copy):
            for move in statement.moves:
                source, target = move.places()
                to[target] = numbers(statement.source)[source]
        elif isinstance(statement, Choose):
            choose(statement, numbers(statement.source), to)
        else:
            others = [to]
            if isinstance(statement, Combine):
                others.append(numbers(statement.other).copy())
            shape = statement.shape if isinstance(statement, Apply) else (to.size,)
            to[:] = by_itself(statement.op, [o.reshape(shape) for o in others], shape)
    return memory[True, plan.positions].reshape(plan.shape)


def choose(statement: Choose, source: np.ndarray, to: np.ndarray) -> None:
    for move in statement.moves:
        for begin, target in zip(*move.places(), strict=True):
            row = source[begin + statement.step * np.arange(statement.length)]
            op = statement.op
            kept = op.count if isinstance(op, TopK) else 1
            single = {ArgMax: ArgMax, TopK: TopK, Reduce: Reduce}[type(op)]
            fields = {f: getattr(op, f) for f in op.__dataclass_fields__}
            found = by_itself(single(**{**fields, "axis": 0}), [row], (kept,))
            to[target + statement.apart * np.arange(kept)] = found


def by_itself(op: TailOp, operands: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    names = tuple(f"i{n}" for n in range(len(operands)))
    step = TailStep(op=op, inputs=names, output="z", shape=shape, origin="")
    values = {name: o[np.newaxis] for name, o in zip(names, operands, strict=True)}
    return apply_tail([step], values)["z"].reshape(-1)


# --- moves --------------------------------------------------------------------------------------


def cost(source: np.ndarray) -> int:
    moves = moves_of(source.reshape(-1), np.arange(source.size))
    check(moves, source.reshape(-1), np.arange(source.size))
    return len(moves)


def check(moves: tuple[Move, ...], source: np.ndarray, target: np.ndarray) -> None:
    assert all(len(m.axes) <= MAX_AXES for m in moves)
    found = [m.places() for m in moves]
    assert np.array_equal(np.concatenate([s for s, _ in found]), source)
    assert np.array_equal(np.concatenate([t for _, t in found]), target)


def test_regular_orders_are_one_move() -> None:
    x = np.arange(3 * 4 * 5 * 6).reshape(3, 4, 5, 6)
    assert cost(x) == 1
    assert cost(x.transpose(2, 0, 3, 1)) == 1
    assert cost(x[:, 1:4:2].transpose(3, 1, 0, 2)) == 1
    assert cost(x.transpose(1, 2, 3, 0).reshape(40, 9)) == 1
    assert cost(x[0, 0].repeat(2, axis=0).repeat(3, axis=1)) == 1
    assert cost(x[:1, :1, :1, :1]) == 1


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_any_order(places: list[int]) -> None:
    cost(np.array(places))


@given(st.data(), st.integers(1, 7))
def test_many_axes(data: st.DataObject, rank: int) -> None:
    shape = data.draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    axes = data.draw(st.permutations(range(rank)))
    cost(np.arange(np.prod(shape)).reshape(shape).transpose(axes))


# --- plans --------------------------------------------------------------------------------------


@st.composite
def tails(draw) -> tuple[dict[str, tuple[int, ...]], list[TailStep]]:
    """Two outputs of a chip and some steps that read whatever is there."""
    shapes: dict[str, tuple[int, ...]] = {
        name: tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))) for name in "ab"
    }
    outputs, steps = dict(shapes), []
    for number in range(draw(st.integers(1, 6))):
        source = draw(st.sampled_from(sorted(shapes)))
        shape = shapes[source]
        op, after, inputs = draw(operations(source, shape, shapes))
        step = TailStep(op=op, inputs=inputs, output=f"t{number}", shape=after, origin="")
        steps.append(step)
        shapes[step.output] = after
    return outputs, steps


@st.composite
def operations(draw, source: str, shape: tuple[int, ...], shapes: dict):
    axis = draw(st.integers(0, len(shape) - 1))
    replaced = lambda n: (*shape[:axis], n, *shape[axis + 1 :])  # noqa: E731
    count = draw(st.integers(1, shape[axis]))
    start = draw(st.integers(0, shape[axis] - 1))
    order = tuple(draw(st.permutations(range(len(shape)))))
    same = [n for n in sorted(shapes) if shapes[n] == shape]
    rest = (*shape[:axis], *shape[axis + 1 :])
    beside = [n for n, s in sorted(shapes.items()) if (*s[:axis], *s[axis + 1 :]) == rest]
    beside = [n for n in beside if len(shapes[n]) == len(shape)]
    other = draw(st.sampled_from(same))
    part = draw(st.sampled_from(beside))
    step = draw(st.integers(1, 2))
    scale, offset = (Tensor(random(shape[0], seed=s)) for s in (1, 2))
    factors = (2, 3)[: len(shape) - 1]
    larger = (shape[0], *(n * f for n, f in zip(shape[1:], factors, strict=True)))
    return draw(
        st.sampled_from(
            (
                (Softmax(axis=axis), shape, (source,)),
                (LogSoftmax(axis=axis), shape, (source,)),
                (Sigmoid(), shape, (source,)),
                (Relu(), shape, (source,)),
                (Clip(low=-0.5, high=0.5), shape, (source,)),
                (Affine(scale=scale, offset=offset), shape, (source,)),
                (Multiply(), shape, (source, other)),
                (PerElement(scale=None, offset=Tensor(random(*shape, seed=3))), shape, (source,)),
                (Elementwise(function="sub"), shape, (source, other, other)),
                (Reduce(function="mean", axis=axis), replaced(1), (source,)),
                (ArgMax(axis=axis), replaced(1), (source,)),
                (TopK(axis=axis, count=count, indices=False), replaced(count), (source,)),
                (TopK(axis=axis, count=count, indices=True), replaced(count), (source,)),
                (Reshape(shape=shape[::-1]), shape[::-1], (source,)),
                (Transpose(axes=order), tuple(shape[a] for a in order), (source,)),
                (Slice(axis=axis, start=start, stop=shape[axis], step=step),
                 replaced(len(range(start, shape[axis], step))), (source,)),
                (Upsample(factors=factors), larger, (source,)),
                (Concat(axis=axis), replaced(shape[axis] + shapes[part][axis]), (source, part)),
            )
        )
    )  # fmt: skip


@given(tails(), st.integers(0, 9))
def test_the_statements_compute_what_the_reference_computes(case, seed: int) -> None:
    shapes, steps = case
    positions = integer_values(steps)
    mixed = [s for s in steps if isinstance(s.op, Concat) and len(positions & set(s.inputs)) == 1]
    results = [Result(name=name, value=name) for name in (*shapes, *(s.output for s in steps))]
    if mixed:
        return  # ONNX joins numbers of one type
    verify_tail(steps, results, shapes)
    outputs = {n: random(*s, seed=seed + i) for i, (n, s) in enumerate(shapes.items())}
    expected = apply_tail(steps, {n: x[np.newaxis] for n, x in outputs.items()})
    for result in results:
        plan = plan_tail(tuple(steps), result, shapes)
        found = carried_out(plan, outputs)
        wanted = expected[result.value][0]
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted), result


def step(op: TailOp, shape: tuple[int, ...], *inputs: str, output: str) -> TailStep:
    return TailStep(op=op, inputs=inputs, output=output, shape=shape, origin="")


def test_a_detectors_maps_go_straight_to_the_output() -> None:
    """Turned, reshaped and joined: one move for each map, and no memory but the output."""
    sizes = {"a": (12, 6, 6), "b": (12, 3, 3)}
    steps = []
    for name, (channels, rows, columns) in sizes.items():
        turned, flat = (rows, columns, channels), (rows * columns * 3, 4)
        steps.append(step(Transpose(axes=(1, 2, 0)), turned, name, output=f"{name}t"))
        steps.append(step(Reshape(shape=flat), flat, f"{name}t", output=f"{name}r"))
    steps.append(step(Concat(axis=0), (135, 4), "ar", "br", output="y"))
    plan = plan_tail(tuple(steps), Result(name="y", value="y"), sizes)
    assert [len(s.moves) for s in plan.statements if isinstance(s, Copy)] == [1, 1]
    assert (plan.elements, plan.real_numbers, plan.position_numbers) == (540, 0, 0)


@pytest.mark.parametrize(("axis", "workspace"), [(0, 0), (1, 12)])
def test_functions_of_parts_are_computed_in_the_output_where_possible(
    axis: int, workspace: int
) -> None:
    """Parts that follow each other need no memory of their own; interleaved ones do."""
    shape = (6, 4) if axis == 0 else (3, 8)
    steps = (
        step(Sigmoid(), (3, 4), "a", output="s"),
        step(Concat(axis=axis), shape, "s", "b", output="y"),
    )
    plan = plan_tail(steps, Result(name="y", value="y"), {"a": (3, 4), "b": (3, 4)})
    assert plan.real_numbers == workspace


def test_memory_is_used_again() -> None:
    steps = (
        step(Sigmoid(), (8, 4), "a", output="s"),
        step(Reduce(function="max", axis=0), (1, 4), "s", output="m"),
        step(Sigmoid(), (8, 4), "b", output="t"),
        step(Reduce(function="max", axis=0), (1, 4), "t", output="n"),
        step(Concat(axis=1), (1, 8), "m", "n", output="y"),
    )
    plan = plan_tail(steps, Result(name="y", value="y"), {"a": (8, 4), "b": (8, 4)})
    assert plan.real_numbers == 32
