"""Scales of values: of the input, declared, from clips, shared by operands."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.errors import ModelError, UsageError
from mxdeploy.ir.network import LayerOp, Range
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from tests.stages.s3_quantize.small import (
    RELU,
    chain,
    codes,
    conv,
    dense,
    integers_of,
    op,
    pixels,
    residual,
    small,
    sqnr_db,
    with_value,
)

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


# --- shared scales --------------------------------------------------------------------------------


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
