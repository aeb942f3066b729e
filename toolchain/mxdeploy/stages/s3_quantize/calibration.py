"""What the calibration data show: samples of every value, statistics of what layers convolve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.network import Network, Node, Value
from mxdeploy.ops.layer import Activation, Kind, LayerSpec
from mxdeploy.stages.s3_quantize import findings
from mxdeploy.stages.s3_quantize.averages import averaged, averaging_pool, some_windows
from mxdeploy.stages.s3_quantize.float_model import (
    build_probe_model,
    operand_name,
    raw_name,
)
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX, DATA_MIN
from mxdeploy.stages.s3_quantize.layer_graph import is_matrix_product
from mxdeploy.stages.s3_quantize.ranges import Seen, scale_of_clip
from mxdeploy.stages.s3_quantize.session import Session
from mxdeploy.stages.s3_quantize.wiring import layer_nodes, layer_of

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]

_BATCH_BYTES = 24 << 20
_LEAST_SAMPLES = 8
_ABSURD = 1e12
_OUTSIDE_SHARE = 0.1
_LARGE_INPUT = 16.0
_CLIPPED_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much is looked at.

    Attributes:
        samples: calibration samples.
        elements: kept of each value.
        widest: elements of the widest value at all samples.
    """

    samples: int
    elements: int
    widest: int


BRIEF = Extent(samples=256, elements=1 << 18, widest=1 << 23)
"""Enough for ranges and means."""
THOROUGH = Extent(samples=1024, elements=1 << 20, widest=1 << 24)
"""For weights that are fitted to the data."""
GLANCE = Extent(samples=64, elements=1 << 18, widest=1 << 22)
"""For the size of each channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSeen:
    """What calibration saw at one layer.

    Attributes:
        output: samples (n, channels, positions) of the float output, activated, before its clip.
        positions: the sampled pixels, as indices into rows x columns.
        mean: of each input feature, pooled and combined; empty for pass-through.
        variance: of each input feature.
        active: share of each output channel that neither activation nor clip cuts off.
        raw: samples (n, channels, positions) of the float output before activation and clip.
        combined: samples of the combined operands of an element-wise layer with weights.
    """

    output: Seen
    positions: NDArray[np.intp]
    mean: DoubleArray
    variance: DoubleArray
    active: DoubleArray
    raw: FloatArray
    combined: Seen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Calibration data and what the float network makes of them.

    Attributes:
        data: the samples in use, (n, *shape in the model).
        layers: by name of the layer's output value.
    """

    data: FloatArray
    layers: Mapping[str, LayerSeen]


def sampled(array: NDArray[np.generic], positions: NDArray[np.intp]) -> FloatArray:
    """The sampled pixels of (n, channels, rows, columns), as (n, channels, positions)."""
    flat = array.reshape(array.shape[0], array.shape[1], -1)
    if len(positions) == flat.shape[2]:
        return flat.astype(np.float32)
    return flat[:, :, positions].astype(np.float32)


def activated(raw: FloatArray, activation: Activation) -> FloatArray:
    """A layer's output before saturation or clip."""
    match activation:
        case Activation.RELU:
            return np.maximum(raw, np.float32(0))
        case Activation.ABS:
            return np.abs(raw)
        case Activation.NONE:
            return raw


def check_data(value: Value, data: NDArray[np.generic]) -> FloatArray:
    """The calibration data as float32.

    Raises:
        UsageError: wrong shape or type, NaN, constant, or far from what the model takes.
    """
    found = list(_shape_findings(value, data))
    if found:
        raise UsageError(found)
    with np.errstate(over="ignore"):  # infinity is found below
        result = np.ascontiguousarray(data, dtype=np.float32)
    found = list(_content_findings(value, result))
    if found:
        raise UsageError(found)
    return result


