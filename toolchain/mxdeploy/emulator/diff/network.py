"""Layers as the network sees them: kernels and biases by channel, whatever their placement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mxdeploy.arith.arrays import Int8Array, Int32Array
from mxdeploy.emulator.accelerator.describe import LayerDescription
from mxdeploy.emulator.accelerator.execute import in_quadrant, layer_weights
from mxdeploy.emulator.accelerator.store import Index
from mxdeploy.emulator.diff.flow import FROM_INPUT, Flow, follow
from mxdeploy.emulator.diff.state import State


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkLayer:
    """A layer without its placement.

    Attributes:
        description: as decoded.
        sources: per operand, indices of the layers it comes from.
        origins: the output channel that each input channel comes from; -1 for the input.
        inputs: number of input channels, those without weights at the end left out.
        most_inputs: the same with them.
        most_outputs: number of output channels, empty ones at the end counted.
        weights: int8 (outputs, inputs, kernel rows, kernel columns); None for a pass-through.
        bias: int8 (outputs), zeros without bias; None for a pass-through.
        output: what the layer computed, channel by channel; None when it did not run.
        cycles: CNN clock cycles.
    """

    description: LayerDescription
    sources: tuple[tuple[int, ...], ...]
    origins: Index
    inputs: int
    most_inputs: int
    most_outputs: int
    weights: Int8Array | None
    bias: Int8Array | None
    output: Int8Array | Int32Array | None
    cycles: int

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return self.inputs if self.weights is None else len(self.weights)


def network_of(state: State) -> tuple[NetworkLayer, ...]:
    """All layers; empty when the program was not decoded."""
    if not state.layers:
        return ()
    layers: list[NetworkLayer] = []
    channels: list[Index] = []
    flows = follow(state.layers, state.given)
    for index, (layer, flow) in enumerate(zip(state.layers, flows, strict=True)):
        exist = [slot in channels[at] if at >= 0 else True for at, slot in flow.origins.tolist()]
        inputs, origins = flow.inputs[exist], flow.origins[exist]
        weights, bias = _read_layer(state, layer)
        kept = _channels(flow, inputs, weights, bias)
        if weights is not None and FROM_INPUT in origins:
            inputs = inputs[: _without_empty_end(weights[kept][:, inputs])]
        result = state.results[index] if index < len(state.results) else None
        layers.append(
            NetworkLayer(
                description=layer,
                sources=flow.sources,
                origins=_ranks(origins[: len(inputs)], channels),
                inputs=len(inputs),
                most_inputs=len(flow.inputs),
                most_outputs=_most(flow, weights),
                weights=None if weights is None else weights[kept][:, inputs],
                bias=None if bias is None else bias[kept],
                output=None if result is None else result.output[kept],
                cycles=0 if result is None else result.cycles,
            )
        )
        channels.append(kept)
    return tuple(layers)


def _ranks(origins: Index, channels: list[Index]) -> Index:
    """Slots as numbers of channels."""
    ranks = [
        int(np.searchsorted(channels[layer], slot)) if layer >= 0 else FROM_INPUT
        for layer, slot in origins.tolist()
    ]
    return np.array(ranks, np.intp)


def _read_layer(state: State, layer: LayerDescription) -> tuple[Int8Array | None, Int8Array | None]:
    """Weights (slots, input channels, rows, columns) and bias (slots), dummies included."""
    if layer.kernels is None or layer.scaling is None:
        return None, None
    groups = [(quadrant,) for quadrant in layer.summed] if layer.independent else [layer.summed]
    places = dict(layer.scaling.bias)
    weights, biases = [], []
    for quadrants in groups:
        ordinals = sorted(o for q in quadrants for o in in_quadrant(layer.reading, q))
        weights.append(layer_weights(layer, state.kernels, np.array(ordinals, np.intp)))
        bias = np.zeros(layer.kernels.slots, np.int8)
        for quadrant in quadrants:
            if quadrant in places:
                first = places[quadrant]
                bias = state.biases[quadrant, first : first + layer.kernels.slots]
        biases.append(bias)
    # Independent quadrants take turns: quadrant g has output channels g, g + 4, g + 8, ...
    stacked = np.stack(weights, 1)
    return stacked.reshape(-1, *stacked.shape[2:]), np.stack(biases, 1).reshape(-1)


def _channels(
    flow: Flow, inputs: Index, weights: Int8Array | None, bias: Int8Array | None
) -> Index:
    """The slots that are channels: a later layer reads them, or they are at the network's end.

    Empty slots at the end do not count: they complete the last output pass.
    """
    if weights is None or bias is None:
        return np.intersect1d(flow.outputs, inputs) if len(flow.outputs) else inputs
    used = np.flatnonzero(weights.any((1, 2, 3)) | (bias != 0))
    end = int(used[-1]) + 1 if used.size else len(weights)
    if len(flow.outputs):
        return flow.outputs[flow.outputs < end]
    # Only the first three slots can be dummies in front; empty channels in between are channels.
    return np.arange(min(int(used[0]), _MOST_DUMMIES) if used.size else 0, end)


_MOST_DUMMIES = 3


def _most(flow: Flow, weights: Int8Array | None) -> int:
    if len(flow.outputs):
        return len(flow.outputs)
    return len(flow.inputs) if weights is None else len(weights)


def _without_empty_end(weights: Int8Array) -> int:
    """Input channels, those at the end without weights left out (an incomplete last pass)."""
    used = np.flatnonzero(weights.any((0, 2, 3)))
    return int(used[-1]) + 1 if used.size else weights.shape[1]
