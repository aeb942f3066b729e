"""Channels that are picked or put in another order, as a convolution with ones and zeros.

A *selection* is a convolution with one tap, or a matrix product, whose every output is one of its
inputs. As such it needs no rules of its own where it cannot be saved; mostly it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import (
    Concat,
    Conv,
    ConvTranspose,
    GraphOp,
    LayerFunction,
    Linear,
    Pooling,
    Reshape,
)
from mxdeploy.stages.s2_legalize.graph import Graph, Shape
from mxdeploy.stages.s2_legalize.joins import can_be_joined, is_join, passes_of

ChannelWise = LayerFunction | Pooling
"""Operators that keep channels apart."""
_MAX_RANK = 3


def select(shape: Shape, channels: Sequence[int]) -> Conv | Linear | None:
    """The operator that picks ``channels`` of a value of ``shape``; None for a shape of no map."""
    if not 1 <= len(shape) <= _MAX_RANK or shape[0] > limits.MAX_CHANNELS.value:
        return None
    axes = len(shape) - 1
    weight = Tensor(np.eye(shape[0], dtype=np.float32)[list(channels)])
    if not axes:
        return Linear(weight=weight, bias=None)
    return Conv(
        weight=Tensor(weight.array.reshape(*weight.shape, *(1,) * axes)),
        bias=None,
        pads=(0,) * 2 * axes,
        strides=(1,) * axes,
        dilations=(1,) * axes,
        groups=1,
    )


def selected(op: GraphOp | LayerOp) -> tuple[int, ...] | None:
    """The channels that ``op`` picks; None when it is no selection."""
    if not isinstance(op, Conv | Linear) or op.bias is not None:
        return None
    if isinstance(op, Conv) and (
        {*op.weight.shape[2:], *op.strides, op.groups} != {1} or any(op.pads)
    ):
        return None
    matrix = op.weight.array.reshape(op.weight.shape[:2])
    ones = matrix == 1
    if not (ones.sum(axis=1) == 1).all() or np.count_nonzero(matrix) != len(matrix):
        return None
    return tuple(int(c) for c in ones.argmax(axis=1))


def rows(
    op: Conv | ConvTranspose | Linear, channels: Sequence[int]
) -> Conv | ConvTranspose | Linear:
    """``op`` (of one group) with these of its output channels."""
    order = list(channels)
    bias = None if op.bias is None else Tensor(op.bias.array[order])
    if isinstance(op, ConvTranspose):
        return replace(op, weight=Tensor(op.weight.array[:, order]), bias=bias)
    return replace(op, weight=Tensor(op.weight.array[order]), bias=bias)


def is_cheap(graph: Graph, name: str, channels: Sequence[int]) -> bool:
    """Whether a layer may as well read all of value ``name`` as only these channels of it."""
    whole = graph.shape(name)[0]
    if whole > limits.MAX_CHANNELS.value or len(channels) > limits.MAX_CHANNELS.value:
        return False
    return len(set(channels)) == whole or reading_passes(graph, name) <= limits.passes(
        len(channels)
    )


def reading_passes(graph: Graph, name: str) -> int:
    """Passes that a layer takes to read value ``name``, which may be a join."""
    producer = graph.producer(name)
    if producer is not None and is_join(producer.op) and can_be_joined(graph, producer.inputs):
        return passes_of(graph, producer.inputs)
    return limits.passes(graph.shape(name)[0])


def selections_of(graph: Graph, name: str) -> list[Node] | None:
    """The readers of ``name`` if all of them are selections and it is no output."""
    readers = graph.readers(name)
    if graph.is_output(name) or any(selected(r.op) is None for r in readers):
        return None
    return list(readers)


def absorbs(graph: Graph, name: str) -> bool:
    """Whether all layers that read ``name`` have weights that a selection can vanish in."""
    if graph.is_output(name) or graph.value(name).declared is not None:
        return False
    return all(
        isinstance(r.op, Conv | Linear | Concat)
        or (isinstance(r.op, Pooling | Reshape) and absorbs(graph, r.output))
        for r in graph.readers(name)
    )


def can_be_computed_apart(graph: Graph, name: str) -> bool:
    """Whether a convolution computes ``name``, perhaps with functions behind, for selections only.

    Every channel is then computed once, in the convolution of the selection it belongs to.
    """
    selections = selections_of(graph, name)
    if selections is None:
        return False
    chosen = [c for node in selections for c in selected(node.op) or ()]
    source = graph.producer(name)
    while source is not None and isinstance(source.op, ChannelWise):
        if graph.only_reader(source.inputs[0]) is not source:
            return False
        source = graph.producer(source.inputs[0])
    if source is None or not isinstance(source.op, Conv | ConvTranspose | Linear):
        return False
    grouped = not isinstance(source.op, Linear) and source.op.groups != 1
    return not grouped and len(set(chosen)) == len(chosen)


def has_no_own_range(graph: Graph, node: Node) -> bool:
    """Whether nothing is declared about the value that ``node`` writes."""
    value = graph.value(node.output)
    return value.declared is None and value.clip is None
