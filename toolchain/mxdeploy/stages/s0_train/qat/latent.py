"""The real numbers behind a layer's integers: what is trained.

Their units are such that one learning rate suits all layers of all networks, whatever their scales:
a layer's weights have a root mean square of ``USUAL``, and a bias of one is the whole range of the
layer's output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.arrays import DATA_MIN
from mxdeploy.arith.post import FRACTION_BITS
from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir.network import LayerOp, Network
from mxdeploy.ir.quantized import QuantLayer, QuantNetwork

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

BIAS_STEP = 1 << FRACTION_BITS
"""Accumulator steps of one step of a bias."""
MARGIN = 0.45
"""How far a number starts from its integer at most, so that it is rounded to it."""
USUAL = 0.1
"""Root mean square of weights to which usual learning rates belong."""
_FOREIGN = 0.1
"""With more weights than this elsewhere, float weights are not those that were quantized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latent:
    """One layer's parameters.

    Attributes:
        weight: float32, shape of the integer weights; those are ``round(weight * factor)``.
        bias: float32 (outputs,), or None; the integer ones are ``round(bias * bias_factor)``.
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
    step, bias_step = _steps(network, layer)
    integers = layer.weight.array.astype(np.float64)
    op = None if source is None else _layer_op(source, layer)
    weight = _near(integers, None if op is None or op.weight is None else op.weight.array, step)
    factor = float(np.sqrt(np.square(weight[weight != 0]).mean())) / USUAL if weight.any() else 1.0
    bias, bias_factor = None, _bias_factor(layer, bias_step)
    if layer.bias is not None:
        whole = layer.bias.array.astype(np.float64)
        real = None if op is None or op.bias is None else op.bias.array
        bias = (_near(whole, real, bias_step) / bias_factor).astype(np.float32)
    kept = None
    if op is not None and op.weight is not None:
        zeros = (op.weight.array == 0) & (integers == 0)
        kept = zeros if zeros.any() else None
    return Latent(
        weight=(weight / factor).astype(np.float32),
        bias=bias,
        factor=factor,
        bias_factor=bias_factor,
        kept=kept,
        constant=op is not None and _is_constant(op),
    )


def _steps(network: QuantNetwork, layer: QuantLayer) -> tuple[float, float]:
    """Real values of one step of a layer's weights and biases, as the scales around it have it."""
    source, step = network.value(layer.inputs[0]).scale, network.value(layer.output).scale
    if layer.spec.output_bits == DATA_BITS:
        step *= 2.0**layer.shift / BIAS_STEP
    return step / source, step * BIAS_STEP


def _bias_factor(layer: QuantLayer, bias_step: float) -> float:
    """Steps of a bias that is the range of the output, or of a real one where there is no range."""
    if layer.spec.output_bits == DATA_BITS:
        return -DATA_MIN / 2.0**layer.shift
    return 1 / bias_step


def _layer_op(source: Network, layer: QuantLayer) -> LayerOp | None:
    """The real layer, if its parameters have the form of the integer ones."""
    producer = source.producer(layer.output)
    if producer is None or not isinstance(producer.op, LayerOp):
        return None
    weight = producer.op.weight
    same = weight is not None and layer.weight is not None and weight.shape == layer.weight.shape
    return producer.op if same else None


def _near(integers: Doubles, real: NDArray[np.generic] | None, step: float) -> Doubles:
    """Numbers that are rounded to ``integers``, as close to ``real / step`` as that allows."""
    if real is None:
        return integers
    wished = real.astype(np.float64) / step
    bounded = np.clip(wished, integers.min(initial=0), integers.max(initial=0))
    if (np.abs(bounded - integers) > 1).mean() > _FOREIGN:
        return integers
    return np.clip(wished, integers - MARGIN, integers + MARGIN)


def _is_constant(op: LayerOp) -> bool:
    """Whether the weights are one number and zeros, without biases: nobody has trained them."""
    if op.weight is None or (op.bias is not None and op.bias.array.any()):
        return False
    sizes = np.unique(np.abs(op.weight.array))
    used = sizes[sizes > 0]
    return len(used) <= 1 and (len(sizes) > len(used) or op.weight.array.size == 1)