def calibrate(network: Network, data: FloatArray, extent: Extent, threads: int) -> Calibration:
    """Run the float network on the calibration data.

    Args:
        network: legalized.
        data: checked.
        extent: how much of it is used.
        threads: of one inference.

    Raises:
        UsageError: the float network gives NaN or infinity.
        ModelError: an operator has no meaning in real numbers.
    """
    data = _thinned(network, data, extent)
    session = Session(build_probe_model(network), threads)
    elements = extent.elements // len(data)
    collectors = [_Collector(network, node, elements) for node in layer_nodes(network)]
    per_sample = sum(collector.bytes_per_sample for collector in collectors)
    batch = max(1, _BATCH_BYTES // max(per_sample, 1))
    for start in range(0, len(data), batch):
        arrays = session.run({network.inputs[0]: data[start : start + batch]})
        for collector in collectors:
            collector.add(arrays)
    layers = {collector.name: collector.result() for collector in collectors}
    broken = [name for name, seen in layers.items() if not np.isfinite(seen.output.samples).all()]
    if broken:
        raise UsageError(findings.overflow(broken[0]))
    result = Calibration(data=data, layers=layers)
    _check_units(network, result)
    return result


class _Collector:
    """Gathers one layer's samples and statistics over the batches."""

    def __init__(self, network: Network, node: Node, elements: int) -> None:
        """Keep about ``elements`` of each sample."""
        layer = layer_of(node)
        spec = layer.spec
        self.name = node.output
        self._combined_clip = layer.combined_clip
        self._spec = spec
        self._clip = network.value(node.output).clip
        pixels = spec.out_size[0] * spec.out_size[1]
        kept = max(1, min(pixels, elements // spec.out_channels))
        self._elements = elements
        pool = averaging_pool(network, node.output)
        # The same pixels of every image, spread without any regular pattern.
        self._positions = np.sort(
            np.random.default_rng(0).permutation(pixels)[:kept]
            if pool is None
            else some_windows(pool, spec.out_size, kept)
        )
        self._averaged = averaged(network, node.output, self._positions)
        self._outputs: list[FloatArray] = []
        self._combined: list[FloatArray] = []
        self._sum: DoubleArray = np.zeros(0)
        self._squares: DoubleArray = np.zeros(0)
        self._count = 0

    @property
    def bytes_per_sample(self) -> int:
        """What the probes of this layer take per calibration sample."""
        operand = self._spec.in_channels * int(np.prod(self._spec.pooled_size))
        return 4 * (int(np.prod(self._spec.out_shape)) + operand)

    def add(self, arrays: Mapping[str, FloatArray]) -> None:
        """Take in one batch of the probe model's outputs."""
        self._outputs.append(sampled(arrays[raw_name(self.name)], self._positions))
        if self._spec.kind is Kind.PASSTHROUGH:
            return
        operand = arrays[operand_name(self.name)]
        features = (len(operand), -1, 1) if is_matrix_product(self._spec) else operand.shape
        flat = operand.reshape(features).reshape(len(operand), -1, int(np.prod(features[2:])))
        stride = max(1, flat.size // (len(flat) * max(self._elements, 1))) | 1
        flat = flat[:, :, ::stride] if flat.shape[2] > stride else flat
        if self._spec.eltwise is not None:
            self._combined.append(flat.astype(np.float32))
        sums = flat.sum(axis=(0, 2), dtype=np.float64)
        squares = np.einsum("ncp,ncp->c", flat, flat, dtype=np.float64)
        self._sum = sums if self._count == 0 else self._sum + sums
        self._squares = squares if self._count == 0 else self._squares + squares
        self._count += flat.shape[0] * flat.shape[2]

    def result(self) -> LayerSeen:
        """Everything gathered."""
        raw = np.concatenate(self._outputs)
        output = Seen(
            samples=activated(raw, self._spec.activation),
            clip=self._clip,
            averaged=self._averaged,
        )
        count = max(self._count, 1)
        mean = self._sum / count
        return LayerSeen(
            output=output,
            positions=self._positions,
            mean=mean,
            # A mean of few samples is uncertain itself.
            variance=np.maximum(self._squares * (1 + 1 / count) / count - np.square(mean), 0.0),
            active=_active(output, self._spec),
            raw=raw,
            combined=Seen(samples=np.concatenate(self._combined), clip=self._combined_clip)
            if self._combined
            else None,
        )


def _check_units(network: Network, calibration: Calibration) -> None:
    """Refuse data that drive the first clipped layer beyond its clip almost everywhere.

    Pixels as 0..255 in a model for -1..1 do: in trained networks, at least some pass. (The
    largest share seen in one is 85 %, the smallest with such pixels 96 %.)
    """
    clipped = [seen.output for seen in calibration.layers.values() if seen.output.clip is not None]
    largest = float(np.abs(calibration.data).max())
    if not clipped or largest < _LARGE_INPUT:
        return
    values = clipped[0].clipped
    low, high = float(values.min()), float(values.max())
    beyond = (clipped[0].samples > high) | (clipped[0].samples < low)
    share = float(beyond.sum() / max(int((values != 0).sum()), 1))
    if share > _CLIPPED_SHARE:
        name = next(n for n, seen in calibration.layers.items() if seen.output is clipped[0])
        raise UsageError(findings.everything_clipped(network.inputs[0], largest, name, share))


def _active(output: Seen, spec: LayerSpec) -> DoubleArray:
    low, high = output.clip or (-np.inf, np.inf)
    if spec.activation is Activation.RELU:
        low = max(low, 0.0)
    inside = (output.samples > low) & (output.samples < high)
    # A channel that was never active in the calibration data may be so elsewhere.
    share: DoubleArray = np.maximum(inside.mean(axis=(0, 2)), 1e-3)
    return share


def _thinned(network: Network, data: FloatArray, extent: Extent) -> FloatArray:
    """Evenly spaced samples, so many that the widest layer stays within the memory budget."""
    sizes = (int(np.prod(layer_of(node).spec.out_shape)) for node in layer_nodes(network))
    widest = max(sizes, default=1)
    count = min(len(data), extent.samples, max(_LEAST_SAMPLES, extent.widest // widest))
    chosen = np.arange(count) * len(data) // count
    return np.ascontiguousarray(data[chosen])


def _shape_findings(value: Value, data: NDArray[np.generic]) -> list[Diagnostic]:
    found = []
    if data.dtype.kind not in "fiub":
        found.append(findings.wrong_type(value.name, str(data.dtype)))
    if data.ndim == 0 or data.shape[1:] != value.shape or len(data) == 0:
        found.append(findings.wrong_shape(value.name, data.shape, value.shape))
    return found


def _content_findings(value: Value, data: FloatArray) -> list[Diagnostic]:
    bad = int((~np.isfinite(data)).sum())
    if bad:
        return [findings.not_finite(value.name, bad, data.size)]
    low, high = float(data.min()), float(data.max())
    if low == high:
        return [findings.constant_data(value.name, low)]
    if not 1 / _ABSURD < max(high, -low) < _ABSURD:
        return [findings.absurd_data(value.name, low, high)]
    scale = scale_of_clip(value.clip) if value.declared is None else value.declared.scale
    return [] if scale is None else _declared_findings(value, data, scale)


def _declared_findings(value: Value, data: FloatArray, scale: float) -> list[Diagnostic]:
    """Data in other units than the input's own range."""
    bounds = (DATA_MIN * scale, DATA_MAX * scale)
    outside = float(((data < bounds[0] - scale) | (data > bounds[1] + scale)).mean())
    if outside > _OUTSIDE_SHARE:
        return [findings.outside_declared(value.name, outside, bounds)]
    largest = float(np.abs(data).max())
    if largest < 2 * scale:
        return [findings.below_resolution(value.name, largest, scale)]
    return []
