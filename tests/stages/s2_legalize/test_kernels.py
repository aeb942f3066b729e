"""Convolutions of all sizes: native, enlarged, stretched, transposed, refused."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, specs, texts

SLOW_FIXTURE = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def conv(kernel: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {"w": random(4, 3, *kernel, seed=1), "b": random(4, seed=2)}


@pytest.mark.parametrize("pad", [0, 1, 2])
def test_3x3_is_native(check: Check, pad: int) -> None:
    proto = model(f"y = Conv <pads=[{pad},{pad},{pad},{pad}]> (x, w, b)", weights=conv((3, 3)))
    network = check(proto)
    assert texts(network) == [f"conv2d 3x3 pad {pad}, 32-bit output"]
    assert not rules(network) & {"grow-kernel"}


def test_rows_and_columns_may_be_padded_differently(check: Check) -> None:
    network = check(model("y = Conv <pads=[2,1,2,1]> (x, w, b)", weights=conv((3, 3))))
    assert specs(network)[0].pad == (2, 1)


@pytest.mark.parametrize(
    ("kernel", "pads", "pad"),
    [
        ((2, 2), [0, 0, 1, 1], (1, 1)),  # "same" for an even kernel
        ((2, 2), [1, 1, 0, 0], (1, 1)),
        ((2, 2), [1, 1, 2, 2], (2, 2)),
        ((1, 3), [0, 1, 0, 1], (1, 1)),
        ((3, 1), [0, 0, 0, 0], (0, 1)),
        ((1, 3), [1, 0, 1, 0], (2, 0)),
        ((1, 1), [1, 1, 1, 1], (2, 2)),
        ((3, 2), [1, 0, 1, 1], (1, 1)),
    ],
)
def test_small_kernels_grow_to_3x3(
    check: Check, kernel: tuple[int, int], pads: list[int], pad: tuple[int, int]
) -> None:
    network = check(model(f"y = Conv <pads={pads}> (x, w, b)", weights=conv(kernel)))
    (spec,) = specs(network)
    assert (spec.kernel, spec.pad) == ((3, 3), pad)
    assert "grow-kernel" in rules(network)


@pytest.mark.parametrize(
    ("mode", "kernel"),
    [
        *((m, k) for m in ("SAME_UPPER", "SAME_LOWER") for k in ((3, 3), (2, 2), (1, 1))),
        ("VALID", (3, 3)),
        ("VALID", (1, 1)),
    ],
)
def test_automatic_padding(check: Check, mode: str, kernel: tuple[int, int]) -> None:
    network = check(model(f'y = Conv <auto_pad="{mode}"> (x, w, b)', weights=conv(kernel)))
    assert specs(network)[0].out_size == ((8, 8) if mode != "VALID" else (9 - kernel[0],) * 2)


@SLOW_FIXTURE
@given(
    taps=st.integers(1, 9), begin=st.integers(0, 3), end=st.integers(0, 3),
    dilation=st.integers(1, 3),
)  # fmt: skip
def test_1d_kernels_are_one_layer_where_they_can(
    check: Check, taps: int, begin: int, end: int, dilation: int
) -> None:
    proto = model(
        "g = Conv(x, v) h = Relu(g) "
        f"y = Conv <pads=[{begin},{end}], dilations=[{dilation}]> (h, w, b)",
        inputs="float[1,3,30] x",
        weights={**conv((taps,)), "v": random(3, 3, 1, seed=3)},
    )
    length = (taps - 1) * dilation + 1
    possible = any(
        (end - begin + n - length) % 2 == 0
        and 0 <= (end - begin + n - length) // 2 <= n - length
        and begin + (end - begin + n - length) // 2 <= min(2, n - 1)
        for n in range(length, 10)
    )
    layers = specs(check(proto))
    rows = 30 % dilation == begin % dilation == end % dilation == 0
    assert (len(layers) == 2) is possible or rows
    assert layers[-1].kind == "conv1d" or rows
    assert prod(layers[-1].out_size) == 30 + begin + end - length + 1


def test_transposed_convolution(check: Check) -> None:
    for pad in (0, 1, 2):
        proto = model(
            f"y = ConvTranspose <strides=[2,2], pads=[{pad},{pad},{pad},{pad}], "
            "output_padding=[1,1]> (x, w, b)",
            weights={"w": random(3, 4, 3, 3, seed=1), "b": random(4, seed=2)},
        )
        (spec,) = specs(check(proto))
        assert (spec.kind, spec.pad) == ("conv_transpose2d", (2 - pad, 2 - pad))


def test_zero_padding_in_front_belongs_to_the_convolution(check: Check) -> None:
    proto = model(
        "p = Pad(x, a) y = Conv(p, w, b)",
        weights={**conv((3, 3)), "a": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)},
    )
    network = check(proto)
    assert texts(network) == ["conv2d 3x3 pad 1, 32-bit output"]
    assert "merge-pad" in rules(network)


@pytest.mark.parametrize(
    ("attributes", "kernel", "code", "found"),
    [
        ("strides=[3,2]", (3, 3), "MX2011", "stride 3x2"),
        ("strides=[17,17]", (1, 1), "MX2011", "stride 17x17"),
        ("dilations=[7,7]", (3, 3), "MX2013", "a kernel of 15x15, dilation 7x7 included"),
        ("", (5, 5), "MX2013", "a kernel of 5x5 over 300 channels"),
        ("", (2, 2), "MX2051", "from 300 to 80 channels (2x2 kernel)"),
        ("pads=[0,0,1,1]", (3, 3), "MX2015", "padding [0, 0] in front and [1, 1] behind"),
    ],
)
def test_convolutions_that_need_too_much(
    refuse: Refuse, attributes: str, kernel: tuple[int, int], code: str, found: str
) -> None:
    """Copies of 300 channels, in dense layers, are more weights than fit."""
    proto = model(
        f"g = Conv(x, v) h = Relu(g) y = Conv <{attributes or 'group=1'}> (h, w, b)",
        inputs="float[1,3,20,20] x",
        weights={
            "v": random(300, 3, 1, 1, seed=1), "w": random(80, 300, *kernel, seed=2),
            "b": [0.0] * 80,
        },
    )  # fmt: skip
    ((where, found_code, what),) = refuse(proto)
    assert (where, found_code) == ("Conv(y)", code)
    assert found in what


def test_padding_by_nothing_vanishes(check: Check) -> None:
    weights = {**conv((3, 3)), "a": np.zeros(8, np.int64)}
    assert len(check(model("p = Pad(x, a) y = Conv(p, w, b)", weights=weights)).nodes) == 1


def test_padding_with_other_values_than_zero(refuse: Refuse) -> None:
    weights = {
        **conv((3, 3)), "a": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "v": [2.0],
    }  # fmt: skip
    ((_, code, what),) = refuse(model("p = Pad(x, a, v) y = Conv(p, w, b)", weights=weights))
    assert (code, what) == ("MX2031", "the Pad has padding with 2")


def test_weights_that_grow_too_large_when_folded(refuse: Refuse) -> None:
    weights = {"w": np.full((2, 3, 1, 1), 1e11, np.float32), "k": np.array(1e11, np.float32)}
    proto = model("h = Conv(x, w) a = Mul(h, k) b = Mul(a, k) y = Mul(b, k)", weights=weights)
    ((_, code, _),) = refuse(proto)
    assert code == "MX2044"


def test_all_findings_come_at_once(refuse: Refuse) -> None:
    proto = model(
        "e = Conv <group=3> (x, w) a = Conv <strides=[2,1], group=3> (e, w) "
        "h = HardSwish(a) m = Foo(h) "
        "c = Conv <strides=[3,2]> (m, u) r = Relu(c) d = Clip(r, l) y = Conv(d, v)",
        weights={
            "w": random(3, 1, 3, 3), "u": random(3, 3, 5, 5), "v": random(2, 3, 1, 1),
            "l": np.float32(0.5).reshape(()),
        },
    )  # fmt: skip
    found = refuse(proto)
    assert [(w, c) for w, c, _ in found] == [
        ("Conv(a)", "MX2011"), ("HardSwish(h)", "MX2001"),
        ("Foo(m)", "MX2001"), ("Conv(c)", "MX2011"), ("Clip(d)", "MX2030"),
    ]  # fmt: skip
