"""Convolutions of the input for which the host arranges it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mxdeploy.ir.network import Network
from mxdeploy.ops import head
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, rules, specs, texts

SEARCH = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def first(
    check: Check, kernel: tuple[int, ...], attributes: str, size: tuple[int, ...] = (16, 16)
) -> Network:
    """A convolution of the input, with Relu and another convolution behind."""
    weights = {
        "w": random(6, 3, *kernel, seed=1), "b": random(6, seed=2),
        "u": random(2, 6, *(1,) * len(kernel), seed=3),
    }  # fmt: skip
    dims = ",".join(str(n) for n in size)
    nodes = f"c = Conv <{attributes}> (x, w, b) r = Relu(c) y = Conv(r, u)"
    return check(model(nodes, inputs=f"float[1,3,{dims}] x", weights=weights))


@pytest.mark.parametrize(
    ("kernel", "attributes", "channels", "size"),
    [
        ((3, 3), "strides=[2,2], pads=[1,1,1,1]", 12, (8, 8)),
        ((3, 3), "strides=[2,2], pads=[0,0,1,1]", 12, (8, 8)),
        ((7, 7), "strides=[2,2], pads=[3,3,3,3]", 48, (8, 8)),
        ((4, 4), "strides=[4,4]", 48, (4, 4)),
        ((5, 5), "pads=[2,2,2,2]", 12, (18, 18)),
        ((5, 5), "pads=[0,0,0,0]", 12, (14, 14)),
        ((7, 7), "pads=[3,3,3,3]", 27, (16, 16)),
        ((2, 2), "pads=[0,0,0,0]", 3, (17, 17)),
        ((3, 3), "pads=[0,0,1,1]", 3, (17, 17)),
        ((3, 3), "pads=[5,5,5,5]", 3, (22, 22)),
        ((3, 3), "dilations=[3,3], pads=[3,3,3,3]", 27, (16, 16)),
        ((3, 3), "strides=[1,2], pads=[1,1,1,1]", 6, (16, 8)),
    ],
)  # fmt: skip
def test_one_layer(
    check: Check, kernel: tuple[int, int], attributes: str, channels: int, size: tuple[int, int]
) -> None:
    network = first(check, kernel, attributes)
    assert len(network.nodes) == 2
    spec = specs(network)[0]
    assert (spec.in_channels, spec.in_size) == (channels, size)
    text = next(r.text for r in network.rewrites if r.rule == "host-taps")
    assert f"as {[channels, *size]}" in text
    assert network.input_shape == (3, 16, 16)


def test_the_steps_of_a_strided_7x7(check: Check) -> None:
    network = first(check, (7, 7), "strides=[2,2], pads=[3,3,3,3]")
    pad, blocks, copies, cut = network.head
    assert blocks == head.SpaceToDepth(origin="Conv(c)", block=(2, 2))
    assert isinstance(pad, head.Pad)
    assert isinstance(copies, head.ShiftedCopies)
    assert isinstance(cut, head.Pad)
    assert len(copies.offsets) == 4
    assert max(cut.pads) == 0 > min(cut.pads)


def test_what_the_chip_has_is_left_alone(check: Check) -> None:
    for kernel, attributes in (
        ((3, 3), "pads=[1,1,1,1]"), ((2, 2), "pads=[0,0,1,1]"), ((1, 1), "strides=[2,2]"),
    ):  # fmt: skip
        assert first(check, kernel, attributes).head == ()


def test_others_that_read_the_input_want_it_as_it_is(check: Check) -> None:
    weights = {"w": random(3, 3, 5, 5, seed=1), "u": random(4, 3, 1, 1, seed=2)}
    network = check(
        model("a = Conv <pads=[2,2,2,2]> (x, w) s = Add(a, x) y = Conv(s, u)", weights=weights)
    )
    assert network.head == ()
    assert "shifted-copies" in rules(network)


@SEARCH
@given(
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)), stride=st.integers(1, 4),
    dilation=st.integers(1, 2), pads=st.lists(st.integers(0, 5), min_size=4, max_size=4),
)  # fmt: skip
def test_planes(
    check: Check, kernel: tuple[int, int], stride: int, dilation: int, pads: list[int]
) -> None:
    reach = [(k - 1) * dilation + 1 for k in kernel]
    size = (11, 8)
    assume(all(n + b + e >= k for n, k, b, e in zip(size, reach, pads[:2], pads[2:], strict=True)))
    attributes = f"strides={[stride] * 2}, dilations={[dilation] * 2}, pads={pads}"
    network = first(check, kernel, attributes, size)
    assert len(network.nodes) == 2


@SEARCH
@given(
    taps=st.integers(1, 24), stride=st.integers(1, 5), dilation=st.integers(1, 3),
    begin=st.integers(0, 12), end=st.integers(0, 12),
)  # fmt: skip
def test_sequences(
    check: Check, taps: int, stride: int, dilation: int, begin: int, end: int
) -> None:
    assume(32 + begin + end >= (taps - 1) * dilation + 1)
    attributes = f"strides=[{stride}], dilations=[{dilation}], pads=[{begin},{end}]"
    network = first(check, (taps,), attributes, (32,))
    assert len(network.nodes) == 2
    assert texts(network)[0].startswith(
        ("conv1d", f"max 1x1/{stride}, conv1d", "flatten", "linear")
    )
