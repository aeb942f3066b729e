"""Transposed convolutions of all kinds, and enlargements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mxdeploy.ir.network import Network
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs, texts

SEARCH = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def enlarged(
    check: Check, kernel: tuple[int, ...], attributes: str, size: tuple[int, ...] = (5, 4)
) -> Network:
    """A transposed convolution with Relu between two convolutions."""
    ones = (1,) * len(kernel)
    weights = {
        "v": random(4, 3, *ones, seed=1), "w": random(4, 6, *kernel, seed=2),
        "b": random(6, seed=3), "u": random(2, 6, *ones, seed=4),
    }  # fmt: skip
    dims = ",".join(str(n) for n in size)
    nodes = (
        "g = Conv(x, v) h = Relu(g) "
        f"a = ConvTranspose <{attributes}> (h, w, b) r = Relu(a) y = Conv(r, u)"
    )
    return check(model(nodes, inputs=f"float[1,3,{dims}] x", weights=weights))


@pytest.mark.parametrize(
    ("kernel", "attributes", "layers"),
    [
        ((2, 2), "strides=[2,2]", ["conv_transpose2d 3x3 pad 1, relu"]),
        ((1, 1), "strides=[2,2], output_padding=[1,1]", ["conv_transpose2d 3x3 pad 1, relu"]),
        ((3, 3), "strides=[2,2], output_padding=[1,1]", ["conv_transpose2d 3x3 pad 2, relu"]),
        (
            (4, 4), "strides=[2,2], pads=[1,1,1,1]",
            ["conv2d 3x3 pad 1", "conv_transpose2d 3x3 pad 1, relu"],
        ),
        ((3, 3), "strides=[1,1], pads=[1,1,1,1]", ["conv2d 3x3 pad 1, relu"]),
        ((3, 3), "strides=[1,1]", ["conv2d 3x3 pad 2, relu"]),
    ],
)  # fmt: skip
def test_layers(check: Check, kernel: tuple[int, int], attributes: str, layers: list[str]) -> None:
    assert texts(enlarged(check, kernel, attributes))[1:-1] == layers


def test_an_odd_size_is_cut_from_an_even_one(check: Check) -> None:
    """Without output padding, as the defaults of frameworks have it."""
    network = enlarged(check, (3, 3), "strides=[2,2], pads=[1,1,1,1]")
    assert "transposed-odd" in rules(network)
    assert specs(network)[1].out_size == (10, 8)
    assert specs(network)[-1].out_size == (9, 7)


def test_larger_strides_take_steps(check: Check) -> None:
    network = enlarged(check, (4, 4), "strides=[4,4]")
    assert "transposed-in-steps" in rules(network)
    assert [s.out_size for s in specs(network) if s.kind == "conv_transpose2d"] == [
        (10, 8), (20, 16),
    ]  # fmt: skip


def test_sequences_are_columns(check: Check) -> None:
    network = enlarged(check, (3,), "strides=[2], pads=[1,1], output_padding=[1]", (7,))
    assert texts(network)[1:] == [
        "conv_transpose2d 3x3 pad 1, relu", "max 1x1/2, conv1d 1x1 pad 0, 32-bit output",
    ]  # fmt: skip


@SEARCH
@given(
    taps=st.integers(1, 5), stride=st.sampled_from([1, 2, 2, 4]), more=st.integers(0, 1),
    pads=st.lists(st.integers(0, 3), min_size=2, max_size=2),
)  # fmt: skip
def test_planes(check: Check, taps: int, stride: int, more: int, pads: list[int]) -> None:
    more = min(more, stride - 1)
    assume(4 * stride + taps + more - sum(pads) > stride)
    enlarged(
        check, (taps, taps),
        f"strides={[stride] * 2}, pads={[p for p in pads for _ in range(2)]}, "
        f"output_padding={[more] * 2}",
    )  # fmt: skip


@SEARCH
@given(
    taps=st.integers(1, 7), stride=st.sampled_from([1, 2, 4]), more=st.integers(0, 1),
    dilation=st.integers(1, 2), pads=st.lists(st.integers(0, 2), min_size=2, max_size=2),
)  # fmt: skip
def test_sequences(
    check: Check, taps: int, stride: int, more: int, dilation: int, pads: list[int]
) -> None:
    more = min(more, stride - 1)
    enlarged(
        check, (taps,),
        f"strides=[{stride}], pads={pads}, output_padding=[{more}], dilations=[{dilation}]", (8,),
    )  # fmt: skip


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("size", [(5, 4), (6,)])
def test_nearest_neighbours(check: Check, factor: int, size: tuple[int, ...]) -> None:
    ones = (1,) * len(size)
    weights = {
        "v": random(4, 3, *ones, seed=1), "u": random(2, 4, *(3,) * len(size), seed=2),
        "s": np.array([1, 1, *(factor,) * len(size)], np.float32),
    }  # fmt: skip
    pads = [1] * (2 * len(size))
    dims = ",".join(str(n) for n in size)
    network = check(
        model(
            f'g = Conv(x, v) h = Relu(g) a = Resize <mode="nearest", nearest_mode="floor", '
            f'coordinate_transformation_mode="asymmetric"> (h, , s) '
            f"r = Relu(a) y = Conv <pads={pads}> (r, u)",
            inputs=f"float[1,3,{dims}] x", weights=weights,
        )
    )  # fmt: skip
    assert sum(s.kind == "conv_transpose2d" for s in specs(network)) == factor.bit_length() - 1


@pytest.mark.parametrize(
    ("attributes", "kernel", "code", "found"),
    [
        ("strides=[3,3]", (3, 3), "MX2016", "stride 3x3"),
        ("strides=[2,1]", (3, 3), "MX2016", "stride 2x1"),
        ("strides=[2,2]", (9, 9), "MX2052", "a kernel of 9x9 over 90 channels"),
    ],
)
def test_what_the_chip_cannot_do(
    refuse: Refuse, attributes: str, kernel: tuple[int, int], code: str, found: str
) -> None:
    weights = {"v": random(90, 3, 1, 1), "w": random(90, 4, *kernel)}
    nodes = f"g = Conv(x, v) h = Relu(g) y = ConvTranspose <{attributes}> (h, w)"
    proto = model(nodes, weights=weights)
    ((where, found_code, what),) = refuse(proto)
    assert (where, found_code) == ("ConvTranspose(y)", code)
    assert found in what


def test_uneven_enlargement(refuse: Refuse) -> None:
    weights = {"v": random(4, 3, 1, 1), "u": random(2, 4, 1, 1), "s": [1.0, 1.0, 3.0, 2.0]}
    proto = model(
        'g = Conv(x, v) h = Relu(g) a = Resize <mode="nearest", nearest_mode="floor", '
        'coordinate_transformation_mode="asymmetric"> (h, , s) y = Conv(a, u)',
        weights=weights,
    )  # fmt: skip
    ((_, code, what),) = refuse(proto)
    assert (code, what) == ("MX2053", "the enlargement has factors 3x2")
