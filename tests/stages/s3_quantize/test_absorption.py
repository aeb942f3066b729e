"""Constants moved into biases: the same network where it was seen, and finer steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation, Pool, PoolKind
from mxdeploy.stages.s3_quantize import QuantizeOptions, output_noise, quantize
from mxdeploy.stages.s3_quantize.absorption import RULE, absorbed
from mxdeploy.stages.s3_quantize.calibration import BRIEF, calibrate
from tests.stages.s3_quantize.small import (
    chain,
    conv,
    dense,
    floats_of,
    op,
    pixels,
    sqnr_db,
    with_value,
)

Floats = NDArray[np.float32]
NONE, RELU, ABS = Activation.NONE, Activation.RELU, Activation.ABS
POOLS = (None, Pool(kind=PoolKind.AVERAGE, size=(2, 2), stride=2),
         Pool(kind=PoolKind.MAX, size=(2, 2), stride=2))  # fmt: skip


def raised(layer: LayerOp, by: float) -> LayerOp:
    """The layer with every second bias larger, so that those channels stay far from zero."""
    assert layer.bias is not None
    bias = layer.bias.array.astype(np.float32).copy()
    bias[::2] += by
    return replace(layer, bias=Tensor(bias))


def network_of(
    activation: Activation,
    pool: Pool | None = None,
    *,
    by: float = 20.0,
    kernel: int = 1,
    second: Activation = RELU,
) -> Network:
    """Two convolutions and a layer of answers; the second convolution pads if it has 3x3."""
    size = 3 if pool is not None else 6
    spec = conv(3, 8, 6, activation=activation)
    return chain(
        [
            raised(op(spec, 1), by),
            op(replace(conv(8, 8, 6, kernel=kernel, activation=second), pool=pool), 2),
            op(dense(8, size, 4), 3),
        ]
    )


def taken_up(network: Network, data: Floats) -> Network:
    return absorbed(network, calibrate(network, data, BRIEF, 1).layers)


@settings(max_examples=30, deadline=None)
@given(
    activation=st.sampled_from((NONE, RELU)),
    pool=st.sampled_from(POOLS),
    by=st.floats(-30, 30),
    seed=st.integers(0, 99),
)
def test_the_network_computes_the_same(
    activation: Activation, pool: Pool | None, by: float, seed: int
) -> None:
    """On everything seen; and without activation on everything."""
    network = network_of(activation, pool, by=by, second=activation)
    data = pixels((3, 6, 6), 16, seed)
    changed = taken_up(network, data)
    shown = data if activation is RELU else np.concatenate([data, 9 * data])
    wanted, found = floats_of(network, shown)["v2"], floats_of(changed, shown)["v2"]
    size = float(np.abs(wanted).max())
    np.testing.assert_allclose(found, wanted, atol=1e-4 * size + 1e-5)


def reach(network: Network, data: Floats) -> float:
    return float(np.abs(floats_of(network, data)["v0"]).max())


@pytest.mark.parametrize("activation", [NONE, RELU])
def test_the_range_shrinks_and_the_outputs_become_quieter(activation: Activation) -> None:
    network, data = network_of(activation), pixels((3, 6, 6), 64)
    assert reach(taken_up(network, data), data) < 0.5 * reach(network, data)
    with_it = quantize(network, data, QuantizeOptions())
    without = quantize(network, data, QuantizeOptions(absorb=False))
    fresh = pixels((3, 6, 6), seed=9)
    assert sqnr_db(network, with_it, fresh, "v2") > sqnr_db(network, without, fresh, "v2") + 2
    assert [note.rule for note in with_it.rewrites].count(RULE) == 1
    assert RULE not in [note.rule for note in without.rewrites]


@settings(max_examples=8, deadline=None)
@given(by=st.floats(-30, 30), activation=st.sampled_from((NONE, RELU)), seed=st.integers(0, 99))
def test_the_measured_output_decides(by: float, activation: Activation, seed: int) -> None:
    network, data = network_of(activation, by=by), pixels((3, 6, 6), 16, seed)
    with_it = quantize(network, data, QuantizeOptions())
    without = quantize(network, data, QuantizeOptions(absorb=False))
    assert output_noise(with_it) <= output_noise(without)
    if RULE not in [note.rule for note in with_it.rewrites]:
        assert with_it == without


@pytest.mark.parametrize(
    "network",
    [
        network_of(RELU, kernel=3),  # a border of zeros would stand for the constant
        network_of(ABS),
        with_value(network_of(RELU), "v0", clip=(0.0, 21.0)),  # reached by what was seen
        replace(network_of(RELU), outputs=("v0", "v2")),
        network_of(RELU, by=0.0),
    ],
    ids=["pads", "abs", "clip", "output", "nothing to move"],
)
def test_what_would_change_stays(network: Network) -> None:
    data = pixels((3, 6, 6), 64)
    assert taken_up(network, data).nodes[0] == network.nodes[0]


def test_a_far_clip_does_no_harm() -> None:
    network, data = with_value(network_of(RELU), "v0", clip=(0.0, 90.0)), pixels((3, 6, 6), 64)
    changed = taken_up(network, data)
    assert changed is not network
    wanted, found = floats_of(network, data)["v2"], floats_of(changed, data)["v2"]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)
