"""Quantization of small networks: ranges, clips, biases, shared scales, wide outputs, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mxdeploy.errors import ModelError, UsageError
from mxdeploy.ir.network import LayerOp, Network, Node, Range, Value
from mxdeploy.ir.quantized import QuantNetwork
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
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s8_run.integer import IntegerMachine

Floats = NDArray[np.float32]
RELU = Activation.RELU


def conv(
    channels: int, out: int, size: int, *, kernel: int = 3, activation: Activation = RELU, **rest
) -> LayerSpec:
    pad = kernel // 2
    return LayerSpec(
        kind=Kind.CONV2D, in_channels=channels, in_size=(size, size), out_channels=out,
        kernel=(kernel, kernel), pad=(pad, pad), activation=activation, **rest,
    )  # fmt: skip


def dense(channels: int, size: int, out: int, *, bits: int = 32) -> LayerSpec:
    return LayerSpec(
        kind=Kind.LINEAR, in_channels=channels, in_size=(size, size), out_channels=out,
        flatten=size > 1, output_bits=bits,
    )  # fmt: skip


def op(spec: LayerSpec, seed: int = 0, *, gain: float = 1.0, bias: bool = True) -> LayerOp:
    """Random weights that keep the size of the signal, times ``gain``."""
    shape = spec.weight_shape
    if shape is None:
        return LayerOp(spec=spec)
    rng = np.random.default_rng(seed)
    spread = gain * np.sqrt(2 / np.prod(shape[1:]))
    weight = rng.normal(0, spread, shape).astype(np.float32)
    offset = rng.normal(0, 0.1 * gain, shape[0]).astype(np.float32)
    return LayerOp(spec=spec, weight=Tensor(weight), bias=Tensor(offset) if bias else None)


def chain(ops: Sequence[LayerOp], shape: tuple[int, ...] | None = None) -> Network:
    """Layers in a row; values are called x, v0, v1 and so on."""
    names = ["x", *(f"v{k}" for k in range(len(ops)))]
    shapes = [shape or ops[0].spec.in_shape, *(o.spec.out_shape for o in ops)]
    values = [Value(name=n, shape=s, origin=n) for n, s in zip(names, shapes, strict=True)]
    nodes = [
        Node(name=f"layer{k}", op=o, inputs=(names[k],), output=names[k + 1], origin=(f"o{k}",))
        for k, o in enumerate(ops)
    ]
    return Network(
        name="net", values=tuple(values), inputs=("x",), outputs=(names[-1],), nodes=tuple(nodes)
    )


def with_value(network: Network, name: str, **changes: object) -> Network:
    values = [replace(v, **changes) if v.name == name else v for v in network.values]
    return replace(network, values=tuple(values))


def pixels(shape: tuple[int, ...], count: int = 32, seed: int = 1) -> Floats:
    """Inputs as 8-bit pixels give them: multiples of 1/128 in [-1, 127/128]."""
    rng = np.random.default_rng(seed)
    return (rng.integers(-128, 128, (count, *shape)) / 128).astype(np.float32)


def floats_of(network: Network, x: Floats) -> dict[str, Floats]:
    return Session(build_float_model(network), 1).run({network.inputs[0]: x})


def integers_of(network: QuantNetwork, x: Floats) -> dict[str, NDArray[np.generic]]:
    source = network.value(network.input)
    steps = np.clip(np.rint(x.astype(np.float64) / source.scale), -128, 127).astype(np.int8)
    machine = IntegerMachine(build_integer_model(network, all_layers=True), network, threads=1)
    return dict(machine.run(steps.reshape(-1, *source.shape), layers=True).layers)


def sqnr_db(network: Network, result: QuantNetwork, x: Floats, name: str) -> float:
    real = floats_of(network, x)[name].astype(np.float64)
    found = integers_of(result, x)[name] * result.value(name).scale
    return 10 * float(np.log10(np.square(real).mean() / np.square(found - real).mean()))


def codes(error: pytest.ExceptionInfo[UsageError] | pytest.ExceptionInfo[ModelError]) -> list[str]:
    return [diagnostic.code for diagnostic in error.value.diagnostics]


def small() -> Network:
    return chain([op(conv(3, 8, 8)), op(conv(8, 8, 8), 1), op(dense(8, 8, 5), 2)])


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


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("span", [128, 100, 40])
def test_pixels_keep_their_grid(span: int) -> None:
    """Dark images do not change the scale of the input."""
    rng = np.random.default_rng(0)
    data = (rng.integers(-span, span, (8, 3, 8, 8)) / 128).astype(np.float32)
    assert quantize(small(), data).value("x").scale == 1 / 128


def test_integer_input() -> None:
    data = pixels((3, 8, 8)) * 128
    assert quantize(small(), data).value("x").scale == 1


def test_other_input_gets_its_range() -> None:
    data = np.random.default_rng(0).uniform(-3, 3, (16, 3, 8, 8)).astype(np.float32)
    assert quantize(small(), data).value("x").scale == pytest.approx(3 / 127.5, rel=0.02)


def test_input_in_the_shape_of_its_first_reader() -> None:
    network = chain([op(conv(1, 4, 6)), op(dense(4, 6, 3))], shape=(36,))
    result = quantize(network, pixels((36,)))
    assert result.value("x").shape == (1, 6, 6)
    assert result.value("x").model_shape == (36,)
    assert sqnr_db(network, result, pixels((36,), seed=2), "v1") > 30


# --- declared ranges ------------------------------------------------------------------------------


@pytest.mark.parametrize("scales", [(1 / 128, 1 / 32, 1 / 16), (0.0071, 0.0313, 0.0419)])
@pytest.mark.parametrize("calibrated", [False, True])
def test_declared_scales_are_kept(scales: tuple[float, float, float], calibrated: bool) -> None:
    network = small()
    for name, scale in zip(("x", "v0", "v1"), scales, strict=True):
        network = with_value(network, name, declared=Range(scale=scale))
    data = pixels((3, 8, 8))
    result = quantize(network, data if calibrated else None)
    assert tuple(result.value(name).scale for name in ("x", "v0", "v1")) == scales
    assert sqnr_db(network, result, data, "v2") > 28
    qualities = [layer.quality for layer in result.layers]
    assert all((q is not None and q.sqnr_db is not None) == calibrated for q in qualities)


def test_weights_on_a_grid_stay_as_they_are() -> None:
    """A network trained with this arithmetic in mind is reproduced to the bit."""
    spec = conv(3, 4, 6)
    rng = np.random.default_rng(0)
    weight = rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8)
    bias = rng.integers(-60, 60, 4).astype(np.int8)
    layer = LayerOp(
        spec=spec,
        weight=Tensor(weight.astype(np.float32) / 512),
        bias=Tensor(bias.astype(np.float32) / 512),
    )
    network = chain([layer])
    for name in ("x", "v0"):
        network = with_value(network, name, declared=Range(scale=1 / 128))
    (found,) = quantize(network, None).layers
    assert found.weight == Tensor(weight)
    assert found.bias == Tensor(bias)
    assert found.shift == -2


def test_weights_on_a_grid_stay_as_they_are_in_front_of_the_accumulator() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(-100, 100, (4, 6, 1, 1)).astype(np.int8)
    layer = LayerOp(spec=dense(6, 1, 4), weight=Tensor(weight.astype(np.float32) / 256))
    result = quantize(chain([layer]), pixels((6, 1, 1)))
    assert result.layers[0].weight == Tensor(weight)
    assert result.value("v0").scale == 1 / 128 / 256


def test_unknown_ranges_ask_for_calibration() -> None:
    network = with_value(small(), "v0", declared=Range(scale=1 / 32))
    with pytest.raises(UsageError) as raised:
        quantize(network, None)
    assert codes(raised) == ["MX3002"]
    assert raised.value.diagnostics[0].where == "x, v1"
    assert "--calib" in raised.value.diagnostics[0].fix


def test_guessed_ranges_are_enough_to_place_a_network() -> None:
    network = with_value(small(), "v0", declared=Range(scale=1 / 32))
    result = quantize(network, None, QuantizeOptions(guess_ranges=True))
    measured = quantize(network, pixels((3, 8, 8)))
    assert [layer.spec for layer in result.layers] == [layer.spec for layer in measured.layers]
    assert [value.shape for value in result.values] == [value.shape for value in measured.values]
    assert result.value("v0").scale == 1 / 32


@pytest.mark.parametrize("calibrated", [False, True])
def test_asymmetric_range_keeps_its_bounds(calibrated: bool) -> None:
    """0..255 steps of 1/64, as unsigned activations are declared, in 127 steps."""
    network = with_value(small(), "v0", declared=Range(scale=1 / 64, zero_point=-128))
    for name, scale in (("x", 1 / 128), ("v1", 1 / 32)):
        network = with_value(network, name, declared=Range(scale=scale))
    data = pixels((3, 8, 8))
    result = quantize(network, data if calibrated else None)
    if not calibrated:
        assert result.value("v0").scale == pytest.approx(255 / 64 / 127)
    assert [(note.rule, note.exact) for note in result.rewrites] == [("symmetric-range", False)]
    assert sqnr_db(network, result, data, "v2") > 28


def test_declared_range_saturates_as_in_training() -> None:
    """What a quantized model cuts off is no error, and biases do not try to mend it."""
    plain = chain([op(conv(3, 8, 8), gain=4)])
    network = with_value(plain, "v0", declared=Range(scale=1 / 128))
    data = pixels((3, 8, 8))
    (layer,) = quantize(network, data).layers
    assert layer.quality is not None
    assert layer.quality.saturated is not None
    assert layer.quality.sqnr_db is not None
    assert layer.quality.saturated > 0.2
    assert layer.quality.sqnr_db > 30


def test_absurd_declared_scale_is_refused() -> None:
    network = with_value(small(), "v1", declared=Range(scale=1e-9))
    with pytest.raises(ModelError) as raised:
        quantize(network, pixels((3, 8, 8)))
    assert codes(raised) == ["MX3013"]
    assert raised.value.diagnostics[0].where == "layer1"


# --- clips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(-1.0, 127 / 128), (0.0, 6.0), (0.0, 1.0), (-1.0, 1.0)])
@pytest.mark.parametrize("calibrated", [False, True])
def test_clip_becomes_saturation(low: float, high: float, calibrated: bool) -> None:
    activation = Activation.NONE if low < 0 else RELU
    network = chain([op(conv(3, 8, 8, activation=activation), gain=20 * high)])
    network = with_value(network, "v0", clip=(low, high))
    network = with_value(network, "x", declared=Range(scale=1 / 128))
    data = pixels((3, 8, 8))
    result = quantize(network, data if calibrated else None)
    assert result.value("v0").scale == pytest.approx(high / 127, rel=1e-9)
    found = integers_of(result, data)["v0"]
    assert float((found == 127).mean()) > 0.2
    assert sqnr_db(network, result, data, "v0") > 30


def test_clip_far_above_the_data_costs_no_resolution() -> None:
    """ReLU6 on values below 0.5."""
    network = chain([op(conv(3, 8, 8), gain=0.1)])
    network = with_value(network, "v0", clip=(0.0, 6.0))
    data = pixels((3, 8, 8))
    result = quantize(network, data)
    assert result.value("v0").scale < 1 / 127
    assert sqnr_db(network, result, data, "v0") > 35


def test_clip_below_the_data_is_not_lost() -> None:
    """A layer behind the clip depends on it: most outputs would be far larger without."""
    network = chain([op(conv(3, 8, 8), gain=30), op(dense(8, 8, 4), 1)])
    network = with_value(network, "v0", clip=(0.0, 1.0))
    result = quantize(network, pixels((3, 8, 8)))
    assert sqnr_db(network, result, pixels((3, 8, 8), seed=4), "v1") > 28


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


# --- shared scales --------------------------------------------------------------------------------


def residual() -> Network:
    """x -> a -> b; (a + b) convolved to c; max pooling to d; (d + d') to e, dense."""
    add = Eltwise(function=EltwiseFunction.ADD)
    a, b = op(conv(3, 8, 8)), op(conv(8, 8, 8, activation=Activation.NONE), 1)
    c = op(conv(8, 8, 8, eltwise=add, operands=2), 2)
    pool = Pool(kind=PoolKind.MAX, size=(2, 2), stride=2)
    d = LayerOp(
        spec=LayerSpec(
            kind=Kind.PASSTHROUGH, in_channels=8, in_size=(8, 8), out_channels=8, pool=pool
        )
    )
    e = LayerOp(
        spec=LayerSpec(
            kind=Kind.PASSTHROUGH, in_channels=8, in_size=(8, 8), out_channels=8, pool=pool,
            eltwise=Eltwise(function=EltwiseFunction.SUB), operands=2,
        )
    )  # fmt: skip
    f = op(dense(8, 4, 3), 3)
    wiring = {
        "a": (a, ("x",)), "b": (b, ("a",)), "c": (c, ("a", "b")), "d": (d, ("c",)),
        "e": (e, ("c", "b")), "f": (f, ("e",)),
    }  # fmt: skip
    shapes = {"x": (3, 8, 8)} | {name: o.spec.out_shape for name, (o, _) in wiring.items()}
    return Network(
        name="residual",
        values=tuple(Value(name=n, shape=s, origin=n) for n, s in shapes.items()),
        inputs=("x",),
        outputs=("d", "f"),
        nodes=tuple(
            Node(name=n, op=o, inputs=i, output=n, origin=(n,)) for n, (o, i) in wiring.items()
        ),
    )


def test_operands_share_a_scale() -> None:
    network, data = residual(), pixels((3, 8, 8))
    result = quantize(network, data)
    assert len({result.value(name).scale for name in "abcde"}) == 1
    fresh = pixels((3, 8, 8), seed=8)
    for name in "cdef":
        assert sqnr_db(network, result, fresh, name) > 25


def test_of_conflicting_declarations_the_largest_counts() -> None:
    network = with_value(residual(), "a", declared=Range(scale=1 / 32))
    network = with_value(network, "b", declared=Range(scale=1 / 64))
    result = quantize(network, pixels((3, 8, 8)))
    assert {result.value(name).scale for name in "abcde"} == {1 / 32}
    (note,) = [r for r in result.rewrites if r.rule == "common-scale"]
    assert not note.exact
    assert note.text.startswith("b: one step is 0.03125 instead of the declared 0.015625")


def test_bitwise_operators_have_no_float_meaning() -> None:
    network = residual()
    nodes = list(network.nodes)
    spec = replace(nodes[4].op.spec, eltwise=Eltwise(function=EltwiseFunction.XOR))
    nodes[4] = replace(nodes[4], op=LayerOp(spec=spec))
    with pytest.raises(ModelError) as raised:
        quantize(replace(network, nodes=tuple(nodes)), pixels((3, 8, 8)))
    assert codes(raised) == ["MX3001"]
    assert raised.value.diagnostics[0].where == "e"


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


# --- calibration data that cannot be right --------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (pixels((8, 8, 3)), "MX3003"),
        (pixels((3, 8, 8))[0], "MX3003"),
        (pixels((3, 8, 8))[:0], "MX3003"),
        (np.float32(1), "MX3003"),
        (pixels((3, 8, 8)).astype(np.complex64), "MX3004"),
        (np.where(pixels((3, 8, 8)) > 0.9, np.nan, 0.1), "MX3005"),
        (np.where(pixels((3, 8, 8)) > 0.9, np.inf, 0.1), "MX3005"),
        (pixels((3, 8, 8)).astype(np.float64) * 1e300, "MX3005"),
        (np.full((4, 3, 8, 8), 0.5, np.float32), "MX3006"),
        (pixels((3, 8, 8)) * np.float32(1e20), "MX3007"),
        (pixels((3, 8, 8)) * np.float32(1e-20), "MX3007"),
    ],
)
def test_bad_calibration_data(data: NDArray[np.generic], code: str) -> None:
    with pytest.raises(UsageError) as raised:
        quantize(small(), np.asarray(data))
    assert codes(raised) == [code]
    assert raised.value.exit_code == 2
    assert raised.value.diagnostics[0].fix


