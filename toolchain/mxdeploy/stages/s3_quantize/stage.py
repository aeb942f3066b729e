"""Quantization: from the float network to integers, layer by layer in the order of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.stages.s3_quantize import findings
from mxdeploy.stages.s3_quantize.absorption import RULE as ABSORBED
from mxdeploy.stages.s3_quantize.absorption import absorbed
from mxdeploy.stages.s3_quantize.alternatives import Alternative, ExplainingQuantizer
from mxdeploy.stages.s3_quantize.bounds import with_bounds
from mxdeploy.stages.s3_quantize.calibration import (
    BRIEF,
    GLANCE,
    THOROUGH,
    Calibration,
    Extent,
    calibrate,
    check_data,
)
from mxdeploy.stages.s3_quantize.equalization import equalized, traffic_of
from mxdeploy.stages.s3_quantize.groups import ScaleGroup, scale_groups
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, WeightBits
from mxdeploy.stages.s3_quantize.quantizer import Quantizer
from mxdeploy.stages.s3_quantize.scales import Scales
from mxdeploy.stages.s3_quantize.widths import is_adaptive, layer_called, layer_widths

_NOISY_DB = 30
"""Signal to noise of outputs below which more care is taken; most 8-bit networks are above."""

_SILENCE = 1e-15
_WORTHWHILE_DB = 0.1
"""By which outputs must become quieter for constants to be moved between layers."""


def quantize(
    network: Network,
    calibration: NDArray[np.generic] | None,
    options: QuantizeOptions | None = None,
) -> QuantNetwork:
    """Turn a legalized float network into integers.

    Args:
        network: every node is a hardware layer or a join.
        calibration: representative inputs (after ``network.head``), (n, *shape of the input), real
            numbers in the model's own units; None when the model declares its ranges.
        options: what the user chose.

    Returns:
        The integer network; with calibration, every layer says what quantization did to it.

    Raises:
        UsageError: the calibration data are unusable, or needed and missing; a width is given for
            a layer that is not there.
        ModelError: declared ranges that the accelerator cannot represent.
    """
    return quantize_with_source(network, calibration, options)[1]


def quantize_with_source(
    network: Network,
    calibration: NDArray[np.generic] | None,
    options: QuantizeOptions | None = None,
) -> tuple[Network, QuantNetwork]:
    """As :func:`quantize`, and the float network whose numbers were rounded in the end.

    That is ``network`` with its channels equalized; training starts from it.
    """
    start, result = _decided(network, calibration, options or QuantizeOptions())
    result.verify()
    return start.network, result


def explain_layer(
    network: Network,
    calibration: NDArray[np.generic],
    options: QuantizeOptions,
    layer: str,
) -> tuple[QuantNetwork, str, tuple[Alternative, ...]]:
    """As :func:`quantize`, and what could have been decided otherwise about one layer.

    Args:
        network: every node is a hardware layer or a join.
        calibration: representative inputs, as for :func:`quantize`.
        options: what the user chose.
        layer: its name, or the name of an ONNX node in it.

    Returns:
        The integer network, the layer's name, and its alternatives with those chosen marked; none
        for a layer without weights.

    Raises:
        UsageError: there is no such layer, or as :func:`quantize`.
        ModelError: as :func:`quantize`.
    """
    name = layer_called(network, layer)
    start, _ = _decided(network, calibration, options)
    quantizer = ExplainingQuantizer(
        start.network, start.scales(), start.seen, start.options, start.widths
    )
    result, alternatives = quantizer.explain(name)
    result.verify()
    return result, name, alternatives


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """Everything known before the first layer is fixed."""

    network: Network
    groups: tuple[ScaleGroup, ...]
    seen: Calibration | None
    options: QuantizeOptions
    widths: Mapping[str, WeightBits]

    @property
    def is_adaptive(self) -> bool:
        """Whether rounding is for the layers' outputs."""
        return is_adaptive(self.options, self.widths)

    def scales(self) -> Scales:
        """Scales that are still to be fixed."""
        return Scales(self.network, self.groups, self.seen, self.options)

    def quantized(self) -> QuantNetwork:
        """Fix one layer after the other."""
        quantizer = Quantizer(self.network, self.scales(), self.seen, self.options, self.widths)
        return quantizer.run()


