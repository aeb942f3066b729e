"""Constant parts of channels moved from where they are written into their readers' biases.

A channel that never comes near zero spends its range on what does not change, and one scale serves
all channels. Where the calibration data show that a channel stays above some c, even with a margin,
its writer's bias loses c and its readers' biases gain what their weights make of c (Nagel et al.,
Data-Free Quantization Through Weight Equalization and Bias Correction, 2019). Channels without
activation are centred, which is exact for all data.

Readers that pad are left alone: the zeros of a border would stand for c.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.ir.network import LayerOp, Network, Node, Rewrite, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.layer import Activation, Kind
from mxdeploy.stages.s3_quantize.calibration import LayerSeen
from mxdeploy.stages.s3_quantize.copies import is_copy
from mxdeploy.stages.s3_quantize.wiring import is_join, layer_nodes, layer_of

DoubleArray = NDArray[np.float64]

RULE = "absorb-offsets"
_MARGIN = 0.1
"""Of what a channel was seen to span, left between it and every bound."""
_NOTEWORTHY = 0.05
"""Part of the value's whole reach that a constant must have to be moved."""


def absorbed(network: Network, seen: Mapping[str, LayerSeen]) -> Network:
    """The network with constants moved into biases; the same object when there are none to move.

    It computes the same on everything that lies within the margin around what ``seen`` shows.

    Args:
        network: legalized.
        seen: what calibration saw of this network, by name of the layer's output.
    """
    biases: dict[str, DoubleArray] = {}
    moved, touched = 0, []
    for node in layer_nodes(network):
        readers = network.consumers(node.output)
        if not _is_free(network, node, readers):
            continue
        constant = _constants(network.value(node.output), layer_of(node), seen[node.output])
        if not constant.any():
            continue
        moved += int((constant != 0).sum())
        touched += [node, *readers]
        _add(biases, node, -constant)
        for reader in readers:
            _add(biases, reader, _weight_sums(layer_of(reader)) @ constant)
    if not moved:
        return network
    nodes = tuple(
        replace(node, op=replace(node.op, bias=Tensor(biases[node.name].astype(np.float32))))
        if node.name in biases and isinstance(node.op, LayerOp)
        else node
        for node in network.nodes
    )
    note = _note(touched, moved)
    return replace(network, nodes=nodes, rewrites=(*network.rewrites, note))


def _add(biases: dict[str, DoubleArray], node: Node, change: DoubleArray) -> None:
    bias = layer_of(node).bias
    if bias is None:
        raise ValueError(f"{node.name} has no biases")
    biases[node.name] = biases.get(node.name, bias.array.astype(np.float64)) + change


def _is_free(network: Network, node: Node, readers: tuple[Node, ...]) -> bool:
    """Whether biases write the value and read it, and nothing else sees it."""
    op, value = layer_of(node), network.value(node.output)
    if not _has_biases(op) or op.spec.output_bits != DATA_BITS:
        return False
    if op.spec.activation is Activation.ABS or value.declared is not None:
        return False
    if node.output in network.outputs or not readers:
        return False
    return all(_takes_constants(reader, op.spec.out_channels) for reader in readers)


def _has_biases(op: LayerOp) -> bool:
    return op.weight is not None and op.bias is not None and not is_copy(op)


def _takes_constants(reader: Node, channels: int) -> bool:
    """Whether a constant added to a channel adds constants to a layer's sums, everywhere."""
    if is_join(reader):
        return False
    op = layer_of(reader)
    spec = op.spec
    plain = spec.eltwise is None and spec.pad == (0, 0) and spec.kind is not Kind.CONV_TRANSPOSE2D
    return plain and spec.in_channels == channels and _has_biases(op)


def _weight_sums(op: LayerOp) -> DoubleArray:
    """What a one in all of a channel adds to each sum: (outputs, channels)."""
    if op.weight is None:
        raise ValueError("a layer without weights")
    weight = op.weight.array.astype(np.float64)
    sums: DoubleArray = weight.reshape(*weight.shape[:2], -1).sum(axis=2)
    return sums


def _constants(value: Value, op: LayerOp, seen: LayerSeen) -> DoubleArray:
    """What each channel (channels,) can do without; zero where that is little or unsafe."""
    low, high = seen.raw.min(axis=(0, 2)), seen.raw.max(axis=(0, 2))
    low, high = low.astype(np.float64), high.astype(np.float64)
    margin = _MARGIN * (high - low)
    if op.spec.activation is Activation.RELU:
        constant = np.maximum(low - margin, 0.0)
    else:
        constant = (low + high) / 2
    reach = float(np.abs(seen.output.clipped).max(initial=0.0))
    safe = np.abs(constant) > _NOTEWORTHY * reach
    if value.clip is not None:
        bottom, top = value.clip
        for first, last in ((low, high), (low - constant, high - constant)):
            safe &= (last + margin < top) & (
                (first - margin > bottom) | (op.spec.activation is Activation.RELU)
            )
    return np.where(safe, constant, 0.0)


def _note(nodes: list[Node], channels: int) -> Rewrite:
    return Rewrite(
        rule=RULE,
        nodes=tuple(dict.fromkeys(name for node in nodes for name in node.origin)),
        text=f"constant parts of {channels} channels moved into the biases of what reads them",
        exact=False,
    )
