"""The real numbers behind a layer's integers: what is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.post import FRACTION_BITS
from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork

Floats = NDArray[np.float32]

BIAS_STEP = 1 << FRACTION_BITS
"""Accumulator steps of one step of a bias."""
MARGIN = 0.45
"""How far a number starts from its integer at most, so that it is rounded to it."""
_FOREIGN = 0.1
"""With more weights than this elsewhere, float weights are not those that were quantized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """One layer's parameters in the float network's units.

    Attributes:
        weight: real weights, shape of the integer ones; ``round(weight * factor)`` are those.
        bias: real biases (outputs,), or None; ``round(bias * bias_factor)`` are the integer ones.
        factor: integer steps of a weight of one.
        bias_factor: integer steps of a bias of one.
        kept: weights that stay zero (None: none); they are where the layer's form needs zeros.
        constant: the layer does not learn: it copies, sums or averages by constant weights.
    """

    weight: Floats
    bias: Floats | None
    factor: float
    bias_factor: float
    kept: NDArray[np.bool_] | None
    constant: bool


def weight_limits(bits: int) -> tuple[int, int]:
    """Smallest and largest integer of ``bits``."""
    return -(1 << bits - 1), (1 << bits - 1) - 1


def latent_of(network: QuantNetwork, layer: QuantLayer, source: Network | None) -> Latent:
    """What is trained of a layer with weights.

    Args:
        network: the quantized network.
        layer: one of its layers, with weights.
        source: the legalized network that was quantized; its real weights are the start, where they
            lie next to the integers. None: the integers are, and no zero is kept.
    """
    if layer.weight is None:
        raise ValueError(f"{layer.name} has no weights")
    factor, bias_factor = _factors(network, layer)
    integers = layer.weight.array.astype(np.float64)
    op = None if source is None else _layer_op(source, layer)
    weight = _near(integers, None if op is None or op.weight is None else op.weight.array, factor)
    bias = None
    if layer.bias is not None:
        whole = layer.bias.array.astype(np.float64)
        real = None if op is None or op.bias is None else op.bias.array
        bias = _near(whole, real, bias_factor)
    kept = None
    if op is not None and op.weight is not None:
        zeros = (op.weight.array == 0) & (integers == 0)
        kept = zeros if zeros.any() else None
    return Latent(
        weight=weight,
        bias=bias,
        factor=factor,
        bias_factor=bias_factor,
        kept=kept,
        constant=op is not None and _is_constant(op),
    )


def _factors(network: QuantNetwork, layer: QuantLayer) -> tuple[float, float]:
    """Integer steps per unit of weights and of biases, as the scales around a layer have it."""
    source, step = network.value(layer.inputs[0]).scale, network.value(layer.output).scale
    if layer.spec.output_bits == DATA_BITS:
        step *= 2.0**layer.shift / BIAS_STEP
    return source / step, 1 / (step * BIAS_STEP)


def _layer_op(source: Network, layer: QuantLayer) -> LayerOp | None:
    """The real layer, if its parameters have the form of the integer ones."""
    producer = source.producer(layer.output)
    if producer is None or not isinstance(producer.op, LayerOp):
        return None
    weight = producer.op.weight
    same = weight is not None and layer.weight is not None and weight.shape == layer.weight.shape
    return producer.op if same else None


def _near(integers: NDArray[np.float64], real: NDArray[np.generic] | None, factor: float) -> Floats:
    """Real numbers that are rounded to ``integers``, as close to ``real`` as that allows."""
    steps = integers
    if real is not None:
        wished = real.astype(np.float64) * factor
        bounded = np.clip(wished, integers.min(initial=0), integers.max(initial=0))
        if (np.abs(bounded - integers) > 1).mean() <= _FOREIGN:
            steps = np.clip(wished, integers - MARGIN, integers + MARGIN)
    return (steps / factor).astype(np.float32)


def _is_constant(op: LayerOp) -> bool:
    """Whether the weights are one number and zeros, without biases: nobody has trained them."""
    if op.weight is None or (op.bias is not None and op.bias.array.any()):
        return False
    sizes = np.unique(np.abs(op.weight.array))
    used = sizes[sizes > 0]
    return len(used) <= 1 and (len(sizes) > len(used) or op.weight.array.size == 1)
