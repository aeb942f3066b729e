"""Narrower weights within a memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mxdeploy.chip.max78000.memories import KERNEL_WORD_BYTES as WORD
from mxdeploy.errors import ModelError, UsageError
from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.tensor import Tensor
from mxdeploy.narrowing import kernel_bytes, one_wish, price, quantize_to_size
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, output_noise, quantize
from mxdeploy.stages.s3_quantize.sensitivity import sensitivities
from mxdeploy.width_choice import WeightMemory, weight_memory
from tests.stages.s3_quantize.branching import Draft

OPTIONS = QuantizeOptions()


def chain(*channels: int) -> Network:
    """3x3 convolutions on 4x4 pixels, the last without activation."""
    draft = Draft((channels[0], 4, 4), seed=0)
    name = "x"
    for inputs, outputs in pairwise(channels):
        last = outputs == channels[-1]
        name = draft.layer(
            LayerSpec(
                kind=Kind.CONV2D, in_channels=inputs, in_size=(4, 4), out_channels=outputs,
                kernel=(3, 3), pad=(1, 1), activation=Activation.NONE if last else Activation.RELU,
            ),
            (name,),
        )  # fmt: skip
    return draft.network((name,))


def data(count: int = 64) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, 8, 4, 4)).astype(np.float32)


def widths(network: QuantNetwork) -> list[int]:
    return [layer.weight_bits for layer in network.layers]


NETWORK = chain(8, 16, 16, 5)


def test_noise_grows_with_narrower_weights() -> None:
    for noise in sensitivities(NETWORK, data(), OPTIONS).values():
        assert noise[8] < noise[4] < noise[2]
        assert noise[8] < 1e-3


def test_noise_of_one_layer_is_that_of_the_network() -> None:
    """What is predicted for one narrow layer is what quantizing it so adds, about."""
    noise = sensitivities(NETWORK, data(128), OPTIONS)
    options = QuantizeOptions(widths=(WidthRule(pattern="nv1", bits=2),))
    found = output_noise(quantize(NETWORK, data(128), options))
    whole = output_noise(quantize(NETWORK, data(128), OPTIONS))
    assert found - whole == pytest.approx(noise["nv1"][2], rel=0.5)


@pytest.mark.parametrize("text", ["100%", "60%", "30%"])
def test_weights_stay_within_the_memory(text: str) -> None:
    whole = kernel_bytes(quantize(NETWORK, data(), OPTIONS))
    told: list[str] = []
    result, notes = quantize_to_size(
        NETWORK, data(), OPTIONS, weight_memory(text), lambda _done, _total, what: told.append(what)
    )
    word = 16 * WORD
    assert kernel_bytes(result) < float(text[:-1]) / 100 * whole + len(result.layers) * word
    assert (f"trying weights of {kernel_bytes(result):,} bytes" in told) == bool(notes)
    assert [note.code for note in notes] == ([] if text == "100%" else ["MX3016"])


def test_four_bits_are_half_however_words_fill() -> None:
    """Half of an odd number of words ends within a word, which the layer has for itself."""
    network = chain(8, 13, 5)
    wide, narrow = (quantize(network, data(), QuantizeOptions(weight_bits=bits)) for bits in (8, 4))
    assert 2 * kernel_bytes(narrow) > kernel_bytes(wide)
    result, _ = quantize_to_size(network, data(), OPTIONS, weight_memory("50%"))
    assert kernel_bytes(result) <= kernel_bytes(narrow)
    assert output_noise(result) <= output_noise(narrow)
    strict = WeightMemory(size=kernel_bytes(wide) // 2)
    tight, _ = quantize_to_size(network, data(), OPTIONS, strict)
    assert kernel_bytes(tight) <= kernel_bytes(wide) // 2
    assert min(widths(tight)) < 4


def test_chosen_widths_stay() -> None:
    options = QuantizeOptions(widths=(WidthRule(pattern="nv1", bits=8),))
    result, _ = quantize_to_size(NETWORK, data(), options, weight_memory("70%"))
    assert widths(result)[1] == 8
    assert min(widths(result)) < 8


def test_too_little_memory() -> None:
    with pytest.raises(ModelError) as raised:
        quantize_to_size(NETWORK, data(), OPTIONS, WeightMemory(size=10))
    assert raised.value.diagnostics[0].code == "MX3020"
    assert "with one bit (0 and -1) each of them loses too much" in str(raised.value)


def test_what_is_as_wide_as_before_has_no_price() -> None:
    """Nothing is quantized to find that out: these data would be refused."""
    same = quantize(NETWORK, data(), OPTIONS)
    assert price(NETWORK, np.full_like(data(), np.nan), OPTIONS, same, "") == ()


def test_no_data() -> None:
    with pytest.raises(UsageError) as raised:
        quantize_to_size(NETWORK, None, OPTIONS, WeightMemory(share=0.5))
    assert raised.value.diagnostics[0].code == "MX3019"


def test_one_wish_only() -> None:
    one_wish(fit=True, memory=None, drop=None)
    with pytest.raises(UsageError) as raised:
        one_wish(fit=True, memory="50%", drop=None)
    assert raised.value.diagnostics[0].code == "MX3022"


def test_layers_that_share_a_node_have_widths_of_their_own() -> None:
    """A layer may be named like an ONNX node that another layer comes from, too."""
    nodes = [replace(node, origin=("nv1",)) for node in NETWORK.nodes]
    shared = replace(NETWORK, nodes=tuple(nodes))
    whole = kernel_bytes(quantize(shared, data(), OPTIONS))
    for share in (0.6, 0.4):
        result, _ = quantize_to_size(shared, data(), OPTIONS, WeightMemory(share=share))
        assert kernel_bytes(result) < share * whole + len(result.layers) * 16 * WORD
    assert len(set(widths(result))) > 1


def with_two_values(network: Network, name: str) -> Network:
    """The network with weights of 0 or one negative number in a layer, and large biases."""
    weight = -0.03 * np.random.default_rng(3).integers(0, 2, (16, 16, 3, 3)).astype(np.float32)
    nodes = [
        replace(node, op=replace(node.op, weight=Tensor(weight), bias=Tensor(np.full(16, 2.0))))
        if node.name == name and isinstance(node.op, LayerOp)
        else node
        for node in network.nodes
    ]
    return replace(network, nodes=tuple(nodes))


def test_one_bit_where_nothing_is_lost() -> None:
    """Such weights need no more than one bit, which the chip takes for 0 and -1."""
    network = with_two_values(NETWORK, "nv1")
    noise = sensitivities(network, data(), OPTIONS)
    assert 1 not in noise["nv2"]
    assert noise["nv1"][1] < 1e-3
    whole = quantize(network, data(), OPTIONS)
    two_bits = QuantizeOptions(weight_bits=2)
    least = kernel_bytes(quantize(network, data(), two_bits))
    result, _ = quantize_to_size(network, data(), OPTIONS, WeightMemory(size=least - 1))
    assert 1 == widths(result)[1] < min(widths(result)[0], widths(result)[2])
    assert output_noise(result) < output_noise(whole) + 1e-3
