"""Quantization of networks with branches, and of layers that only copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from mxdeploy.ir.network import Network, Range
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Concat
from mxdeploy.ops.head import Pad
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, quantize
from mxdeploy.stages.s3_quantize.float_model import build_float_model
from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s8_run.integer import IntegerMachine
from tests.arithmetic import evaluate
from tests.stages.s3_quantize.branching import Draft, branching_networks, enlarge

Bytes = NDArray[np.int8]


def data_for(network: Network, count: int = 8, seed: int = 0) -> NDArray[np.float32]:
    shape = network.value("x").shape
    steps = np.random.default_rng(seed).integers(-128, 128, (count, *shape))
    return (steps / 128).astype(np.float32)


def random_bytes(network: QuantNetwork, count: int = 4, seed: int = 7) -> Bytes:
    shape = (count, *network.value(network.input).shape)
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)


def layers_of(network: QuantNetwork, x: Bytes) -> dict[str, NDArray[np.generic]]:
    model = build_integer_model(network, all_layers=True)
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    return dict(IntegerMachine(model, network, threads=1).run(x, layers=True).layers)


def conv(
    channels: int, out: int, *, size: int = 4, activation: Activation = Activation.NONE
) -> LayerSpec:
    return LayerSpec(
        kind=Kind.CONV2D, in_channels=channels, in_size=(size, size), out_channels=out,
        kernel=(3, 3), pad=(1, 1), activation=activation,
    )  # fmt: skip


# --- any branches ---------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(network=branching_networks())
def test_integer_model_is_the_arithmetic(network: Network) -> None:
    """Every layer of integer.onnx, and its outputs alone, to the bit."""
    result = quantize(network, data_for(network))
    x = random_bytes(result)
    expected = evaluate(result, x)
    found = layers_of(result, x)
    assert list(found) == [layer.output for layer in result.layers]
    for name, values in found.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)
    machine = IntegerMachine(build_integer_model(result, all_layers=False), result, threads=1)
    outputs = machine.run(x).outputs
    assert [name for name, _ in outputs] == list(network.outputs)
    for name, values in outputs:
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@settings(max_examples=25, deadline=None)
@given(network=branching_networks())
def test_close_to_the_float_network(network: Network) -> None:
    data = data_for(network)
    result = quantize(network, data)
    real = Session(build_float_model(network), 1).run({"x": data})
    steps = np.clip(np.rint(data / result.value("x").scale), -128, 127).astype(np.int8)
    found = layers_of(result, steps.reshape(-1, *result.value("x").shape))
    # Values of very different sizes may share a scale, and differences may be small.
    largest = max(1.0, *(float(np.abs(values).max()) for values in real.values()))
    for layer in result.layers:
        wanted = real[layer.output].astype(np.float64)
        error = found[layer.output] * result.value(layer.output).scale - wanted
        assert float(np.sqrt(np.square(error).mean())) < 0.05 * largest, layer.name


# --- joins ----------------------------------------------------------------------------------------


def joined() -> tuple[Draft, str]:
    """(x, a, b) side by side, read by c and d; a is ten times larger than b."""
    draft = Draft((3, 4, 4), seed=0)
    a = draft.layer(conv(3, 5, activation=Activation.RELU), ("x",))
    b = draft.layer(conv(5, 2), (a,))
    parts = draft.append(Concat(axis=0), ("x", a, b), (10, 4, 4))
    draft.joins.append(parts)
    draft.layer(conv(10, 4), (parts,))
    return draft, draft.layer(conv(10, 6), (parts,))


def test_parts_of_a_join_share_a_scale() -> None:
    draft, last = joined()
    network = draft.network((last, "v0"))
    result = quantize(network, data_for(network))
    (join,) = result.joins
    assert (join.inputs, join.output, join.origin) == (("x", "v0", "v1"), "v2", ("ov2",))
    assert len({result.value(name).scale for name in ("x", "v0", "v1", "v2")}) == 1
    assert result.value("v2").shape == (10, 4, 4)
    qualities = [layer.quality for layer in result.layers]
    assert all(q is not None and q.sqnr_db is not None and q.sqnr_db > 25 for q in qualities)


def test_declared_scale_of_a_join_holds_for_its_parts() -> None:
    draft, last = joined()
    network = draft.network((last,))
    values = [
        replace(v, declared=Range(scale=1 / 32)) if v.name == "v2" else v for v in network.values
    ]
    result = quantize(replace(network, values=tuple(values)), data_for(network))
    assert {result.value(name).scale for name in ("x", "v0", "v1", "v2")} == {1 / 32}


def test_the_input_of_a_join_alone_has_the_shape_of_its_other_parts() -> None:
    """A vector in the model, an image for the layer that reads the join."""
    draft = Draft((1, 4, 4), seed=0)
    parts = draft.append(Concat(axis=0), ("x",), (1, 4, 4))
    network = draft.network((draft.layer(conv(1, 2), (parts,)),))
    values = [replace(v, shape=(1, 16)) if v.name == "x" else v for v in network.values]
    result = quantize(replace(network, values=tuple(values)), data_for(network).reshape(-1, 1, 16))
    assert result.value("x").shape == (1, 4, 4)
    assert result.value("x").model_shape == (1, 16)


def test_steps_of_the_host_stay() -> None:
    draft, last = joined()
    head = (Pad(origin="p", pads=(0, 1, 0, 1)),)
    network = replace(draft.network((last,)), head=head)
    assert quantize(network, data_for(network)).head == head


# --- layers that only copy ------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 4, 2, 1])
@pytest.mark.parametrize("activation", list(Activation))
def test_selection_is_lossless(bits: int, activation: Activation) -> None:
    draft = Draft((5, 4, 4), seed=0)
    weight = np.zeros((3, 5, 3, 3), np.float32)
    weight[0, 4, 1, 1] = weight[1, 2, 1, 1] = weight[2, 0, 1, 1] = 1
    copy = draft.copying(conv(5, 3, activation=activation), weight, "x")
    network = draft.network((copy,))
    options = QuantizeOptions(weight_bits=bits)  # type: ignore[arg-type]
    result = quantize(network, data_for(network), options)
    x = random_bytes(result)
    x[0, :, 0, :2] = -128, 127
    chosen = x[:, [4, 2, 0]].astype(int)
    match activation:
        case Activation.RELU:
            chosen = np.maximum(chosen, 0)
        case Activation.ABS:
            chosen = np.minimum(np.abs(chosen), 127)
        case Activation.NONE:
            pass
    np.testing.assert_array_equal(layers_of(result, x)[copy], chosen)
    assert result.layers[0].weight_bits == max(bits, 2)


@pytest.mark.parametrize("bits", [8, 2])
def test_enlargement_is_lossless(bits: int) -> None:
    draft = Draft((2, 3, 3), seed=0)
    source = draft.layer(conv(2, 2, size=3), ("x",))
    network = draft.network((enlarge(draft, source),))
    options = QuantizeOptions(weight_bits=bits)  # type: ignore[arg-type]
    result = quantize(network, data_for(network), options)
    found = layers_of(result, random_bytes(result))
    expected = found[source].repeat(2, axis=2).repeat(2, axis=3)
    np.testing.assert_array_equal(found[network.outputs[0]], expected)


@pytest.mark.parametrize(
    ("bounds_of_source", "bounds_of_copy", "lossless"),
    [
        (None, None, True),
        ((-1.0, 1.0), None, True),
        ((-1.0, 1.0), (-1.0, 1.0), True),
        ((-1.0, 1.0), (-0.1, 0.1), False),
        (None, (-0.1, 0.1), False),
    ],
)
def test_a_copy_that_the_model_clips_keeps_its_own_scale(
    bounds_of_source: tuple[float, float] | None,
    bounds_of_copy: tuple[float, float] | None,
    lossless: bool,
) -> None:
    draft = Draft((2, 4, 4), seed=0)
    source = draft.layer(conv(2, 2), ("x",))
    weight = np.zeros((2, 2, 3, 3), np.float32)
    weight[0, 1, 1, 1] = weight[1, 0, 1, 1] = 1
    copy = draft.copying(conv(2, 2), weight, source)
    bounds = {source: bounds_of_source, copy: bounds_of_copy}
    network = draft.network((copy,))
    values = tuple(replace(v, clip=bounds.get(v.name)) for v in network.values)
    result = quantize(replace(network, values=values), data_for(network))
    assert (result.value(source).scale == result.value(copy).scale) == lossless


def test_weights_that_add_or_scale_are_no_copies() -> None:
    for change in ({(0, 0, 1, 1): 1.0}, {(0, 1, 1, 1): 0.5}, {(0, 1, 1, 1): -1.0}):
        draft = Draft((2, 4, 4), seed=0)
        source = draft.layer(conv(2, 2), ("x",))
        weight = np.zeros((1, 2, 3, 3), np.float32)
        weight[0, 1, 1, 1] = 1
        for place, number in change.items():
            weight[place] = number
        network = draft.network((draft.copying(conv(2, 1), weight, source),))
        result = quantize(network, data_for(network))
        assert result.value(source).scale != result.value(network.outputs[0]).scale, change


def test_a_copy_with_a_bias_is_a_layer_like_others() -> None:
    draft = Draft((2, 4, 4), seed=0)
    weight = np.zeros((1, 2, 3, 3), np.float32)
    weight[0, 1, 1, 1] = 1
    name = draft.copying(conv(2, 1), weight, "x")
    for offset, lossless in ((0.0, True), (0.3, False)):
        node = draft.nodes[-1]
        bias = Tensor(np.array([offset], np.float32))
        draft.nodes[-1] = replace(node, op=replace(node.op, bias=bias))
        network = draft.network((name,))
        result = quantize(network, data_for(network))
        assert (result.value(name).scale == result.value("x").scale) == lossless
        assert (result.layers[0].bias is None) == lossless


def test_declared_scales_win_over_lossless_copies() -> None:
    draft = Draft((2, 4, 4), seed=0)
    weight = np.zeros((1, 2, 3, 3), np.float32)
    weight[0, 1, 1, 1] = 1
    name = draft.copying(conv(2, 1), weight, "x")
    network = draft.network((name,))
    scales = {"x": 1 / 128, name: 1 / 100}
    values = tuple(replace(v, declared=Range(scale=scales[v.name])) for v in network.values)
    result = quantize(replace(network, values=values), None)
    assert {value.name: value.scale for value in result.values} == scales
