"""Steps in front of the network: shapes forwards and backwards, values against their definition."""

from __future__ import annotations

import itertools
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.arith.head import apply_head, quantized_input
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops import head
from mxdeploy.ops.head import HeadOp, appended, shape_after, shape_before
from tests.onnx_text import model, random, run


def numbers(*values: float) -> Tensor:
    return Tensor(np.array(values, np.float32))


@st.composite
def steps(draw, shape: tuple[int, ...]) -> HeadOp:
    """Any step that applies to a value of ``shape``, which has two or three axes."""
    rank, flat = len(shape), len(shape) == 2
    sizes = (*shape, 1)[1:3] * 2
    pads = [draw(st.integers(-1 if n > 2 else 0, 2)) for n in sizes]
    offsets = st.tuples(st.integers(-2, 2), st.just(0) if flat else st.integers(-2, 2))
    blocks = [n for n in (1, 2, 3) if shape[1] % n == 0]
    across = [1] if flat else [n for n in (1, 2, 3) if shape[2] % n == 0]
    block = (draw(st.sampled_from(blocks)), draw(st.sampled_from(across)))
    scale, offset = (random(shape[0], seed=draw(st.integers(0, 9))) for _ in range(2))
    return draw(
        st.sampled_from(
            (
                head.Transpose(origin="t", axes=tuple(draw(st.permutations(range(len(shape)))))),
                head.Reshape(origin="r", before=shape, after=(shape[1], shape[0], *shape[2:])),
                head.Affine(origin="a", scale=Tensor(scale), offset=Tensor(offset)),
                head.Affine(origin="a", scale=Tensor(scale[0]), offset=Tensor(offset[0])),
                head.PerElement(origin="e", scale=None, offset=Tensor(random(*shape, seed=7))),
                head.PerElement(origin="e", scale=Tensor(random(*shape[:2], *(1,) * (rank - 2))),
                                offset=Tensor(random(*(1,) * rank))),
                head.Clip(origin="c", low=-0.5, high=float("inf")),
                head.Pad(origin="p", pads=(pads[0], 0 if flat else pads[1], pads[2],
                                           0 if flat else pads[3])),
                head.SpaceToDepth(origin="s", block=block),
                head.ShiftedCopies(origin="k", offsets=tuple(
                    draw(st.lists(offsets, min_size=1, max_size=3)))),
            )
        )
    )  # fmt: skip


@st.composite
def heads(draw) -> tuple[tuple[int, ...], list[HeadOp]]:
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=3)))
    now, found = shape, []
    for _ in range(draw(st.integers(0, 4))):
        found.append(draw(steps(now)))
        now = shape_after(found[-1:], now)
    return shape, found


@given(heads())
def test_the_shape_of_the_models_input_follows_from_the_networks(case) -> None:
    shape, found = case
    assert shape_before(found, shape_after(found, shape)) == shape


@given(heads(), st.integers(0, 99))
def test_every_element_is_where_the_definitions_say(case, seed: int) -> None:
    shape, found = case
    x = random(2, *shape, seed=seed)
    expected = [slow(found, one) for one in x]
    result = apply_head(found, x)
    assert result.dtype == np.float32
    assert result.shape[1:] == shape_after(found, shape)
    assert np.array_equal(result, np.stack(expected))


def slow(found: list[HeadOp], x: np.ndarray) -> np.ndarray:
    """One element after the other, as the steps' docstrings say."""
    for op in found:
        result = np.zeros(shape_after([op], x.shape), np.float32)
        for place in itertools.product(*map(range, result.shape)):
            result[place] = element(op, x, place)
        x = result
    return x


