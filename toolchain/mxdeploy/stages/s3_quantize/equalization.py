"""Channels scaled so that one scale per tensor suits all of them (cross-layer equalization).

All weights of a layer share a scale, and so do all channels of a value. Where channels differ in
size, the small ones drown in the rounding of the large ones. Numbers that
:mod:`~mxdeploy.stages.s3_quantize.channels` allows move size between what is written and what reads
it; those are chosen with which rounding causes least noise in the readers' outputs:

* rounding of the weights that write a channel, and of the channel itself, reaches the readers
  multiplied with their weights: less, the larger the number;
* rounding of the readers' weights is multiplied with the channel's power: more, the larger it is.

A channel that the calibration data never wake stays as it is: nothing would be gained, and a large
number would make a large bias of the one that keeps it asleep.

The network computes the same in real numbers, as long as no channel that grows reaches a clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.ir.network import Network, Node, Rewrite
from mxdeploy.ops.layer import Activation
from mxdeploy.stages.s3_quantize.calibration import Calibration
from mxdeploy.stages.s3_quantize.channels import ScaledLayer, channel_sets, rescaled, scaled_layers
from mxdeploy.stages.s3_quantize.integer_layer import DATA_MAX
from mxdeploy.stages.s3_quantize.options import WeightBits
from mxdeploy.stages.s3_quantize.weights import BIAS_STEP
from mxdeploy.stages.s3_quantize.wiring import chip_shapes, is_join, layer_of

DoubleArray = NDArray[np.float64]
Labels = NDArray[np.intp]

_SWEEPS = 3
_WORTHWHILE = 0.8
"""Noise that must be left, at most, for channels to be scaled at all."""
_BELOW_CLIP = 0.9
_REACHED = 0.999
_STEPS = 2.0 ** np.arange(-3, 1.1, 0.5)
"""Scales of weights that are tried, relative to the one that just covers them."""
_TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """What flows through a value, channel by channel.

    Attributes:
        peak: largest magnitude (channels,), before the value's clip.
        power: mean square (channels,).
    """

    peak: DoubleArray
    power: DoubleArray


def traffic_of(network: Network, calibration: Calibration) -> dict[str, Traffic]:
    """What calibration saw of the inputs and the layers' outputs."""
    shapes = chip_shapes(network)
    data = calibration.data.reshape(len(calibration.data), shapes[network.inputs[0]][0], -1)
    seen = {network.inputs[0]: (data, data)}
    for name, layer in calibration.layers.items():
        seen[name] = (layer.output.samples, layer.output.clipped)
    return {
        name: Traffic(
            peak=np.abs(before).max(axis=(0, 2)).astype(np.float64),
            power=np.square(after).mean(axis=(0, 2), dtype=np.float64),
        )
        for name, (before, after) in seen.items()
    }


def equalized(
    network: Network, traffic: Mapping[str, Traffic], widths: Mapping[str, WeightBits]
) -> Network:
    """The network with channels scaled; the same object when nothing is worth it.

    Args:
        network: legalized.
        traffic: by name, of all values.
        widths: of the weights, by name of the layer.
    """
    state = _State(network, traffic, widths)
    for _ in range(_SWEEPS):
        improved = [state.improve(bundle) for bundle in state.bundles]
        if not any(improved):
            break
    return state.network()


@dataclass(frozen=True, slots=True, eq=False)
class _Bundle:
    """Sets of channels with the same writers and readers."""

    sets: Labels
    writers: tuple[ScaledLayer, ...]
    readers: tuple[ScaledLayer, ...]


