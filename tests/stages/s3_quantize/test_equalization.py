"""Channels scaled across layers: the same network in real numbers, less noise in integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Network, Range
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Concat
from mxdeploy.ops.layer import Activation, Eltwise, EltwiseFunction, Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.calibration import BRIEF, calibrate
from mxdeploy.stages.s3_quantize.channels import channel_sets, rescaled, scaled_layers
from mxdeploy.stages.s3_quantize.equalization import equalized, traffic_of
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s3_quantize.widths import layer_widths
from tests.stages.s3_quantize.branching import Draft, branching_networks

Floats = NDArray[np.float32]
PLAIN = QuantizeOptions(equalize=False)


def data_for(network: Network, count: int = 8, seed: int = 0) -> Floats:
    shape = network.value("x").shape
    return np.random.default_rng(seed).uniform(-1, 1, (count, *shape)).astype(np.float32)


def floats_of(network: Network, x: Floats) -> dict[str, Floats]:
    return Session(build_float_model(network), 1).run({"x": x})


def conv(channels: int, out: int, **rest: object) -> LayerSpec:
    return LayerSpec(
        kind=Kind.CONV2D, in_channels=channels, in_size=(4, 4), out_channels=out, kernel=(3, 3),
        pad=(1, 1), **rest,
    )  # fmt: skip


def dense(channels: int, out: int) -> LayerSpec:
    return LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=(4, 4), out_channels=out, flatten=True,
        output_bits=32,
    )  # fmt: skip


def unequal(network: Network, value: str, gains: Floats) -> Network:
    """Channels of a value larger by ``gains`` where they are written, and divided when read."""
    nodes = []
    for node in network.nodes:
        op = node.op
        assert isinstance(op, LayerOp)
        if node.output == value and op.weight is not None and op.bias is not None:
            weight = op.weight.array * gains[:, None, None, None]
            op = replace(op, weight=Tensor(weight), bias=Tensor(op.bias.array * gains))
        if value in node.inputs and op.weight is not None:
            op = replace(op, weight=Tensor(op.weight.array / gains[:, None, None]))
        nodes.append(replace(node, op=op))
    return replace(network, nodes=tuple(nodes))


def chain() -> Network:
    draft = Draft((3, 4, 4), seed=0)
    relu = Activation.RELU
    first = draft.layer(conv(3, 16, activation=relu), ("x",))
    second = draft.layer(conv(16, 16, activation=relu), (first,))
    return draft.network((draft.layer(dense(16, 5), (second,)),))


GAINS = (10 ** np.random.default_rng(3).uniform(-1.5, 1.5, 16)).astype(np.float32)


def output_sqnr(network: Network, options: QuantizeOptions = PLAIN) -> float:
    quality = quantize(network, data_for(network), options).layers[-1].quality
    assert quality is not None
    assert quality.sqnr_db is not None
    return quality.sqnr_db


# --- which channels may be scaled -----------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(network=branching_networks(), seed=st.integers(0, 2**16))
def test_any_numbers_leave_the_network_as_it_is(network: Network, seed: int) -> None:
    """Every value is scaled by its sets' numbers, and outputs by none."""
    sets = channel_sets(network)
    numbers = np.exp(np.random.default_rng(seed).uniform(-2, 2, len(sets.rigid)))
    numbers[sets.rigid] = 1
    other, _ = rescaled(network, scaled_layers(network, sets), numbers)
    x = data_for(network)
    before, after = floats_of(network, x), floats_of(other, x)
    for name, values in before.items():
        wanted = values * numbers[sets.labels[name]][:, None, None]
        np.testing.assert_allclose(
            after[name], wanted, rtol=1e-4, atol=1e-5 * max(1, np.abs(wanted).max())
        )
    for name in network.outputs:
        assert (numbers[sets.labels[name]] == 1).all()


def test_sums_and_joins_carry_one_number() -> None:
    draft = Draft((3, 4, 4), seed=0)
    a = draft.layer(conv(3, 4), ("x",))
    b = draft.layer(conv(4, 4), (a,))
    add = Eltwise(function=EltwiseFunction.ADD)
    total = draft.layer(
        LayerSpec(
            kind=Kind.PASSTHROUGH, in_channels=4, in_size=(4, 4), out_channels=4, eltwise=add,
            operands=2,
        ),
        (a, b),
    )  # fmt: skip
    c = draft.layer(conv(4, 2), (total,))
    both = draft.append(Concat(axis=0), (c, total), (6, 4, 4))
    sets = channel_sets(draft.network((draft.layer(dense(6, 2), (both,)),)))
    assert sets.labels[a].tolist() == sets.labels[b].tolist() == sets.labels[total].tolist()
    assert sets.labels[both].tolist() == [*sets.labels[c], *sets.labels[total]]
    assert len(set(sets.labels[both].tolist())) == 6
    assert not sets.rigid[sets.labels[both]].any()
    assert sets.rigid[sets.labels["x"]].all()


# --- what it is good for --------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 4])
def test_unequal_channels(bits: int) -> None:
    """The integers are as good as those of the same network with equal channels."""
    options = QuantizeOptions(weight_bits=bits)  # type: ignore[arg-type]
    network = unequal(chain(), "v0", GAINS)
    with_it = output_sqnr(network, options)
    assert with_it > output_sqnr(network, replace(options, equalize=False)) + 6
    assert with_it > output_sqnr(chain(), options) - 2
    result = quantize(network, data_for(network), options)
    assert "equalize-channels" in [rewrite.rule for rewrite in result.rewrites]


