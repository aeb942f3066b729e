"""How much the network's outputs suffer when the weights of one layer alone become narrower.

Measured on calibration data in the float network: the layer's weights are rounded as they would be
(fitted to what the layer reads), everything else stays. Errors of different layers hardly depend
on each other, so that those of several add up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.adaptive import AdaptiveWeights, samples_of
from mxdeploy.stages.s3_quantize.bounds import with_bounds
from mxdeploy.stages.s3_quantize.calibration import (
    GLANCE,
    Calibration,
    Extent,
    LayerSeen,
    calibrate,
    check_data,
)
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.equalization import equalized, traffic_of
from mxdeploy.stages.s3_quantize.float_model import (
    build_float_model,
    build_probe_model,
    operand_name,
)
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX
from mxdeploy.stages.s3_quantize.layer_graph import features_of
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, WeightBits
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s3_quantize.weights import (
    BIAS_STEP,
    Statistics,
    WeightProblem,
    choose_wide,
    extremes_and_some,
)
from mxdeploy.stages.s3_quantize.widths import layer_widths
from mxdeploy.stages.s3_quantize.wiring import layer_nodes, layer_of

FloatArray = NDArray[np.float32]
Noise = Mapping[WeightBits, float]

_Weights = AdaptiveWeights | WeightProblem

WIDTHS: tuple[WeightBits, ...] = (8, 4, 2)
"""Widths that are measured; one bit (0 and -1) is for networks trained so."""
_EXTENT = Extent(samples=96, elements=1 << 18, widest=1 << 22)
"""Weights are fitted to these samples."""
_ROWS = 4096
"""Samples of a layer that they are fitted to."""


def sensitivities(
    network: Network,
    calibration: NDArray[np.generic],
    options: QuantizeOptions,
    on_step: Callable[[int, int, str], None] = lambda _done, _total, _text: None,
) -> dict[str, Noise]:
    """Noise in the outputs, relative to their power, by layer with weights and width.

    Args:
        network: legalized.
        calibration: representative inputs, as for ``quantize``.
        options: what the user chose.
        on_step: told how many layers are done, of how many, and which comes now.

    Raises:
        UsageError: the calibration data are unusable.
    """
    network = with_bounds(network)
    data = check_data(network.value(network.inputs[0]), calibration)
    if options.equalize:
        glance = calibrate(network, data, GLANCE, options.threads)
        narrow = replace(options, weight_bits=4)
        network = equalized(network, traffic_of(network, glance), layer_widths(network, narrow))
    probe = _Probe(network, calibrate(network, data, _EXTENT, options.threads), options)
    nodes = [node for node in layer_nodes(network) if layer_of(node).weight is not None]
    found = {}
    for place, node in enumerate(nodes):
        on_step(place, len(nodes), f"noise of narrow weights in {node.name}")
        found[node.name] = probe.noise(node)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Probe:
    """The float network, the calibration data, and what the outputs should be."""

    network: Network
    calibration: Calibration
    options: QuantizeOptions

    def noise(self, node: Node) -> Noise:
        """Noise in the outputs when ``node`` alone has weights of each width."""
        op = layer_of(node)
        if is_copy(op):
            return dict.fromkeys(WIDTHS, 0.0)
        weights = self._weights(node)
        wanted = self._outputs(self.network)
        return {bits: self._noise(wanted, node, weights.at_width(bits)) for bits in WIDTHS}

    def _weights(self, node: Node) -> _Weights:
        spec, seen = layer_of(node).spec, self.calibration.layers[node.output]
        inputs = {self.network.inputs[0]: self.calibration.data}
        name = operand_name(node.output)
        operand = Session(build_probe_model(self.network), self.options.threads).run(
            inputs, [name]
        )[name]
        step = float(np.abs(operand).max(initial=0.0)) / DATA_MAX or 1.0
        problem = _problem(node, seen, step)
        if self.options.rounding == "nearest":
            return problem
        shaped = operand.reshape(len(operand), spec.in_channels, *spec.pooled_size)
        samples = samples_of(spec, shaped / np.float32(step), seen, step).some(_ROWS)
        return AdaptiveWeights(problem, samples, wide=True)

    def _noise(self, wanted: list[FloatArray], node: Node, weights: _Weights) -> float:
        narrow = replace(node, op=_rounded(layer_of(node), weights))
        nodes = tuple(narrow if other is node else other for other in self.network.nodes)
        found = self._outputs(replace(self.network, nodes=nodes))
        total = 0.0
        for output, target in zip(found, wanted, strict=True):
            power = float(np.square(target).mean(dtype=np.float64))
            error = float(np.square(output - target).mean(dtype=np.float64))
            total += error / power if power > 0 else error
        return total

    def _outputs(self, network: Network) -> list[FloatArray]:
        session = Session(build_float_model(network), self.options.threads)
        names = list(network.outputs)
        found = session.run({network.inputs[0]: self.calibration.data}, names)
        return [found[name] for name in names]


def _problem(node: Node, seen: LayerSeen, step: float) -> WeightProblem:
    op = layer_of(node)
    if op.weight is None:
        raise ValueError(f"{node.name} has no weights")
    low = 0.0 if op.spec.activation is Activation.RELU else -np.inf
    return WeightProblem(
        features=features_of(op.spec, op.weight.array.astype(np.float32)),
        bias=None if op.bias is None else op.bias.array.astype(np.float64),
        statistics=Statistics(
            mean=seen.mean,
            variance=seen.variance,
            active=seen.active,
            raw=extremes_and_some(seen.raw),
        ),
        limits=(low, np.inf),
        input_scale=step,
        bits=8,
    )


def _rounded(op: LayerOp, weights: _Weights) -> LayerOp:
    """The layer with weights and biases as their rounding leaves them, in real numbers."""
    # Plain rounding shows well enough which scale is good, and much faster.
    plain = weights.problem if isinstance(weights, AdaptiveWeights) else weights
    factor = choose_wide(plain).factor
    integers = (
        weights.fitted(factor) if isinstance(weights, AdaptiveWeights) else weights.integers(factor)
    )
    real = (integers / np.float32(factor)).reshape(op.spec.weight_shape or ())
    wanted = weights.wanted_bias(factor, integers)
    bias = op.bias
    if wanted is not None:
        unit = BIAS_STEP * weights.input_scale / factor
        limited = np.clip(np.rint(wanted), -DATA_MAX - 1, DATA_MAX)
        bias = Tensor((limited * unit).astype(np.float32))
    return replace(op, weight=Tensor(real.astype(np.float32)), bias=bias)
