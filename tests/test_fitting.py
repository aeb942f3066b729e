"""Narrower weights until a network fits: the fewest layers, the price told."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mxdeploy.errors import ModelError
from mxdeploy.fitting import Step, fitting_steps, quantize_to_fit, with_steps
from mxdeploy.ir.network import Network
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, quantize
from mxdeploy.stages.s4_map import map_network
from tests.stages.s3_quantize.branching import Draft

OPTIONS = QuantizeOptions()


def wide(*channels: int, copies: bool = False) -> Network:
    """3x3 convolutions with these channels on 4x4 pixels: 9 bytes for each pair."""
    draft = Draft((channels[0], 4, 4), seed=0)
    name = "x"
    for inputs, outputs in pairwise(channels):
        spec = LayerSpec(
            kind=Kind.CONV2D, in_channels=inputs, in_size=(4, 4), out_channels=outputs,
            kernel=(3, 3), pad=(1, 1), activation=Activation.RELU,
        )  # fmt: skip
        if copies and inputs == outputs:
            weight = np.zeros(spec.weight_shape, np.float32)
            weight[range(outputs), range(outputs), 1, 1] = 1
            name = draft.copying(spec, weight, name)
        else:
            name = draft.layer(spec, (name,))
    return draft.network((name,))


def fits(network: Network, options: QuantizeOptions) -> bool:
    try:
        map_network(quantize(network, None, replace(options, guess_ranges=True)))
    except ModelError:
        return False
    return True


def data_for(network: Network) -> np.ndarray:
    shape = network.value("x").shape
    return np.random.default_rng(0).uniform(-1, 1, (4, *shape)).astype(np.float32)


def test_what_fits_stays_as_it_is() -> None:
    network = wide(16, 16, 16)
    assert fitting_steps(network, OPTIONS) == ()
    data = data_for(network)
    result, notes = quantize_to_fit(network, data, OPTIONS)
    assert result == quantize(network, data, OPTIONS)
    assert notes == ()


def test_the_fewest_layers_the_largest_first() -> None:
    """512 KiB of weights at 8 bits: one of the larger layers at 4 bits is not enough, two are."""
    network = wide(64, 128, 128, 128, 128, 64)
    assert not fits(network, OPTIONS)
    steps = fitting_steps(network, OPTIONS)
    assert steps == (Step("nv1", 4), Step("nv2", 4))
    assert fits(network, with_steps(OPTIONS, steps))
    assert not fits(network, with_steps(OPTIONS, steps[:1]))


def test_then_two_bits() -> None:
    network = wide(*[128] * 8)
    steps = fitting_steps(network, OPTIONS)
    assert {step.bits for step in steps} == {4, 2}
    assert [step.layer for step in steps] == [f"nv{k}" for k in range(7)]
    assert fits(network, with_steps(OPTIONS, steps))
    wider = [replace(step, bits=4) for step in steps if step.bits == 2][:1]
    assert not fits(network, with_steps(OPTIONS, [*steps, *wider]))


def test_copies_come_first() -> None:
    """Two bits are enough for them, and lossless."""
    network = wide(64, 128, 128, 128, 128, 64, copies=True)
    assert not fits(network, OPTIONS)
    steps = fitting_steps(network, OPTIONS)
    assert steps == (Step("nv1", 2), Step("nv2", 2))


def test_chosen_widths_stay() -> None:
    network = wide(64, 128, 128, 128, 128, 64)
    options = QuantizeOptions(widths=(WidthRule(pattern="nv1", bits=8),))
    steps = fitting_steps(network, options)
    assert [step.layer for step in steps] == ["nv2", "nv3"]
    assert fits(network, with_steps(options, steps))


def test_the_price_is_told() -> None:
    network = wide(64, 128, 128, 128, 128, 64)
    options = replace(OPTIONS, rounding="nearest")
    result, notes = quantize_to_fit(network, data_for(network), options)
    narrow = [layer.name for layer in result.layers if layer.weight_bits == 4]
    assert sorted(layer.weight_bits for layer in result.layers) == [4, 4, 8, 8, 8]
    assert fits(network, with_steps(OPTIONS, [Step(name, 4) for name in narrow]))
    (note,) = notes
    assert (note.code, note.severity) == ("MX3016", "note")
    assert ", ".join(f"{name}: 4 bits" for name in narrow) in note.what
    assert "442,368 instead of 589,824 bytes" in note.what
    quality = result.layers[-1].quality
    assert quality is not None
    assert quality.sqnr_db is not None
    assert f"becomes {quality.sqnr_db:.1f} dB" in note.why


def test_nothing_helps() -> None:
    """What is in the way at 8 bits is told, and that narrower weights do not mend it."""
    for network in (wide(*[256] * 10), wide(4, 1030)):
        with pytest.raises(ModelError) as raised:
            fitting_steps(network, OPTIONS)
        *first, last = raised.value.diagnostics
        assert first
        assert not any(diagnostic.code.startswith("MX3") for diagnostic in first)
        assert last.code == "MX3017"
