"""Sums as convolutions over several values lying side by side: the terms, and their kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.ir.network import Node
from mxdeploy.ops.graph import Conv, ConvTranspose, Elementwise, Linear
from mxdeploy.ops.layer import EltwiseFunction
from mxdeploy.stages.s2_legalize.graph import Graph
from mxdeploy.stages.s2_legalize.joins import can_be_joined, is_join, passes_of
from mxdeploy.stages.s2_legalize.numbers import single

_ROOM = 3 / 4
"""Share of the kernel memory that a network's weights may fill when weights are added to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """``sign`` times a convolution of ``source``, or times the value itself.

    Attributes:
        source: name of the value.
        sign: 1 or -1.
        conv: the convolution and its node, of a value that nobody else reads; None for the value.
    """

    source: str
    sign: int
    conv: tuple[Node, Conv] | None = None


def terms(graph: Graph, node: Node) -> tuple[Term, ...]:
    """The operands of an addition or subtraction as terms."""
    adds = isinstance(node.op, Elementwise) and node.op.function == EltwiseFunction.ADD
    signs = (1, *(1 if adds else -1 for _ in node.inputs[1:]))
    return tuple(_term(graph, node, n, s) for n, s in zip(node.inputs, signs, strict=True))


def _term(graph: Graph, node: Node, name: str, sign: int) -> Term:
    producer = graph.producer(name)
    private = graph.only_reader(name) is node and graph.value(name).declared is None
    if (
        producer is not None
        and isinstance(producer.op, Conv)
        and private
        and _keeps_size(producer.op)
    ):
        return Term(source=producer.inputs[0], sign=sign, conv=(producer, producer.op))
    return Term(source=name, sign=sign)


def _keeps_size(op: Conv) -> bool:
    """Whether the chip computes ``op`` as it is, and the map keeps its size."""
    kernel = op.weight.shape[2:]
    half = tuple(k // 2 for k in kernel)
    most = limits.MAX_CONV1D_KERNEL if len(kernel) == 1 else limits.CONV2D_KERNEL
    plain = {*op.strides, *op.dilations, op.groups} == {1}
    return (
        plain
        and all(k % 2 and k <= most for k in kernel)
        and op.pads == (*half, *half)
        and max(half) <= limits.MAX_PAD
    )


def kernel_of(found: Sequence[Term], axes: int) -> tuple[int, ...]:
    """Taps of the convolution that computes all terms: the largest kernel, square in a plane."""
    kernels = [t.conv[1].weight.shape[2:] for t in found if t.conv is not None]
    return tuple(max((k for kernel in kernels for k in kernel), default=1) for _ in range(axes))


def weight_of(
    found: Sequence[Term], source: str, kernel: tuple[int, ...], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Weights of ``source`` in the sum, of ``shape`` (outputs, channels): the middles coincide."""
    total = np.zeros((*shape, *kernel))
    for term in found:
        if term.source != source:
            continue
        if term.conv is None:
            weight = np.eye(*shape).reshape(*shape, *(1,) * len(kernel))
        else:
            weight = term.conv[1].weight.array.astype(np.float64)
        around = [(k - n) // 2 for k, n in zip(kernel, weight.shape[2:], strict=True)]
        total += term.sign * np.pad(weight, [(0, 0), (0, 0), *((n, n) for n in around)])
    return total


def bias_of(found: Sequence[Term]) -> NDArray[np.float64] | None:
    """The sum of the biases; None when there are none."""
    biases = [
        t.sign * t.conv[1].bias.array.astype(np.float64)
        for t in found
        if t.conv is not None and t.conv[1].bias is not None
    ]
    return np.sum(biases, axis=0) if biases else None


def lie_side_by_side(graph: Graph, names: Sequence[str]) -> bool:
    """Whether values of one size, or joins, can be read as one join of a single pass.

    None of them is a part of a join of others: it could not lie beside both.
    """
    parts: list[str] = []
    for name in names:
        producer = graph.producer(name)
        joined = producer is not None and is_join(producer.op)
        others = [r for r in graph.readers(name) if is_join(r.op) and r.inputs != tuple(names)]
        if not joined and len(names) > 1 and others:
            return False
        parts += producer.inputs if producer is not None and joined else [name]
    distinct = tuple(dict.fromkeys(parts))
    shapes = {graph.shape(name)[1:] for name in distinct}
    return len(shapes) == 1 and can_be_joined(graph, distinct) and passes_of(graph, distinct) == 1


def has_room(graph: Graph, more: int) -> bool:
    """Whether ``more`` weights (of 8 bits) leave the network well within the kernel memory."""
    weights = sum(
        n.op.weight.array.size
        for n in graph.network.nodes
        if isinstance(n.op, Conv | ConvTranspose | Linear)
    )
    return weights + more <= _ROOM * mem.TOTAL_KERNEL_BYTES


def merged(
    found: Sequence[Term], sources: Sequence[str], channels: Sequence[int], outputs: int, axes: int
) -> Conv:
    """The convolution over ``sources``, side by side, that is the sum of the terms."""
    kernel = kernel_of(found, axes)
    weights = [
        weight_of(found, name, kernel, (outputs, count))
        for name, count in zip(sources, channels, strict=True)
    ]
    bias = bias_of(found)
    pads = tuple(k // 2 for k in kernel)
    return Conv(
        weight=single(np.concatenate(weights, axis=1)),
        bias=None if bias is None else single(bias),
        pads=(*pads, *pads),
        strides=(1,) * axes,
        dilations=(1,) * axes,
        groups=1,
    )
