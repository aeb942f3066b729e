"""From a convolution in the graph to what is to be computed in each direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import LayerOp, Node
from mxdeploy.ops.graph import Conv, ConvTranspose, GraphOp, LayerFunction, Pooling
from mxdeploy.stages.s2_legalize.arrange.axis import Axis
from mxdeploy.stages.s2_legalize.arrange.plan import Plan, Problem, best_plan
from mxdeploy.stages.s2_legalize.graph import Graph

NOTHING = -1
"""Index of a tap that stands for none: the weights are zero, or see nothing but padding."""

_PLANE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A convolution of the graph as a problem.

    Attributes:
        problem: what is to be computed.
        indices: for each direction, the kernel's index of every tap of the problem; or ``NOTHING``.
    """

    problem: Problem
    indices: tuple[tuple[int, ...], ...]


def is_native(op: Conv) -> bool:
    """Whether the chip has the convolution as it is."""
    kernel = op.weight.shape[2:]
    axes = len(kernel)
    if op.groups != 1 or {*op.strides, *op.dilations} != {1} or not 1 <= axes <= _PLANE:
        return False
    size = limits.CONV2D_KERNEL.value
    if axes == _PLANE and kernel not in ((1, 1), (size, size)):
        return False
    pads = zip(op.pads[:axes], op.pads[axes:], kernel, strict=True)
    return max(kernel) <= limits.MAX_CONV1D_KERNEL.value and all(
        begin == end and 0 <= begin <= limits.MAX_PAD.value and begin < taps
        for begin, end, taps in pads
    )


def is_native_transposed(op: ConvTranspose) -> bool:
    """Whether the chip has the transposed convolution as it is."""
    size, stride = limits.CONV2D_KERNEL.value, limits.TRANSPOSED_STRIDE.value
    return (
        op.weight.shape[2:] == (size, size)
        and op.strides == (stride, stride)
        and op.output_padding == (1, 1)
        and op.dilations == (1, 1)
        and op.groups == 1
        and op.pads[:2] == op.pads[2:]
        and all(0 <= pad <= limits.MAX_PAD.value for pad in op.pads)
    )


def task_of(graph: Graph, node: Node) -> Task | None:
    """The problem that ``node`` poses; None when it is no convolution that can be arranged."""
    op = node.op
    if not isinstance(op, Conv | ConvTranspose) or op.groups != 1:
        return None
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    axes = len(op.strides)
    if not 1 <= axes <= _PLANE or len(before) != axes + 1 or len(after) != axes + 1:
        return None
    if isinstance(op, ConvTranspose) and op.strides != (limits.TRANSPOSED_STRIDE.value,) * _PLANE:
        return None
    found = [
        _axis(op, number, before[number + 1], wanted)
        for number, wanted in enumerate(wanted_outputs(graph, node))
    ]
    inputs = before[0]
    outputs = op.weight.shape[1] if isinstance(op, ConvTranspose) else op.weight.shape[0]
    problem = Problem(axes=tuple(axis for axis, _ in found), inputs=inputs, outputs=outputs)
    return Task(problem=problem, indices=tuple(indices for _, indices in found))


def is_chip_made(op: GraphOp | LayerOp) -> bool:
    """Whether ``op`` is a convolution that the chip has as it is."""
    if isinstance(op, Conv):
        return is_native(op)
    return isinstance(op, ConvTranspose) and is_native_transposed(op)


def plan_of(graph: Graph, node: Node) -> tuple[Task, Plan] | None:
    """How to compute the convolution ``node``; None when it is native, or there is no way."""
    task = None if is_chip_made(node.op) else task_of(graph, node)
    plan = None if task is None else best_plan(task.problem)
    return None if task is None or plan is None else (task, plan)


def _axis(
    op: Conv | ConvTranspose, number: int, size: int, wanted: tuple[int, int]
) -> tuple[Axis, tuple[int, ...]]:
    begin, dilation = op.pads[number], op.dilations[number]
    spread, step, sign = 1, op.strides[number], 1
    if isinstance(op, ConvTranspose):
        spread, step, sign = step, 1, -1
    weight = op.weight.array
    others = tuple(i for i in range(weight.ndim) if i != number + 2)
    used = np.flatnonzero(np.any(weight, axis=others)).tolist()
    taps = sorted((sign * (dilation * index - begin), index) for index in used)
    least, most = wanted
    reached = [
        (position, index)
        for position, index in taps
        if _meets(position, step, least, size * spread)
    ] or [(0, NOTHING)]
    axis = Axis(
        size=size,
        taps=tuple(position for position, _ in reached),
        step=step,
        spread=spread,
        least=least,
        most=most,
    )
    return axis, tuple(index for _, index in reached)


def _meets(position: int, step: int, outputs: int, size: int) -> bool:
    """Whether a tap ever sees more than padding."""
    first = position if position >= 0 else position % step
    return first < size and first <= position + step * (outputs - 1)


def followers(graph: Graph, node: Node) -> Iterator[Node]:
    """What reads ``node`` one after the other, element by element, and what reads the last."""
    reader = graph.only_reader(node.output)
    while reader is not None:
        yield reader
        if not isinstance(reader.op, LayerFunction):
            return
        reader = graph.only_reader(reader.output)


def wanted_outputs(graph: Graph, node: Node) -> tuple[tuple[int, int], ...]:
    """Rows and columns: how many must be computed, and how many may be without any difference.

    Only full windows of a pooling count, so it does not see some of the last rows and columns.
    """
    size = graph.shape(node.output)[1:]
    *_, last = (node, *followers(graph, node))
    op = last.op
    exactly = tuple((n, n) for n in size)
    if not isinstance(op, Pooling) or any(op.pads) or op.ceil_mode or set(op.dilations) - {1}:
        return exactly
    pooled = graph.shape(last.output)[1:]
    if len(pooled) != len(size):
        return exactly
    seen = [
        ((n - 1) * stride + window, stride)
        for n, stride, window in zip(pooled, op.strides, op.size, strict=True)
    ]
    return tuple((least, least + stride - 1) for least, stride in seen)
