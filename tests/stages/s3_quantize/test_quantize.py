"""Quantization of small networks: accuracy, biases, odd values, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import LayerOp, Range, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import (
    Activation,
    Eltwise,
    EltwiseFunction,
    Kind,
    LayerSpec,
    Pool,
    PoolKind,
)
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from tests.stages.s3_quantize.small import (
    RELU,
    chain,
    codes,
    conv,
    dense,
    floats_of,
    integers_of,
    op,
    pixels,
    residual,
    small,
    sqnr_db,
    with_value,
)

# --- accuracy -------------------------------------------------------------------------------------


def test_close_to_the_float_network() -> None:
    network, fresh = small(), pixels((3, 8, 8), seed=9)
    result = quantize(network, pixels((3, 8, 8)))
    for name in ("v0", "v1", "v2"):
        assert sqnr_db(network, result, fresh, name) > 33


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    gains=st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    bias_gain=st.floats(-4, 2),
    input_gain=st.floats(-4, 4),
)
def test_any_magnitudes(seed: int, gains: list[float], bias_gain: float, input_gain: float) -> None:
    """Weights, biases and inputs of all sizes: scales absorb them, and 8 bits stay 8 bits.

    With large biases little is left of the signal behind them, so the error is compared with
    the output's size.
    """
    rng = np.random.default_rng(seed)
    signal = 10**input_gain
    ops = []
    specs = [conv(2, 4, 5), conv(4, 4, 5, kernel=1, activation=Activation.NONE), dense(4, 5, 3)]
    for spec, gain in zip(specs, gains, strict=True):
        plain = op(spec, int(rng.integers(1000)), gain=10**gain)
        signal *= 10**gain
        offset = rng.normal(0, signal * 10**bias_gain, spec.out_channels)
        ops.append(replace(plain, bias=Tensor(offset.astype(np.float32))))
    network = chain(ops)
    data = rng.normal(0, 10**input_gain, (16, 2, 5, 5)).astype(np.float32)
    result = quantize(network, data)
    found = integers_of(result, data)
    for layer in result.layers[:-1]:
        assert layer.quality is not None
        assert layer.quality.sqnr_db is None or layer.quality.sqnr_db > 20
    last = network.outputs[0]
    real = floats_of(network, data)[last]
    error = np.abs(found[last] * result.value(last).scale - real).max()
    assert error < 0.15 * float(np.abs(real).max()) + 1e-30


def test_quality_is_what_the_integer_model_gives() -> None:
    """The rehearsal during quantization and integer.onnx agree."""
    network, data = small(), pixels((3, 8, 8))
    result = quantize(network, data)
    found = integers_of(result, data)
    for layer in result.layers:
        assert layer.quality is not None
        assert layer.quality.sqnr_db == pytest.approx(
            sqnr_db(network, result, data, layer.output), abs=1e-3
        )
        if layer.spec.output_bits == 8:
            limit = (found[layer.output] == 127) | (found[layer.output] == -128)
            assert layer.quality.saturated == pytest.approx(float(limit.mean()), abs=1e-12)


def test_same_input_same_result() -> None:
    data = pixels((3, 8, 8))
    first, second = quantize(small(), data), quantize(small(), data)
    assert first == second
    assert first.digest == second.digest


@pytest.mark.parametrize(("bits", "least_db"), [(8, 33.0), (4, 15.0), (2, 3.0)])
def test_narrow_weights(bits: int, least_db: float) -> None:
    network, data = small(), pixels((3, 8, 8))
    result = quantize(network, data, QuantizeOptions(weight_bits=bits))  # type: ignore[arg-type]
    for layer in result.layers:
        assert layer.weight is not None
        assert layer.weight_bits == bits
        assert int(np.abs(layer.weight.array.astype(int)).max()) <= 1 << bits - 1
    assert sqnr_db(network, result, data, "v2") > least_db


def test_one_bit_weights() -> None:
    """Weights of 0 and -1: a network made of them is kept exactly."""
    weight = -np.random.default_rng(0).integers(0, 2, (4, 6, 1, 1)).astype(np.float32) / 4
    spec = LayerSpec(kind=Kind.LINEAR, in_channels=6, in_size=(1, 1), out_channels=4)
    network = chain([LayerOp(spec=spec, weight=Tensor(weight))])
    result = quantize(network, pixels((6, 1, 1)), QuantizeOptions(weight_bits=1))
    assert result.layers[0].weight is not None
    np.testing.assert_array_equal(result.layers[0].weight.array, (weight * 4).astype(np.int8))


def test_bias_correction_helps() -> None:
    """Four-bit weights leave a mean error that biases can take up."""
    network, data = small(), pixels((3, 8, 8))
    with_it = quantize(network, data, QuantizeOptions(weight_bits=4))
    without = quantize(network, data, QuantizeOptions(weight_bits=4, bias_correction=False))
    fresh = pixels((3, 8, 8), seed=5)
    assert sqnr_db(network, with_it, fresh, "v2") > sqnr_db(network, without, fresh, "v2")


def test_one_dimension() -> None:
    first = LayerSpec(
        kind=Kind.CONV1D, in_channels=4, in_size=(16, 1), out_channels=6, kernel=(5, 1), pad=(2, 0),
        activation=RELU,
    )  # fmt: skip
    pool = Pool(kind=PoolKind.AVERAGE, size=(2, 1), stride=2)
    second = LayerSpec(
        kind=Kind.LINEAR, in_channels=6, in_size=(8, 1), out_channels=3, flatten=True,
        output_bits=32,
    )  # fmt: skip
    pooling = LayerSpec(
        kind=Kind.PASSTHROUGH, in_channels=6, in_size=(16, 1), out_channels=6, pool=pool
    )
    network = chain([op(first), op(pooling), op(second)], shape=(4, 16))
    result = quantize(network, pixels((4, 16)))
    assert result.value("x").shape == (4, 16, 1)
    assert result.value("x").model_shape == (4, 16)
    assert result.value("v1").scale == result.value("v0").scale
    assert sqnr_db(network, result, pixels((4, 16), seed=3), "v2") > 33


# --- biases ---------------------------------------------------------------------------------------


def test_large_biases_enter_the_choice_of_the_weights() -> None:
    """Weights at full size would cut the biases off at a small part of their value."""
    spec = conv(4, 6, 6, kernel=1, activation=Activation.NONE)
    rng = np.random.default_rng(0)
    layer = LayerOp(
        spec=spec,
        weight=Tensor(rng.normal(0, 0.02, (6, 4, 1, 1)).astype(np.float32)),
        bias=Tensor(np.array([0.5, -0.5, 0.4, 0, 0.1, -0.3], np.float32)),
    )
    network, data = chain([layer]), pixels((4, 6, 6))
    result = quantize(network, data)
    (found,) = result.layers
    assert found.quality is not None
    assert found.quality.bias_saturated == 0
    full_size = 127 / float(np.abs(layer.weight.array).max()) if layer.weight else 0
    assert 0.5 * full_size > 127, "the case needs biases that do not fit"
    assert sqnr_db(network, result, data, "v0") > 30


def test_biases_that_cannot_fit_are_counted() -> None:
    spec = dense(1, 1, 2, bits=8)
    layer = LayerOp(
        spec=spec,
        weight=Tensor(np.array([1, -1], np.float32).reshape(2, 1, 1, 1)),
        bias=Tensor(np.array([1000, 0.25], np.float32)),
    )
    network = chain([layer])
    for name in ("x", "v0"):
        network = with_value(network, name, declared=Range(scale=1 / 128))
    (found,) = quantize(network, None).layers
    assert found.quality is not None
    assert found.quality.bias_saturated == 1
    assert found.bias is not None
    assert int(found.bias.array[0]) == 127  # type: ignore[call-overload]


def test_no_bias_stays_none() -> None:
    network = chain([op(conv(3, 8, 8), bias=False), op(dense(8, 8, 4), 1, bias=False)])
    result = quantize(network, pixels((3, 8, 8)))
    assert [layer.bias for layer in result.layers] == [None, None]


# --- odd values -----------------------------------------------------------------------------------


def test_dead_layer() -> None:
    """Outputs that are zero throughout the calibration data are no error."""
    first = op(conv(3, 4, 6))
    first = replace(first, bias=Tensor(np.full(4, -100, np.float32)))
    network = chain([first, op(dense(4, 6, 3), 1)])
    result = quantize(network, pixels((3, 6, 6)))
    assert not integers_of(result, pixels((3, 6, 6)))["v0"].any()


def test_all_zero_weights() -> None:
    first = op(conv(3, 4, 6))
    first = replace(first, weight=Tensor(np.zeros((4, 3, 3, 3), np.float32)))
    network, data = chain([first]), pixels((3, 6, 6))
    assert sqnr_db(network, quantize(network, data), data, "v0") > 20


def test_many_samples_are_thinned_out() -> None:
    data = pixels((3, 8, 8), count=300)
    every_third = quantize(small(), data[::3])
    assert quantize(small(), data, QuantizeOptions(max_samples=100)) == every_third


def test_single_sample() -> None:
    network, data = small(), pixels((3, 8, 8), count=1)
    assert sqnr_db(network, quantize(network, data), data, "v2") > 25


# --- networks that are refused ------------------------------------------------------------------


def test_bitwise_operators_have_no_float_meaning() -> None:
    network = residual()
    nodes = list(network.nodes)
    spec = replace(nodes[4].op.spec, eltwise=Eltwise(function=EltwiseFunction.XOR))
    nodes[4] = replace(nodes[4], op=LayerOp(spec=spec))
    with pytest.raises(ModelError) as raised:
        quantize(replace(network, nodes=tuple(nodes)), pixels((3, 8, 8)))
    assert codes(raised) == ["MX3001"]
    assert raised.value.diagnostics[0].where == "e"


def test_several_inputs() -> None:
    network = residual()
    extra = Value(name="x2", shape=(3, 8, 8), origin="x2")
    network = replace(network, values=(*network.values, extra), inputs=("x", "x2"))
    with pytest.raises(ModelError) as raised:
        quantize(network, pixels((3, 8, 8)))
    assert codes(raised) == ["MX3014"]