def _decided(
    network: Network, calibration: NDArray[np.generic] | None, options: QuantizeOptions
) -> tuple[_Start, QuantNetwork]:
    """The integer network and what it was made from."""
    start, result = _rounded(network, calibration, options)
    return _absorbing(start, result) or (start, result)


def _absorbing(start: _Start, result: QuantNetwork) -> tuple[_Start, QuantNetwork] | None:
    """The same with constants moved into biases, where that makes the outputs quieter."""
    if start.seen is None or not start.options.absorb:
        return None
    network = absorbed(start.network, start.seen.layers)
    if network is start.network:
        return None
    extent = _extent(start.options, start.widths)
    seen = calibrate(network, start.seen.data, extent, start.options.threads)
    start = replace(start, network=network, seen=seen)
    quieter = start.quantized()
    before, after = (max(output_noise(one), _SILENCE) for one in (result, quieter))
    gained = 10 * float(np.log10(before / after))
    if gained < _WORTHWHILE_DB:
        return None
    gain = f"; the outputs are {gained:.1f} dB quieter for it"
    return start, replace(
        quieter,
        rewrites=tuple(
            replace(note, text=note.text + gain) if note.rule == ABSORBED else note
            for note in quieter.rewrites
        ),
    )


def _rounded(
    network: Network, calibration: NDArray[np.generic] | None, options: QuantizeOptions
) -> tuple[_Start, QuantNetwork]:
    """Quantized as the options say.

    Where the user leaves rounding to us and the outputs are noisy, adaptive rounding is tried as
    well, on as few inputs as nearest rounding sees; the quieter outputs decide.
    """
    plain = _attempt(network, calibration, options)
    noise = output_noise(plain[1])
    is_free = options.rounding == "auto" and options.fit_wide and not plain[0].is_adaptive
    if not is_free or noise <= 10 ** (-_NOISY_DB / 10):
        return plain
    few = BRIEF.samples if options.max_samples is None else options.max_samples
    careful = _attempt(network, calibration, replace(options, rounding="adaptive", max_samples=few))
    return careful if output_noise(careful[1]) < noise else plain


def _attempt(
    network: Network, calibration: NDArray[np.generic] | None, options: QuantizeOptions
) -> tuple[_Start, QuantNetwork]:
    start = _prepared(network, calibration, options)
    return start, start.quantized()


def output_noise(network: QuantNetwork) -> float:
    """Noise of the outputs on the calibration data, relative to their power, in sum; else 0."""
    ratios = [
        layer.quality.sqnr_db
        for layer in network.layers
        if layer.output in network.outputs and layer.quality is not None
    ]
    return float(sum(10 ** (-ratio / 10) for ratio in ratios if ratio is not None))


def _prepared(
    network: Network, calibration: NDArray[np.generic] | None, options: QuantizeOptions
) -> _Start:
    """Bounds, groups, widths, equalized channels, and what calibration shows."""
    network.verify()
    network = with_bounds(network)
    groups, notes = scale_groups(network, measured=calibration is not None)
    network = replace(network, rewrites=(*network.rewrites, *notes))
    if len(network.inputs) != 1:
        raise ModelError(findings.several_inputs(list(network.inputs)))
    widths = layer_widths(network, options)
    seen = None
    if calibration is not None:
        data = check_data(network.value(network.inputs[0]), calibration)
        if options.equalize:
            glance = calibrate(network, data, GLANCE, options.threads)
            network = equalized(network, traffic_of(network, glance), widths)
        seen = calibrate(network, data, _extent(options, widths), options.threads)
    return _Start(network, groups, seen, options, widths)


def _extent(options: QuantizeOptions, widths: Mapping[str, WeightBits]) -> Extent:
    """How much of the calibration data is used."""
    extent = THOROUGH if is_adaptive(options, widths) else BRIEF
    return extent if options.max_samples is None else replace(extent, samples=options.max_samples)
