"""What quantization is said to cost, layer by layer, against other ways to compute it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mxdeploy.errors import UsageError
from mxdeploy.ir.measurement import LayerMeasurement, decibel, histogram
from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, explain_layer, quantize
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s3_quantize.wiring import layer_nodes
from tests.stages.s3_quantize.branching import branching_networks
from tests.stages.s3_quantize.small import (
    Floats,
    chain,
    codes,
    conv,
    dense,
    floats_of,
    integers_of,
    op,
    pixels,
    small,
    with_value,
)

PLAIN = QuantizeOptions(equalize=False, absorb=False, rounding="nearest", measure=True)


def measurement_of(layer: QuantLayer) -> LayerMeasurement:
    assert layer.quality is not None
    assert layer.quality.measurement is not None
    return layer.quality.measurement


def quantized(network: Network, x: Floats, options: QuantizeOptions = PLAIN) -> QuantNetwork:
    return quantize(network, x, options)


def test_nothing_is_measured_unless_asked() -> None:
    x = pixels((3, 8, 8))
    plain = quantize(small(), x, replace(PLAIN, measure=False))
    assert all(layer.quality and layer.quality.measurement is None for layer in plain.layers)
    assert plain.digest == quantized(small(), x).digest


def test_noise_of_a_product_source_by_source() -> None:
    """Two fully connected layers, the second one taken apart in double precision."""
    network = chain([op(dense(4, 4, 12, bits=8)), op(dense(12, 1, 6), 1)])
    x = pixels((4, 4, 4), 64)
    result = quantized(network, x)
    first, second = result.layers
    found = measurement_of(second)
    operation = network.nodes[1].op
    assert isinstance(operation, LayerOp)
    assert operation.weight is not None
    assert operation.bias is not None
    assert second.weight is not None
    assert second.bias is not None
    real = floats_of(network, x)["v1"].reshape(64, 6).astype(np.float64)
    read = integers_of(result, x)["v0"].reshape(64, 12) * result.value("v0").scale
    weight, bias = operation.weight.array.reshape(6, 12), operation.bias.array
    integers = second.weight.array.reshape(6, 12).astype(np.float64)
    step = result.value("v1").scale
    unit = step / result.value("v0").scale
    assert found.weight_scale == pytest.approx(unit)
    ideal = read @ weight.T.astype(np.float64) + bias
    rounded = read @ (integers * unit).T + bias
    whole = read @ (integers * unit).T + second.bias.array.astype(np.float64) * 128 * step
    power = np.square(real).mean()
    noise = found.noise
    for name, difference in (
        ("inherited", ideal - real),
        ("weights", rounded - ideal),
        ("parameters", whole - ideal),
        ("own", whole - ideal),
    ):
        expected = np.square(difference).mean() / power
        assert getattr(noise, name) == pytest.approx(expected, rel=1e-3), name
    assert noise.output < 1e-10
    assert first.quality is not None


def test_the_first_layer_inherits_nothing_and_total_noise_is_its_own() -> None:
    result = quantized(small(), pixels((3, 8, 8)))
    first = result.layers[0]
    found = measurement_of(first)
    assert found.noise.inherited < 1e-10
    assert first.quality is not None
    assert decibel(found.noise.own) == pytest.approx(first.quality.sqnr_db, abs=0.01)


def test_own_and_inherited_noise_bound_the_total() -> None:
    """Roots of mean squares obey the triangle inequality."""
    for layer in quantized(small(), pixels((3, 8, 8))).layers:
        noise = measurement_of(layer).noise
        assert layer.quality is not None
        assert layer.quality.sqnr_db is not None
        total = 10 ** (-layer.quality.sqnr_db / 20)
        own, inherited = np.sqrt(noise.own), np.sqrt(noise.inherited)
        assert abs(own - inherited) - 1e-6 <= total <= own + inherited + 1e-6


def test_what_a_range_cuts_off() -> None:
    """A declared range of +-1 under outputs of several units."""
    network = with_value(small(), "v0", clip=(0.0, 0.5))
    x = pixels((3, 8, 8))
    found = measurement_of(quantized(network, x).layers[0])
    assert found.range_from == "calibration (mse) within the model's clip"
    assert found.reach == (0.0, 0.5)
    unclipped = measurement_of(quantized(small(), x).layers[0])
    real = floats_of(small(), x)["v0"]
    assert unclipped.reach == pytest.approx((real.min(), real.max()))
    assert unclipped.limits is not None
    high = unclipped.limits[1] * (1 + 0.5 / 127)
    assert unclipped.beyond == pytest.approx(float((real > high).mean()), abs=1e-6)
    assert sum(unclipped.outputs.counts) == real.size
    assert sum(unclipped.weights.counts) == 8 * 3 * 9


def test_histograms_count_every_value_once() -> None:
    values = np.array([-9.0, -1.0, -0.1, 0.1, 0.2, 0.9, 7.0])
    assert histogram(values, -1, 1, 4).counts == (2, 1, 2, 2)
    constant = histogram(np.full(5, 3.0), 3.0, 3.0, 3)
    assert (constant.low, constant.high, constant.counts) == (2.5, 3.5, (0, 5, 0))


# --- alternatives --------------------------------------------------------------------------------


def first_sqnr(options: QuantizeOptions, x: Floats) -> float | None:
    layer = quantize(small(), x, options).layers[0]
    assert layer.quality is not None
    return layer.quality.sqnr_db


def test_alternatives_are_what_the_quantizer_itself_would_give() -> None:
    """For the first layer, whose input depends on no decision."""
    x = pixels((3, 8, 8))
    result, name, found = explain_layer(small(), x, PLAIN, "o0")
    assert name == "layer0"
    assert result.digest == quantized(small(), x).digest
    by_way = {(one.decision, one.name): one for one in found}
    for method in ("mse", "max", "percentile", "kl"):
        expected = first_sqnr(replace(PLAIN, method=method), x)
        assert by_way["range", method].sqnr_db == expected
    off = first_sqnr(replace(PLAIN, bias_correction=False), x)
    for name_, expected in (("on", first_sqnr(PLAIN, x)), ("off", off)):
        assert by_way["bias correction", name_].sqnr_db == pytest.approx(expected, abs=0.2)
    widths: tuple[WeightBits, ...] = (8, 4, 2, 1)
    for bits in widths:
        rule = WidthRule(pattern="layer0", bits=bits)
        expected = first_sqnr(replace(PLAIN, widths=(rule,)), x)
        way = by_way["width", "1 bit" if bits == 1 else f"{bits} bits"]
        assert way.sqnr_db == expected
        assert way.weight_bytes == 8 * 3 * 9 * bits // 8
    adaptive = first_sqnr(replace(PLAIN, rounding="adaptive", max_samples=32), x)
    assert by_way["rounding", "adaptive"].sqnr_db == pytest.approx(adaptive, abs=0.5)


def test_the_ways_taken_are_marked() -> None:
    x = pixels((3, 8, 8))
    for target in ("layer0", "layer1", "layer2"):
        result, _, found = explain_layer(small(), x, PLAIN, target)
        layer = next(layer for layer in result.layers if layer.name == target)
        assert layer.quality is not None
        chosen = [one for one in found if one.chosen]
        assert [one.decision for one in chosen] == list(
            dict.fromkeys(one.decision for one in found)
        )
        assert {one.sqnr_db for one in chosen} == {layer.quality.sqnr_db}
        assert {one.biases_cut for one in chosen} == {layer.quality.bias_saturated}


def test_a_scale_that_the_model_imposes_is_not_open() -> None:
    """An output of 32 bits has no range and no shift."""
    _, _, found = explain_layer(small(), pixels((3, 8, 8)), PLAIN, "layer2")
    assert {one.decision for one in found} == {"bias correction", "rounding", "width"}
    assert all(one.shift is None and one.saturated is None for one in found)


def test_a_layer_that_is_not_there() -> None:
    network = small()
    x = pixels((3, 8, 8))
    with pytest.raises(UsageError) as raised:
        explain_layer(network, x, PLAIN, "laye0")
    assert codes(raised) == ["MX3041"]
    assert "layer0" in raised.value.diagnostics[0].fix


def test_a_node_that_became_two_layers() -> None:
    first, second, third = small().nodes
    network = replace(small(), nodes=(first, replace(second, origin=("o0",)), third))
    with pytest.raises(UsageError) as raised:
        explain_layer(network, pixels((3, 8, 8)), PLAIN, "o0")
    assert codes(raised) == ["MX3042"]
    assert "layer0, layer1" in raised.value.diagnostics[0].fix


def test_narrow_layers_are_compared_with_what_they_are() -> None:
    network = chain([op(conv(3, 8, 8)), op(conv(8, 8, 8), 1), op(dense(8, 8, 5), 2)])
    options = QuantizeOptions(weight_bits=4, max_samples=32)
    _, _, found = explain_layer(network, pixels((3, 8, 8)), options, "layer1")
    assert [one.name for one in found if one.chosen and one.decision == "width"] == ["4 bits"]
    assert [one.name for one in found if one.chosen and one.decision == "rounding"] == ["adaptive"]


@settings(max_examples=10, deadline=None)
@given(network=branching_networks(), data=st.data())
def test_any_layer_of_any_network_can_be_explained(network: Network, data: st.DataObject) -> None:
    """The networks have joins, sums, poolings, copies, and layers that share scales."""
    x = pixels(network.value("x").shape, 16)
    options = QuantizeOptions(
        measure=True, rounding=data.draw(st.sampled_from(["auto", "adaptive"]))
    )
    target = data.draw(st.sampled_from([node.name for node in layer_nodes(network)]))
    result, name, found = explain_layer(network, x, options, target)
    assert name == target
    assert result.digest == quantize(network, x, options).digest
    layer = next(layer for layer in result.layers if layer.name == target)
    assert layer.quality is not None
    for one in found:
        if one.chosen:
            assert one.sqnr_db == pytest.approx(layer.quality.sqnr_db, abs=1e-6)
    measured = [layer for layer in result.layers if layer.weight is not None]
    assert all(measurement_of(layer).noise.own >= 0 for layer in measured)