def element(op: HeadOp, x: np.ndarray, place: tuple[int, ...]) -> np.float32:  # noqa: PLR0911
    channels = len(x)
    c, y, z = (*place, 0)[:3]
    match op:
        case head.Transpose(axes=axes):
            return x[tuple(place[axes.index(i)] for i in range(len(axes)))]
        case head.Reshape(after=after):
            return x.flat[np.ravel_multi_index(place, after)]
        case head.Affine(scale=scale, offset=offset):
            factor, summand = (np.broadcast_to(t.array, channels)[c] for t in (scale, offset))
            return np.float32(np.float32(x[place] * factor) + summand)
        case head.PerElement(scale=scale, offset=offset):
            factor = None if scale is None else np.broadcast_to(scale.array, x.shape)[place]
            summand = None if offset is None else np.broadcast_to(offset.array, x.shape)[place]
            scaled = x[place] if factor is None else np.float32(x[place] * factor)
            return scaled if summand is None else np.float32(scaled + summand)
        case head.Clip(low=low, high=high):
            return np.float32(min(max(x[place], low), high))
        case head.Pad(pads=(top, left, _, _)):
            return at(x, c, y - top, z - left)
        case head.SpaceToDepth(block=(high, wide)):
            which, channel = divmod(c, channels)
            return at(x, channel, y * high + which // wide, z * wide + which % wide)
        case head.ShiftedCopies(offsets=offsets):
            dy, dx = offsets[c // channels]
            return at(x, c % channels, y + dy, z + dx)


def at(x: np.ndarray, c: int, y: int, z: int) -> np.float32:
    """An element of a map or sequence; zero outside."""
    plane = x[c].reshape(x.shape[1], -1)
    inside = 0 <= y < plane.shape[0] and 0 <= z < plane.shape[1]
    return plane[y, z] if inside else np.float32(0)


@given(heads())
def test_fewer_steps_compute_the_same(case) -> None:
    shape, found = case
    short: tuple[HeadOp, ...] = ()
    for op in found:
        short = appended(short, op)
    assert len(short) <= len(found)
    x = random(2, *shape)
    np.testing.assert_allclose(apply_head(short, x), apply_head(found, x), rtol=1e-5, atol=1e-6)


def test_axes_are_ordered_before_numbers_change() -> None:
    half = head.Affine(origin="a", scale=Tensor(np.float32(0.5)), offset=Tensor(np.float32(1)))
    each = head.Affine(origin="b", scale=numbers(1, 2, 3), offset=numbers(0, 1, 2))
    turn = head.Transpose(origin="t", axes=(2, 0, 1))
    clip = head.Clip(origin="c", low=-1, high=1)
    result = reduce(appended, (half, clip, turn, each), ())
    assert [type(op).__name__ for op in result] == ["Transpose", "Affine", "Clip", "Affine"]
    assert reduce(appended, (turn, half, each), ())[1].origin == "a, b"


def test_channels_of_blocks_are_in_the_order_of_onnx() -> None:
    proto = model("y = SpaceToDepth <blocksize=2> (x)", inputs="float[1,3,4,6] x")
    x = random(1, 3, 4, 6)
    assert np.array_equal(
        apply_head([head.SpaceToDepth(origin="", block=(2, 2))], x), run(proto, x)[0]
    )


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (head.Transpose(origin="op", axes=(1, 0)), (2, 3, 4)),
        (head.Reshape(origin="op", before=(6,), after=(2, 3)), (2, 3)),
        (head.Reshape(origin="op", before=(6,), after=(2, 4)), (6,)),
        (head.Affine(origin="op", scale=numbers(1, 2), offset=numbers(0, 0)), (3, 4)),
        (head.PerElement(origin="op", scale=numbers(1, 2), offset=None), (3, 4)),
        (head.Pad(origin="op", pads=(0, 1, 0, 0)), (3, 4)),
        (head.Pad(origin="op", pads=(1, 1, 1, 1)), (3,)),
        (head.Pad(origin="op", pads=(-2, 0, -2, 0)), (3, 4, 4)),
        (head.SpaceToDepth(origin="op", block=(2, 2)), (3, 4, 5)),
        (head.SpaceToDepth(origin="op", block=(1, 2)), (3, 4)),
    ],
)
def test_a_step_that_does_not_apply_is_named(op: HeadOp, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="op: "):
        shape_after([op], shape)


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (head.SpaceToDepth(origin="op", block=(2, 2)), (6, 4, 4)),
        (head.ShiftedCopies(origin="op", offsets=((0, 0), (0, 1))), (3, 4, 4)),
    ],
)
def test_a_value_that_no_input_gives(op: HeadOp, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no input gives"):
        shape_before([op], shape)


def test_integers_are_rounded_half_to_even_and_saturated() -> None:
    x = np.array([[0.25, -2.0, 0.9921875, 0.5 / 128 * 3, 0.5 / 128]], np.float32)
    assert quantized_input(x, 1 / 128).tolist() == [[32, -128, 127, 2, 0]]