def test_nothing_to_gain() -> None:
    """A channel for itself has nothing to be equal to."""
    draft = Draft((1, 4, 4), seed=0)
    first = draft.layer(conv(1, 1, activation=Activation.RELU), ("x",))
    network = draft.network((draft.layer(dense(1, 5), (first,)),))
    traffic = traffic_of(network, calibrate(network, data_for(network), BRIEF, 1))
    assert equalized(network, traffic, layer_widths(network, QuantizeOptions())) is network


def test_equal_channels_lose_nothing() -> None:
    assert output_sqnr(chain(), QuantizeOptions()) > output_sqnr(chain()) - 0.5


def test_a_residual_branch_is_scaled_as_a_whole() -> None:
    draft = Draft((3, 4, 4), seed=0)
    relu = Activation.RELU
    a = draft.layer(conv(3, 16, activation=relu), ("x",))
    b = draft.layer(conv(16, 16, activation=relu), (a,))
    add = Eltwise(function=EltwiseFunction.ADD)
    c = draft.layer(conv(16, 8, eltwise=add, operands=2), (a, b))
    network = draft.network((draft.layer(dense(8, 5), (c,)),))
    # Both operands of the sum are unequal in the same way.
    for name in (a, b):
        nodes = list(network.nodes)
        for index, node in enumerate(nodes):
            op = node.op
            assert isinstance(op, LayerOp)
            if node.output == name and op.weight is not None and op.bias is not None:
                weight = op.weight.array * GAINS[:, None, None, None]
                op = replace(op, weight=Tensor(weight), bias=Tensor(op.bias.array * GAINS))
            if node.inputs[0] == name and op.weight is not None and name == a:
                op = replace(op, weight=Tensor(op.weight.array / GAINS[:, None, None]))
            nodes[index] = replace(node, op=op)
        network = replace(network, nodes=tuple(nodes))
    assert output_sqnr(network, QuantizeOptions()) > output_sqnr(network) + 6


# --- what stays -----------------------------------------------------------------------------------


def test_channels_that_reach_their_clip_are_not_scaled() -> None:
    network = unequal(chain(), "v0", GAINS)
    top = float(np.median(floats_of(network, data_for(network))["v0"].max(axis=(0, 2, 3))))
    values = [replace(v, clip=(0.0, top)) if v.name == "v0" else v for v in network.values]
    network = replace(network, values=tuple(values))
    traffic = traffic_of(network, calibrate(network, data_for(network), BRIEF, 1))
    other = equalized(network, traffic, layer_widths(network, QuantizeOptions()))
    assert other is not network
    x = data_for(network)
    before, after = floats_of(network, x), floats_of(other, x)
    np.testing.assert_allclose(after["v2"], before["v2"], rtol=1e-3, atol=1e-4)
    reached = before["v0"].max(axis=(0, 2, 3)) >= top
    assert 0 < int(reached.sum()) < 16
    np.testing.assert_array_equal(after["v0"][:, reached], before["v0"][:, reached])
    assert float(after["v0"].max()) <= top


def test_channels_that_never_wake_stay() -> None:
    """However small they seem: their bias would become large, and nothing better for it."""
    network = unequal(chain(), "v0", GAINS)
    first = network.nodes[0]
    assert isinstance(first.op, LayerOp)
    assert first.op.bias is not None
    bias = first.op.bias.array.copy()
    bias[:4] = -1000 * GAINS[:4]
    asleep = replace(first, op=replace(first.op, bias=Tensor(bias)))
    network = replace(network, nodes=(asleep, *network.nodes[1:]))
    traffic = traffic_of(network, calibrate(network, data_for(network), BRIEF, 1))
    result = equalized(network, traffic, layer_widths(network, QuantizeOptions())).nodes[0].op
    assert isinstance(result, LayerOp)
    assert result.bias is not None
    moved = result.bias.array != bias
    assert not moved[:4].any()
    assert moved[4:].any()


def test_declared_scales_and_outputs_stay() -> None:
    network = unequal(chain(), "v0", GAINS)
    values = [
        replace(v, declared=Range(scale=0.1)) if v.name == "v0" else v for v in network.values
    ]
    declared = replace(network, values=tuple(values))
    shown = replace(network, outputs=("v0", "v2"))
    for other in (declared, shown):
        traffic = traffic_of(other, calibrate(other, data_for(other), BRIEF, 1))
        result = equalized(other, traffic, layer_widths(other, QuantizeOptions()))
        assert result.nodes[0] == other.nodes[0]


def test_weights_on_their_grid_stay() -> None:
    """Nothing is gained by moving weights that are integers already."""
    network = unequal(chain(), "v0", GAINS)
    first = network.nodes[0]
    assert isinstance(first.op, LayerOp)
    assert first.op.weight is not None
    scale = 128 / np.abs(first.op.weight.array).max()
    scale = 2 ** np.floor(np.log2(scale))
    weight = np.rint(first.op.weight.array * scale) / scale
    op = replace(first.op, weight=Tensor(weight.astype(np.float32)))
    network = replace(network, nodes=(replace(first, op=op), *network.nodes[1:]))
    traffic = traffic_of(network, calibrate(network, data_for(network), BRIEF, 1))
    assert equalized(network, traffic, layer_widths(network, QuantizeOptions())).nodes[0].op == op
