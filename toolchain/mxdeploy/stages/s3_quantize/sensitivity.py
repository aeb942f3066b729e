"""How much the network's outputs suffer when the weights of one layer alone become narrower.

Measured on calibration data as quantization itself would do it: the layer is rounded for its
output, and the layers behind it take up what they can of that. (In the float network, where nothing
takes anything up, the same weights cost ten to a hundred times as much, and not in proportion.)
Errors of different layers hardly depend on each other, so that those of several add up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network, Node
from mxdeploy.stages.s3_quantize.adaptive import AdaptiveWeights
from mxdeploy.stages.s3_quantize.bounds import with_bounds
from mxdeploy.stages.s3_quantize.calibration import (
    GLANCE,
    Extent,
    calibrate,
    check_data,
)
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.equalization import equalized, traffic_of
from mxdeploy.stages.s3_quantize.groups import scale_groups
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, Rounding, WeightBits
from mxdeploy.stages.s3_quantize.quantizer import Quantizer
from mxdeploy.stages.s3_quantize.scales import Scales
from mxdeploy.stages.s3_quantize.stage import output_noise
from mxdeploy.stages.s3_quantize.widths import layer_widths
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_of

Noise = Mapping[WeightBits, float]

WIDTHS: tuple[WeightBits, ...] = (8, 4, 2)
"""Widths that every layer may have."""
TWO_VALUES: WeightBits = 1
"""The width of weights that are 0 or -1; for layers that bear it."""
_BEARABLE = 0.01
"""Noise in the outputs, relative to their power, up to which a layer may have that width."""
_EXTENT = Extent(samples=96, elements=1 << 18, widest=1 << 22)
"""Enough to tell layers apart, and fast."""


def sensitivities(
    network: Network,
    calibration: NDArray[np.generic],
    options: QuantizeOptions,
    on_step: Callable[[int, int, str], None] = lambda _done, _total, _text: None,
) -> dict[str, Noise]:
    """Noise in the outputs, relative to their power, by layer with weights and width.

    It is what the layer adds when all others are as wide as ``options`` say. One bit is among the
    widths of layers that lose next to nothing with it.

    Args:
        network: legalized.
        calibration: representative inputs, as for ``quantize``.
        options: what the user chose.
        on_step: told how many layers are done, of how many, and which comes now.

    Raises:
        UsageError: the calibration data are unusable.
    """
    base = _before_the_first_layer(network, calibration, options)
    nodes = base.network.nodes
    least = output_noise(base.quantizer.fork(base.widths).run())
    found = {}
    for place, node in enumerate(nodes):
        if not is_join(node) and layer_of(node).weight is not None:
            on_step(place, len(nodes), f"noise of narrow weights in {node.name}")
            found[node.name] = _noise(base, node, least)
        base.quantizer.advance()
    return found


class _FastWeights(AdaptiveWeights):
    """The scale is chosen as for plain rounding: well enough, and much faster."""

    def error(self, factor: float) -> float:
        """Mean square error of the output that plain rounding causes."""
        return self.problem.error(factor)


class _FastQuantizer(Quantizer):
    adaptive = _FastWeights


@dataclass(frozen=True, slots=True, eq=False)
class _Base:
    """The network with the widths to start from, fixed up to some layer."""

    network: Network
    quantizer: _FastQuantizer
    widths: Mapping[str, WeightBits]

    def noise(self, node: Node, bits: WeightBits) -> float:
        """Noise in the outputs when ``node`` has that width; infinite if it cannot be made so."""
        try:
            return output_noise(self.quantizer.fork({**self.widths, node.name: bits}).run())
        except ModelError:
            return float("inf")


def _noise(base: _Base, node: Node, least: float) -> Noise:
    """What ``node``, which comes next, adds to the ``least`` noise with each width."""
    if is_copy(layer_of(node)):
        return dict.fromkeys(WIDTHS, 0.0)
    found: dict[WeightBits, float] = {}
    for bits in WIDTHS:
        narrower = bits < base.widths[node.name]
        found[bits] = max(base.noise(node, bits) - least, 0.0) if narrower else 0.0
    if found[WIDTHS[-1]] <= _BEARABLE:
        added = max(base.noise(node, TWO_VALUES) - least, 0.0)
        if added <= _BEARABLE:
            found[TWO_VALUES] = added
    return found


def _before_the_first_layer(
    network: Network, calibration: NDArray[np.generic], options: QuantizeOptions
) -> _Base:
    network = with_bounds(network)
    groups, _ = scale_groups(network, measured=True)
    data = check_data(network.value(network.inputs[0]), calibration)
    if options.equalize:
        glance = calibrate(network, data, GLANCE, options.threads)
        narrow = replace(options, weight_bits=4)
        network = equalized(network, traffic_of(network, glance), layer_widths(network, narrow))
    seen = calibrate(network, data, _EXTENT, options.threads)
    rounding: Rounding = "nearest" if options.rounding == "nearest" else "adaptive"
    options = replace(options, rounding=rounding, measure=False)
    widths = layer_widths(network, options)
    scales = Scales(network, groups, seen, options)
    return _Base(network, _FastQuantizer(network, scales, seen, options, widths), widths)
