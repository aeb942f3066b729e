"""From a plan to the nodes that carry it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from mxdeploy.chip.max78000 import limits
from mxdeploy.ir.network import Node, Value
from mxdeploy.ir.tensor import Tensor
from mxdeploy.ops.graph import Conv, ConvTranspose, GraphOp, Pooling, Reshape
from mxdeploy.stages.s2_legalize.arrange.axis import Prep, Way
from mxdeploy.stages.s2_legalize.arrange.convolution import Task, followers
from mxdeploy.stages.s2_legalize.arrange.kernels import (
    Weights,
    adding_kernel,
    copying_kernel,
    correlated,
    own_kernel,
    transposed,
)
from mxdeploy.stages.s2_legalize.arrange.plan import Plan, resizing_layer
from mxdeploy.stages.s2_legalize.graph import Edit, Graph, Shape

_KERNEL = limits.CONV2D_KERNEL.value
_STRIDE = limits.TRANSPOSED_STRIDE.value


Finish = Callable[[GraphOp, Shape], None]


@dataclass(slots=True)
class _Chain:
    """Nodes in the making, one reading the other."""

    graph: Graph
    node: Node
    value: Value
    nodes: list[Node] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def copy(self, suffix: str, op: GraphOp, shape: Shape) -> None:
        """A node whose value is new and has the range of what it reads."""
        self._append(suffix, op, replace(self.value, name=self._new(suffix), shape=shape))

    def part(self, suffix: str, op: GraphOp, shape: Shape) -> None:
        """A node whose value is new and has a range of its own."""
        self._append(suffix, op, Value(name=self._new(suffix), shape=shape, origin=self.node.name))

    def whole(self, op: GraphOp, shape: Shape) -> None:
        """The convolution itself, where a stride is still to be taken."""
        value = self.graph.value(self.node.output)
        self._append("", op, replace(value, name=self._new("full"), shape=shape))

    def end(self, suffix: str, op: GraphOp, shape: Shape) -> None:
        """The node that writes the convolution's own value."""
        self._append(suffix, op, replace(self.graph.value(self.node.output), shape=shape))

    def _new(self, suffix: str) -> str:
        return self.graph.new_name(f"{self.node.output}.{suffix}")

    def _append(self, suffix: str, op: GraphOp, value: Value) -> None:
        name = self.node.name
        if suffix:
            name = self.graph.new_node_name(f"{name}.{suffix}")
        node = replace(self.node, name=name, op=op, inputs=(self.value.name,), output=value.name)
        self.nodes.append(node)
        self.values.append(value)
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One convolution of a plan.

    Attributes:
        name: of the nodes beside it.
        kernel: weights (out, in, *kernel), not flipped.
        bias: for every output.
        indices: as in ``Task``.
        plan: how to compute it.
        transposed: with a transposed convolution.
        finish: adds the node that computes the convolution.
    """

    name: str
    kernel: Weights
    bias: Tensor | None = None
    indices: tuple[tuple[int, ...], ...]
    plan: Plan
    transposed: bool = False
    finish: Finish


def arrangement(graph: Graph, node: Node, task: Task, plan: Plan, text: str) -> Edit:
    """The convolution ``node`` computed as ``plan`` says."""
    op = node.op
    if not isinstance(op, Conv | ConvTranspose):
        raise TypeError(f"{node.name} is no convolution")
    # Copies hold what the source holds: they have its range.
    source = replace(graph.value(node.inputs[0]), origin=node.name)
    chain = _Chain(graph, node, source)
    transposed = isinstance(op, ConvTranspose)
    kernel = correlated(op.weight.array) if transposed else op.weight.array
    work = _Work(
        name="",
        kernel=kernel,
        bias=op.bias,
        indices=task.indices,
        plan=plan,
        transposed=transposed,
        finish=chain.whole if plan.outer > 1 else partial(chain.end, ""),
    )
    _compute(chain, work)
    outputs = tuple(way.outputs for way in plan.ways)
    if plan.outer > 1:
        seen = tuple((n - 1) // plan.outer + 1 for n in outputs)
        chain.end("every", every(plan.outer, len(outputs)), (plan.problem.outputs, *seen))
    resized = followed(graph, node, chain.value.shape)
    return Edit(text=text, remove=(node,), add=tuple(chain.nodes), values=(*chain.values, *resized))


def every(step: int, axes: int) -> Pooling:
    """Every ``step``-th element in all directions."""
    return Pooling(
        average=False,
        size=(1,) * axes,
        strides=(step,) * axes,
        pads=(0,) * 2 * axes,
        dilations=(1,) * axes,
    )


def plain_conv(weight: Weights, pads: tuple[int, ...], bias: Tensor | None = None) -> Conv:
    """A convolution with stride 1 and padding alike on both sides."""
    axes = len(pads)
    return Conv(
        weight=Tensor(weight),
        bias=bias,
        pads=(*pads, *pads),
        strides=(1,) * axes,
        dilations=(1,) * axes,
        groups=1,
    )


def native_transposed(
    weight: Weights, pads: tuple[int, ...], bias: Tensor | None = None
) -> ConvTranspose:
    """A transposed convolution as the chip has it, from its correlation kernel and padding."""
    outside = tuple(_KERNEL - 1 - pad for pad in pads)
    return ConvTranspose(
        weight=transposed(weight),
        bias=bias,
        pads=(*outside, *outside),
        strides=(_STRIDE, _STRIDE),
        dilations=(1, 1),
        output_padding=(1, 1),
        groups=1,
    )


def _compute(chain: _Chain, work: _Work) -> None:
    """All layers of one convolution, up to its full size."""
    _prepare(chain, work)
    plan = work.plan
    ways, outputs = plan.ways, plan.problem.outputs
    kernel = own_kernel(work.kernel, work.indices, ways)
    pads = tuple(way.pad for way in ways)
    shape = (outputs, *(way.outputs for way in ways))
    if plan.prep is Prep.SUM and plan.beside is not None:
        stored = tuple(way.stored for way in ways)
        chain.part(f"{work.name}parts", plain_conv(kernel, pads), (plan.copies * outputs, *stored))
        adding = _Work(
            name=f"{work.name}parts.",
            kernel=adding_kernel(outputs, ways),
            bias=work.bias,
            indices=_shift_indices(ways),
            plan=plan.beside,
            finish=work.finish,
        )
        _compute(chain, adding)
    elif work.transposed:
        work.finish(native_transposed(kernel, pads, work.bias), shape)
    else:
        work.finish(plain_conv(kernel, pads, work.bias), shape)


def _prepare(chain: _Chain, work: _Work) -> None:
    """The layers in front of the convolution."""
    plan, name = work.plan, f"{work.name}copies"
    ways, channels, step = plan.ways, plan.problem.inputs, plan.inner
    if plan.prep is Prep.COPY and plan.beside is not None:
        copying = _Work(
            name=f"{name}.",
            kernel=copying_kernel(channels, ways),
            indices=_shift_indices(ways),
            plan=plan.beside,
            finish=partial(chain.copy, name),
        )
        _compute(chain, copying)
    elif plan.prep is Prep.ROWS:
        _copy_rows(chain, name, channels, ways[0])
    elif plan.prep is Prep.ODD:
        pads = tuple(way.copy_pad for way in ways)
        copies = plan.copies * channels
        large = resizing_layer(plan.problem, ways).out_size
        spread = native_transposed(copying_kernel(channels, ways), pads)
        chain.copy(name, spread, (copies, *large))
        step *= _STRIDE
    if step > 1:
        seen = tuple((way.stored - 1) // plan.inner + 1 for way in ways)
        chain.copy(f"{work.name}read", every(step, len(ways)), (chain.value.shape[0], *seen))


def _shift_indices(ways: tuple[Way, ...]) -> tuple[tuple[int, ...], ...]:
    """Index of the tap for every shift, in the order of the shifts."""
    return tuple(tuple(shift + way.copy_pad for shift in sorted(way.shifts)) for way in ways)


def _copy_rows(chain: _Chain, name: str, channels: int, way: Way) -> None:
    length, row = chain.value.shape[1], way.row
    copies = len(way.shifts) * channels
    rows = (channels, length // row, row)
    chain.copy(f"{name}.rows", Reshape(shape=rows), rows)
    line = copying_kernel(channels, (way,))
    kernel = np.zeros((*line.shape, _KERNEL), np.float32)
    kernel[..., _KERNEL // 2] = line
    moved = plain_conv(kernel, (way.copy_pad, _KERNEL // 2))
    chain.copy(name, moved, (copies, way.stored // row, row))
    chain.copy(f"{name}.line", Reshape(shape=(copies, way.stored)), (copies, way.stored))


def followed(graph: Graph, node: Node, shape: Shape) -> tuple[Value, ...]:
    """Values behind ``node`` that have its shape, up to the pooling that makes no difference."""
    if shape == graph.shape(node.output):
        return ()
    return tuple(
        replace(graph.value(reader.output), shape=shape)
        for reader in followers(graph, node)
        if not isinstance(reader.op, Pooling)
    )