@pytest.mark.parametrize(("factor", "code"), [(128.0, "MX3008"), (1 / 128, "MX3009")])
def test_data_in_other_units_than_the_declared_input(factor: float, code: str) -> None:
    network = with_value(small(), "x", declared=Range(scale=1 / 128))
    with pytest.raises(UsageError) as raised:
        quantize(network, pixels((3, 8, 8)) * np.float32(factor))
    assert codes(raised) == [code]


def test_data_that_the_first_clip_cuts_off() -> None:
    """Pixels as 0..255 for a network that was trained with -1..1."""
    network = with_value(chain([op(conv(3, 8, 8)), op(dense(8, 8, 4))]), "v0", clip=(0.0, 1.0))
    data = pixels((3, 8, 8))
    quantize(network, data)
    with pytest.raises(UsageError) as raised:
        quantize(network, data * 128 + 128)
    assert codes(raised) == ["MX3011"]
    assert "v0" in raised.value.diagnostics[0].what


def test_float_network_that_overflows() -> None:
    network = chain([op(conv(3, 4, 6), gain=1e30), op(conv(4, 4, 6), gain=1e30)])
    with pytest.raises(UsageError) as raised:
        quantize(network, pixels((3, 6, 6)))
    assert codes(raised) == ["MX3010"]
    assert raised.value.diagnostics[0].where == "v1"


def test_several_inputs() -> None:
    network = residual()
    extra = Value(name="x2", shape=(3, 8, 8), origin="x2")
    network = replace(network, values=(*network.values, extra), inputs=("x", "x2"))
    with pytest.raises(ModelError) as raised:
        quantize(network, pixels((3, 8, 8)))
    assert codes(raised) == ["MX3014"]