class _State:
    """The numbers found so far."""

    def __init__(
        self,
        network: Network,
        traffic: Mapping[str, Traffic],
        widths: Mapping[str, WeightBits],
    ) -> None:
        self._network = network
        sets = channel_sets(network)
        count = len(sets.rigid)
        self._labels = sets.labels
        self._numbers = np.ones(count)
        self._peak, self._power = np.zeros(count), np.zeros(count)
        self._ceiling = np.full(count, np.inf)
        rigid = sets.rigid.copy()
        for name, seen in traffic.items():
            labels, top = sets.labels[name], _top(network, name)
            np.maximum.at(self._peak, labels, np.minimum(seen.peak, top))
            np.maximum.at(self._power, labels, seen.power)
            rigid[labels[seen.peak >= top * _REACHED]] = True
            room = np.maximum(_BELOW_CLIP * top / np.maximum(seen.peak, _TINY), 1.0)
            np.minimum.at(self._ceiling, labels, room)
        self._layers = scaled_layers(network, sets)
        self._steps = {name: (1 << bits - 1) - 0.5 for name, bits in widths.items()}
        for layer in self._layers:
            if not layer.is_free and _on_grid(layer.weight, widths[layer.node.name]):
                rigid[layer.rows] = rigid[layer.columns] = True
        self.bundles = _bundles(self._layers, rigid | (self._power == 0))

    def improve(self, bundle: _Bundle) -> bool:
        """Find better numbers for the sets of a bundle; whether there are any."""
        terms = self._terms(bundle)
        before = terms.noise(np.ones(len(bundle.sets)), 1.0, 1.0)
        best, least = None, _WORTHWHILE * before
        for writing in _STEPS:
            for reading in _STEPS:
                numbers = terms.numbers(writing, reading)
                if numbers is None:
                    continue
                noise = terms.noise(numbers, writing, reading)
                if noise < least:
                    best, least = numbers, noise
        if best is None:
            return False
        self._numbers[bundle.sets] *= best
        return True

    def network(self) -> Network:
        """The network with the numbers taken up."""
        if (self._numbers == 1).all():
            return self._network
        network, changed = rescaled(self._network, self._layers, self._numbers)
        note = _note(changed, self._numbers)
        return replace(network, rewrites=(*network.rewrites, note))

    def _terms(self, bundle: _Bundle) -> _Terms:
        sets, numbers = bundle.sets, self._numbers
        place = np.full(len(numbers), -1)
        place[sets] = np.arange(len(sets))
        peak = self._peak * numbers
        values = [labels for labels in self._labels.values() if (place[labels] >= 0).any()]
        reach = max(float(peak[labels].max()) for labels in values)
        written, largest_row = np.zeros(len(sets)), np.zeros(len(sets))
        for layer in bundle.writers:
            weight = layer.scaled(numbers)
            inputs = numbers[layer.columns]
            arriving = self._power[layer.columns] * np.square(inputs)
            # A bias counts in units that depend on the scales of input and weights.
            unit = BIAS_STEP * float((self._peak[layer.columns] * inputs).max()) + _TINY
            biases = np.abs(layer.bias * numbers[layer.rows]) * self._steps[layer.node.name] / unit
            rows = np.maximum(np.abs(weight).max(axis=(1, 2)), biases)
            step = float(rows.max()) / self._steps[layer.node.name]
            # Weights of zero are exact.
            noise = step**2 / 12 * ((weight != 0).sum(axis=2) @ arriving)
            member = place[layer.rows] >= 0
            np.add.at(written, place[layer.rows][member], noise[member])
            _spread(largest_row, place[layer.rows], rows / max(float(rows.max()), _TINY))
        gain, read, largest_column = (np.zeros(len(sets)) for _ in range(3))
        for layer in bundle.readers:
            weight = layer.scaled(numbers)
            columns = np.abs(weight).max(axis=(0, 2))
            step = float(columns.max()) / self._steps[layer.node.name]
            _spread(
                largest_column, place[layer.columns], columns / max(float(columns.max()), _TINY)
            )
            member = place[layer.columns] >= 0
            power = np.square(weight).sum(axis=(0, 2))
            np.add.at(gain, place[layer.columns][member], power[member])
            noise = step**2 / 12 * (weight != 0).sum(axis=(0, 2))
            np.add.at(read, place[layer.columns][member], noise[member])
        return _Terms(
            gain=gain,
            power=self._power[sets] * np.square(numbers[sets]) + _TINY,
            written=written,
            stored=(reach / DATA_MAX) ** 2 / 12,
            read=read + _TINY,
            row=largest_row,
            column=largest_column,
            room=np.minimum(
                self._ceiling[sets] / numbers[sets], reach / np.maximum(peak[sets], _TINY)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Terms:
    """Noise of a bundle as a function of its numbers.

    Attributes:
        gain: power with which noise in each set reaches the readers' outputs.
        power: of each set.
        written: noise in each set from rounding the writers' weights, when their scale just
            covers them.
        stored: noise from rounding the value to 8 bits.
        read: noise from rounding the weights that read each set, for a power of one.
        row: largest weight (or bias) that writes each set, relative to the writer's largest.
        column: largest weight that reads each set, relative to the reader's largest.
        room: how much each set may grow.
    """

    gain: DoubleArray
    power: DoubleArray
    written: DoubleArray
    stored: float
    read: DoubleArray
    row: DoubleArray
    column: DoubleArray
    room: DoubleArray

    def numbers(self, writing: float, reading: float) -> DoubleArray | None:
        """The best numbers when the weights' scales change by these factors; None: impossible."""
        wanted = (self._before(writing) * self.gain / (self.read * reading**2 * self.power)) ** 0.25
        high = np.minimum(self.room, writing / np.maximum(self.row, _TINY))
        low = self.column / reading
        if (low > high).any():
            return None
        result: DoubleArray = np.clip(wanted, np.maximum(low, _TINY), high)
        return result

    def noise(self, numbers: DoubleArray, writing: float, reading: float) -> float:
        """Noise in the readers' outputs."""
        before = self.gain * self._before(writing) / np.square(numbers)
        after = np.square(numbers) * self.power * self.read * reading**2
        return float((before + after).sum())

    def _before(self, writing: float) -> DoubleArray:
        return self.written * writing**2 + self.stored


def _bundles(layers: tuple[ScaledLayer, ...], rigid: NDArray[np.bool_]) -> tuple[_Bundle, ...]:
    """The sets that may change, by who writes and reads them."""
    written: dict[int, list[int]] = {}
    reading: dict[int, list[int]] = {}
    for number, layer in enumerate(layers):
        if layer.stays:
            continue
        for label in np.unique(layer.rows).tolist():
            written.setdefault(label, []).append(number)
        for label in np.unique(layer.columns).tolist():
            reading.setdefault(label, []).append(number)
    groups: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for label in sorted(written.keys() & reading.keys()):
        if not rigid[label]:
            key = (tuple(written[label]), tuple(reading[label]))
            groups.setdefault(key, []).append(label)
    return tuple(
        _Bundle(
            sets=np.array(labels, np.intp),
            writers=tuple(layers[k] for k in writers),
            readers=tuple(layers[k] for k in readers),
        )
        for (writers, readers), labels in groups.items()
    )


def _top(network: Network, name: str) -> float:
    """The magnitude at which a value's clip begins; infinite without one."""
    clip, producer = network.value(name).clip, network.producer(name)
    if clip is None:
        return np.inf
    signed = producer is None or is_join(producer)
    if producer is not None and not signed:
        signed = layer_of(producer).spec.activation is Activation.NONE
    low = -clip[0] if signed and clip[0] != 0 else np.inf
    return max(min(clip[1], low), 0.0)


def _on_grid(weight: DoubleArray, bits: WeightBits) -> bool:
    """Whether the weights are whole numbers of their width already, at some power of two."""
    largest = float(np.abs(weight).max(initial=0.0))
    if largest == 0:
        return True
    finest = int(np.floor(np.log2((1 << bits - 1) / largest)))
    scaled = weight * 2.0**finest
    return bool((scaled == np.rint(scaled)).all())


def _spread(largest: DoubleArray, places: Labels, values: DoubleArray) -> None:
    member = places >= 0
    np.maximum.at(largest, places[member], values[member])


def _note(nodes: tuple[Node, ...], numbers: DoubleArray) -> Rewrite:
    changed = numbers[numbers != 1]
    return Rewrite(
        rule="equalize-channels",
        nodes=tuple(dict.fromkeys(name for node in nodes for name in node.origin)),
        text=f"{len(changed)} channels scaled by {changed.min():.3g} to {changed.max():.3g} where "
        "they are written, and back where they are read, so that one scale suits all",
        exact=True,
    )
