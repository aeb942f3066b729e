"""Which channels may be scaled without changing what the network computes.

Convolutions, pooling, sums and the activations of the chip are homogeneous: a channel may be
multiplied by a positive number where it is written if every reader divides by it. Channels that are
added, joined, pooled or copied carry one number together: they are one set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir.network import LayerOp, Network, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Kind
from mxdeploy.stages.s3_quantize.copies import is_averaged_copy, is_copy
from mxdeploy.stages.s3_quantize.wiring import (
    Shape,
    chip_shapes,
    is_join,
    layer_nodes,
    layer_of,
)

Labels = NDArray[np.intp]
DoubleArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ChannelSets:
    """Sets of channels that carry one number.

    Attributes:
        labels: number of the set of each channel (channels,), by value name.
        rigid: (sets,) whether the number must be one.
    """

    labels: Mapping[str, Labels]
    rigid: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ScaledLayer:
    """A layer with weights and the sets that it reads and writes.

    Attributes:
        node: of the network.
        weight: float weights (outputs, inputs, taps) as they were.
        bias: float biases (outputs,) as they were, or zeros.
        rows: set of each output.
        columns: set of each input channel.
        stays: a copy that carries its input's numbers on.
        is_free: a copy whose output is averaged: it may have weights like any layer.
    """

    node: Node
    weight: DoubleArray
    bias: DoubleArray
    rows: Labels
    columns: Labels
    stays: bool
    is_free: bool

    def scaled(self, numbers: DoubleArray) -> DoubleArray:
        """The weights with the sets' numbers taken up."""
        rows, columns = numbers[self.rows], numbers[self.columns]
        return self.weight * rows[:, np.newaxis, np.newaxis] / columns[:, np.newaxis]

    def is_moved(self, numbers: DoubleArray) -> bool:
        """Whether the numbers change the weights; those of a copy never change."""
        moved = (numbers[self.rows] != 1).any() or (numbers[self.columns] != 1).any()
        return bool(moved) and not self.stays

    def op(self, numbers: DoubleArray) -> LayerOp:
        """The layer with the numbers taken up."""
        op = layer_of(self.node)
        weight = self.scaled(numbers).astype(np.float32).reshape(op.spec.weight_shape or ())
        bias = None
        if op.bias is not None:
            bias = Tensor((self.bias * numbers[self.rows]).astype(np.float32))
        return replace(op, weight=Tensor(weight), bias=bias)


def scaled_layers(network: Network, sets: ChannelSets) -> tuple[ScaledLayer, ...]:
    """The layers with weights, in order."""
    layers = []
    for node in layer_nodes(network):
        op = layer_of(node)
        if op.weight is None:
            continue
        weight = op.weight.array.astype(np.float64)
        outputs, inputs = weight.shape[:2]
        columns = sets.labels[node.inputs[0]]
        layers.append(
            ScaledLayer(
                node=node,
                weight=weight.reshape(outputs, inputs, -1),
                bias=np.zeros(outputs) if op.bias is None else op.bias.array.astype(np.float64),
                rows=sets.labels[node.output],
                # A reader that takes channels for something else finds all of them rigid.
                columns=columns if len(columns) == inputs else np.resize(columns, inputs),
                stays=is_copy(op) and not is_averaged_copy(network, node),
                is_free=is_averaged_copy(network, node),
            )
        )
    return tuple(layers)


def rescaled(
    network: Network, layers: tuple[ScaledLayer, ...], numbers: DoubleArray
) -> tuple[Network, tuple[Node, ...]]:
    """The network with a number for each set taken up by the weights, and the changed nodes."""
    changed = {layer.node.name: layer.op(numbers) for layer in layers if layer.is_moved(numbers)}
    nodes = tuple(
        replace(node, op=changed[node.name]) if node.name in changed else node
        for node in network.nodes
    )
    return replace(network, nodes=nodes), tuple(n for n in nodes if n.name in changed)


def channel_sets(network: Network) -> ChannelSets:
    """The sets of channels of a legalized network.

    Rigid are the network's inputs and outputs, values with a declared scale, sums that are clipped,
    and channels that a reader takes for something else than channels.
    """
    shapes = chip_shapes(network)
    links = _Links(shapes)
    for node in network.nodes:
        if is_join(node):
            links.tie_parts(node)
        else:
            _tie_layer(links, network, node, shapes)
    for name in shapes:
        value = network.value(name)
        outside = name in network.inputs or name in network.outputs
        if outside or value.declared is not None:
            links.freeze(name)
    return links.result()


def _tie_layer(links: _Links, network: Network, node: Node, shapes: Mapping[str, Shape]) -> None:
    op = layer_of(node)
    carried = is_copy(op) and not is_averaged_copy(network, node)
    copies = op.spec.kind is Kind.PASSTHROUGH or carried
    if any(shapes[name][0] != op.spec.in_channels for name in node.inputs):
        for name in (*node.inputs, node.output) if copies else node.inputs:
            links.freeze(name)
        return
    if op.combined_clip is not None:
        links.freeze(node.inputs[0])
    for name in node.inputs[1:]:
        links.tie(node.inputs[0], name)
    if op.spec.output_bits != DATA_BITS:
        links.freeze(node.output)
    elif op.weight is None:
        links.tie(node.inputs[0], node.output)
    elif copies:
        taken = op.weight.array.reshape(*op.weight.array.shape[:2], -1).any(axis=2)
        outputs, sources = np.nonzero(taken)
        links.tie(node.inputs[0], node.output, sources, outputs)


class _Links:
    """Channels, numbered through all values, that are tied together."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._numbers: dict[str, Labels] = {}
        count = 0
        for name, shape in shapes.items():
            self._numbers[name] = np.arange(count, count + shape[0])
            count += shape[0]
        self._leader = np.arange(count)
        self._rigid = np.zeros(count, dtype=bool)

    def tie(
        self,
        first: str,
        second: str,
        channels: Labels | None = None,
        others: Labels | None = None,
    ) -> None:
        """Channels of one value to channels of another: all, or those named."""
        left, right = self._numbers[first], self._numbers[second]
        left = left if channels is None else left[channels]
        right = right if others is None else right[others]
        for one, other in zip(left.tolist(), right.tolist(), strict=True):
            self._leader[self._find(other)] = self._find(one)

    def tie_parts(self, node: Node) -> None:
        """The channels of a join to those of its parts."""
        start = 0
        for name in node.inputs:
            count = len(self._numbers[name])
            self.tie(name, node.output, None, np.arange(start, start + count))
            start += count

    def freeze(self, name: str) -> None:
        """All channels of a value keep their size."""
        self._rigid[self._numbers[name]] = True

    def result(self) -> ChannelSets:
        """The sets, numbered from zero."""
        leaders = np.array([self._find(number) for number in range(len(self._leader))], np.intp)
        _, labels = np.unique(leaders, return_inverse=True)
        rigid = np.zeros(int(labels.max(initial=-1)) + 1, dtype=bool)
        np.logical_or.at(rigid, labels, self._rigid)
        return ChannelSets({name: labels[n] for name, n in self._numbers.items()}, rigid)

    def _find(self, number: int) -> int:
        while self._leader[number] != number:
            self._leader[number] = self._leader[self._leader[number]]
            number = int(self._leader[number])
        return number
