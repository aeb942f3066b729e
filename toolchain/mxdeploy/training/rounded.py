"""What training with the chip's arithmetic begins with: a trained network, and its integers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mxdeploy.arith.head import apply_head
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.network import Network
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.recipe import AwareSection
from mxdeploy.training.answers import as_taken, takes_channels_last
from mxdeploy.training.material import Material

if TYPE_CHECKING:
    from mxdeploy.stages.s0_train.loop import Teacher
    from mxdeploy.stages.s0_train.processes import Device

_CALIBRATION = 1024
"""Training examples that choose the scales."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rounded:
    """A network before and after its numbers were rounded, in a form that fits on the chip.

    Attributes:
        source: legalized, with real weights (of a model that holds integers: theirs).
        integers: what it was rounded to.
        finest: the same with 8-bit weights, behind which the very weights of ``source`` lie; None
            if nobody wants to know the network as it was, or it cannot be known.
    """

    source: Network
    integers: QuantNetwork
    finest: QuantNetwork | None


def rounded(model: Path, material: Material, section: AwareSection) -> Rounded:
    """Import, legalize and quantize a model as ``build`` does it.

    Raises:
        UsageError: the model is unreadable, or does not suit the examples.
        ModelError: it cannot be built for the chip with these widths.
    """
    from mxdeploy.pipeline import Legalized, first_that_fits
    from mxdeploy.stages.s3_quantize import (
        QuantizeOptions,
        WidthRule,
        quantize,
        quantize_with_source,
    )
    from mxdeploy.stages.s4_map import map_network
    from mxdeploy.trace import Trace

    rules = tuple(WidthRule(pattern=name, bits=bits) for name, bits in section.layers.items())
    options = QuantizeOptions(weight_bits=section.weight_bits, widths=rules)
    fine = QuantizeOptions(equalize=False, absorb=False, rounding="nearest", measure=False)

    def place(legalized: Legalized) -> Rounded:
        network = legalized.network
        channels_last = takes_channels_last(network, material.shape)
        if network.input_shape != material.shape and not channels_last:
            raise UsageError(_other_shape(model, network.input_shape, material.shape))
        if legalized.integers is not None:
            map_network(legalized.integers)
            return Rounded(source=network, integers=legalized.integers, finest=None)
        inputs = as_taken(_calibration(material), channels_last=channels_last)
        data = apply_head(network.head, inputs)
        source, integers = quantize_with_source(network, data, options)
        map_network(integers)
        finest = quantize(source, data, fine) if section.distill else None
        return Rounded(source=source, integers=integers, finest=finest)

    found = first_that_fits(model, Objective.LATENCY, Trace(), place)
    classes = material.classes or found.integers.classes
    return replace(found, integers=replace(found.integers, classes=classes))


def teacher_of(
    network: Rounded, section: AwareSection, material: Material, device: Device
) -> Teacher | None:
    """The network before its numbers were rounded, if it is to be imitated and is known."""
    from mxdeploy.stages.s0_train.loop import Teacher
    from mxdeploy.stages.s0_train.qat import trainable_network

    if network.finest is None:
        return None
    module = trainable_network(network.finest, network.source).to(device).eval()
    module.channels_last = takes_channels_last(network.finest, material.shape)
    return Teacher(answer=module.unrounded, share=section.distill)


def _calibration(material: Material) -> np.ndarray[Any, np.dtype[np.float32]]:
    from mxdeploy.stages.s0_train.samples import in_units

    step = -(-len(material.train) // _CALIBRATION)
    inputs = in_units(material.train.inputs[::step], material.scale)
    return np.asarray(inputs.numpy(), np.float32)


def _other_shape(model: Path, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Diagnostic:
    return Diagnostic(
        code="MX0080",
        where=str(model),
        what=f"takes inputs of {list(shape)}",
        why=f"the examples have {list(wanted)}",
        fix="give data of the model's size: --set data.image_size, --set data.channels",
    )
