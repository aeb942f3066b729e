"""What stands in front of the network and no layer can take over is left to the CPU."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.ops import head
from tests.onnx_text import model, random
from tests.stages.s2_legalize.conftest import Check, Refuse, rules, texts

CONV = {"w": random(4, 3, 3, 3, seed=1)}
WIDE = "conv2d 3x3 pad 1, 32-bit output"
PADDED = "y = Conv <pads=[1,1,1,1]> (n, w)"


def steps(network) -> list[str]:
    return [type(op).__name__ for op in network.head]


def test_an_offset_in_front_of_padding(check: Check) -> None:
    """Padding adds zeros after the offset: folding it would be wrong at the borders."""
    proto = model(f"n = Sub(x, m) {PADDED}", weights={**CONV, "m": random(3, 1, 1, seed=2)})
    network = check(proto)
    assert texts(network) == [WIDE]
    assert steps(network) == ["Affine"]
    assert "host-affine" in rules(network)


def test_an_offset_without_padding_is_folded(check: Check) -> None:
    proto = model("n = Sub(x, m) y = Conv (n, w)", weights={**CONV, "m": random(3, 1, 1, seed=2)})
    assert steps(check(proto)) == []


def test_a_factor_is_folded_even_with_padding(check: Check) -> None:
    proto = model(f"n = Mul(x, m) {PADDED}", weights={**CONV, "m": random(3, 1, 1, seed=2)})
    assert steps(check(proto)) == []


def test_channels_last_and_normalized(check: Check) -> None:
    """Keras: the normalization stands in front of the transposition."""
    proto = model(
        f"d = Div(x, s) m = Sub(d, o) n = Transpose <perm=[0,3,1,2]> (m) {PADDED}",
        inputs="float[1,6,5,3] x",
        weights={**CONV, "s": np.float32(3.0).reshape(()), "o": random(3, seed=2)},
    )
    network = check(proto)
    assert texts(network) == [WIDE]
    assert steps(network) == ["Transpose", "Affine"]
    assert network.input_shape == (6, 5, 3)


def test_a_clip_in_front_of_the_offset_stays_in_front(check: Check) -> None:
    proto = model(
        f"c = Clip(x, l, h) n = Add(c, o) {PADDED}",
        weights={**CONV, "l": np.float32(-1), "h": np.float32(1), "o": np.float32(0.5)},
    )
    network = check(proto)
    assert steps(network) == ["Clip", "Affine"]
    assert network.value("x").clip is None


@pytest.mark.parametrize(
    ("clip", "bounds"),
    [("Clip(x, l, h)", (-0.3, 1.1)), ("Relu(x)", (0.0, float("inf")))],
)
def test_bounds_that_8_bits_do_not_have(
    check: Check, clip: str, bounds: tuple[float, float]
) -> None:
    proto = model(
        f"n = {clip} {PADDED}", weights={**CONV, "l": np.float32(-0.3), "h": np.float32(1.1)}
    )
    network = check(proto)
    (step,) = network.head
    assert isinstance(step, head.Clip)
    assert (step.low, step.high) == pytest.approx(bounds)


@pytest.mark.parametrize("nodes", ["n = Sub(x, i)", "n = Mul(i, x)", "a = Add(x, i) n = Mul(a, r)"])
def test_a_mean_image(check: Check, nodes: str) -> None:
    """Even without padding: what differs from pixel to pixel is no bias."""
    weights = {**CONV, "i": random(3, 8, 8, seed=3), "r": random(1, 8, 8, seed=4)}
    network = check(model(f"{nodes} y = Conv(n, w)", weights=weights))
    assert set(steps(network)) == {"PerElement"}


def test_zeros_around_what_a_pooling_reads(check: Check) -> None:
    proto = model(
        "n = Pad(x, p) m = MaxPool <kernel_shape=[2,2], strides=[2,2]> (n) y = Conv(m, w)",
        weights={**CONV, "p": np.array([0, 0, 1, 0, 0, 0, 3, 2])},
    )
    network = check(proto)
    (step,) = network.head
    assert isinstance(step, head.Pad)
    assert step.pads == (1, 0, 3, 2)
    assert network.value("x").shape == (3, 12, 10)
    assert network.input_shape == (3, 8, 8)


def test_zeros_around_a_sequence(check: Check) -> None:
    proto = model(
        "n = Pad(x, p) m = MaxPool <kernel_shape=[2], strides=[2]> (n) y = Conv(m, w)",
        inputs="float[1,3,20] x",
        weights={"w": random(4, 3, 3), "p": np.array([0, 0, 3, 0, 0, 1])},
    )
    network = check(proto)
    assert steps(network) == ["Pad"]
    assert network.value("x").shape == (3, 24)


def test_what_other_layers_read_as_well_is_not_moved(check: Check) -> None:
    """The offset is for one reader only."""
    proto = model(
        f"n = Sub(x, m) {PADDED} z = Conv(x, w)",
        outputs="y, z", weights={**CONV, "m": random(3, 1, 1, seed=2)},
    )  # fmt: skip
    assert steps(check(proto)) == []


@pytest.mark.parametrize("preparation", ["n = Sub(x, x)", "n = Mul(x, z)", "n = Clip(x, z, z)"])
def test_an_input_that_is_forgotten_is_refused(refuse: Refuse, preparation: str) -> None:
    weights = {"z": np.float32(0.0)}
    found = refuse(model(f"{preparation} y = MaxPool <kernel_shape=[2,2]> (n)", weights=weights))
    assert [code for _, code, _ in found] == ["MX2017"]
